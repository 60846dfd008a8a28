"""Leave one out in one pass: the same as encoding every shortened history by itself."""

import numpy as np
import pytest
import torch

from recs.engine.interactions import FloatArray, History, IntArray, Items
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer import ensemble
from recs.engine.transformer.ensemble import UserTowers
from recs.engine.transformer.left_out import shared_states
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig

WIDTH = 8
LONGEST = 12
NOW = 1_700_000_000
HALF = 1e-3
"""Of the length of a unit vector that came through half precision."""


def towers(layers: int = 2, members: int = 1) -> UserTowers:
    """Towers that listen to all of a history, as trained ones do: untrained blocks add nothing."""
    torch.manual_seed(layers)
    config = UserTowerConfig(dimension=WIDTH, layers=layers, heads=2, longest=LONGEST)
    made = UserTowers([UserTower(config) for _ in range(members)])
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def history(items: list[int], *, same_moment: bool = False, seed: int = 0) -> tuple:
    """Items, their vectors, kinds, times with long and short gaps, values."""
    rng = np.random.default_rng(seed)
    item, size = np.array(items), len(items)
    places = rng.standard_normal((50, 2 * WIDTH)).astype(np.float32)
    gaps = np.zeros(size, dtype=np.int64) if same_moment else (10 ** rng.uniform(0, 7, size)).astype(np.int64)
    value = np.where(rng.random(size) < 0.5, np.nan, rng.integers(1, 6, size)).astype(np.float32)
    return item, places[item], rng.integers(1, 9, size), NOW + np.cumsum(gaps), value


def one_by_one(tower: UserTowers, done: tuple, left_out: IntArray) -> FloatArray:
    item, vectors, kind, time, value = done
    kept = ~np.isin(item, left_out)
    if not kept.any():
        return np.zeros(tower.config.dimension * len(tower.members), dtype=np.float32)
    length = np.array([kept.sum()])
    parts = (vectors[None, kept], kind[None, kept], time[None, kept], value[None, kept])
    return tower.encode(*parts, length)[0]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    "items", [[3], [3, 4], [3, 3, 3], [1, 2, 3, 4, 5], [1, 2, 1, 3, 1, 4, 4], list(range(LONGEST))]
)
@pytest.mark.parametrize("same_moment", [True, False])
def test_each_is_encoded_as_if_the_item_had_never_been_there(layers, items, same_moment, monkeypatch):
    # Half precision would make a step of what differs by rounding.
    monkeypatch.setattr(ensemble, "as_stored", lambda vectors: vectors)
    tower, done = towers(layers, members=2), history(items, same_moment=same_moment)

    found = tower.left_out(*done)

    np.testing.assert_allclose(found.whole, one_by_one(tower, done, np.array([-1])), atol=1e-6)
    assert found.items.tolist() == list(dict.fromkeys(items[::-1]))
    for item, vector in zip(found.items, found.without, strict=True):
        np.testing.assert_allclose(vector, one_by_one(tower, done, item), atol=1e-6)


def test_the_only_item_adds_the_whole_score():
    tower = towers(members=2)

    found = tower.left_out(*history([7, 7]))

    assert found.without.tolist() == [[0.0] * 2 * WIDTH]
    assert np.linalg.norm(found.whole) == pytest.approx(1.0, abs=HALF)


def test_it_is_what_the_recommender_explains_of_items_that_come_once():
    items = Items(count=6)
    model = Transformer(user=UserTowerConfig(dimension=2 * WIDTH, layers=2, heads=2, longest=LONGEST))
    model.build(items, seed=1)
    for weight in model.user_tower.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    item, _, kind, time, value = history([4, 0, 2, 1])
    model.fallback = np.zeros(6, dtype=np.float32)
    model.vectors = np.random.default_rng(3).standard_normal((6, 2 * WIDTH)).astype(np.float32)

    found = model.user_tower.left_out(item, model.vectors[item], kind, time, value)

    added = (found.whole - found.without) @ model.vectors[5]
    told = model.explain(History(item, kind, time, value), 5)
    np.testing.assert_allclose(added[::-1], told, atol=1e-6)
    assert np.abs(told).max() > 0.01


def test_what_histories_share_is_computed_once():
    """Of n histories that lack one of n each, and the whole: half of n² states, not n² and more."""
    size = 50
    left_out = [np.zeros(0, dtype=np.int64), *(np.array([place]) for place in range(size))]

    shared = shared_states(NOW + 60 * np.arange(size), left_out)

    inside = np.unique(shared.state[:, : size - 1])
    assert len(shared.first) <= size + size - 1 + size * (size - 1) // 2 + 1
    assert len(inside) > size * (size - 1) // 2
    assert len(shared.row) <= 3 * size


def test_more_than_the_tower_reads_is_refused():
    with pytest.raises(ValueError, match="13 interactions, expected at most 12"):
        towers(members=2).left_out(*history([1] * 13))
