"""The two towers: what they may see, and what comes out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recs.engine.interactions import FloatArray, Items, Kind
from recs.engine.transformer.ensemble import ItemTowers, UserTowers
from recs.engine.transformer.item_tower import UNMET, ItemTower, item_features, item_tower_config
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig

WIDTH = 8
NOW = 1_700_000_000
HALF = 1e-3
"""Of the length of a unit vector that came through half precision."""


@pytest.fixture
def tower() -> UserTower:
    torch.manual_seed(0)
    return UserTower(UserTowerConfig(dimension=WIDTH, layers=1, heads=2, longest=6))


def unit(*shape: int, seed: int = 0) -> FloatArray:
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def encode(tower: UserTower, vectors: FloatArray, lengths: list[int], kind: Kind = Kind.VIEW) -> FloatArray:
    return encode_by(UserTowers([tower]), vectors, lengths, kind)


def encode_by(towers: UserTowers, vectors: FloatArray, lengths: list[int], kind: Kind) -> FloatArray:
    shape = vectors.shape[:2]
    return towers.encode(
        vectors,
        np.full(shape, int(kind)),
        np.full(shape, NOW),
        np.full(shape, np.nan, dtype=np.float32),
        np.array(lengths),
    )


def test_users_are_unit_vectors_and_an_empty_history_is_zero(tower: UserTower):
    found = encode(tower, unit(3, 4, WIDTH), [4, 1, 0])

    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0, 1.0, 0.0], abs=HALF)


def test_nothing_but_empty_histories_is_answered_with_zeros(tower: UserTower):
    assert encode(tower, np.zeros((2, 0, WIDTH), dtype=np.float32), [0, 0]).tolist() == [[0.0] * WIDTH] * 2


def test_padding_changes_nothing(tower: UserTower):
    vectors = unit(1, 3, WIDTH)
    padded = np.concatenate([vectors, unit(1, 2, WIDTH, seed=1)], axis=1)

    assert np.allclose(encode(tower, vectors, [3]), encode(tower, padded, [3]), atol=1e-5)


def test_a_state_sees_nothing_of_what_comes_later(tower: UserTower):
    vectors = unit(1, 4, WIDTH)
    changed = vectors.copy()
    changed[0, 3] = -changed[0, 3]
    kind, gap, value = (
        torch.ones(1, 4, dtype=torch.long),
        torch.zeros(1, 4, dtype=torch.long),
        torch.zeros(1, 4),
    )
    tower.eval()

    with torch.inference_mode():
        states = [tower(torch.from_numpy(x), kind, gap, value, torch.tensor([4])) for x in (vectors, changed)]

    assert torch.allclose(states[0][:, :3], states[1][:, :3], atol=1e-6)
    assert not torch.allclose(states[0][:, 3], states[1][:, 3], atol=1e-2)


def test_the_newest_state_is_that_of_the_whole_forward_pass():
    torch.manual_seed(0)
    tower = UserTower(UserTowerConfig(dimension=WIDTH, layers=2, heads=2, longest=6)).eval()
    for weight in tower.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    vectors, nothing = torch.from_numpy(unit(3, 5, WIDTH)), torch.zeros(3, 5, dtype=torch.long)

    for lengths in ([5, 2, 1], [5, 5, 5]):
        length = torch.tensor(lengths)
        with torch.inference_mode():
            newest = tower.newest(vectors, nothing, nothing, nothing.float(), length)
            states = tower(vectors, nothing, nothing, nothing.float(), length)
        assert torch.allclose(newest, states[torch.arange(3), length - 1], atol=1e-5)


def test_a_history_longer_than_the_tower_reads_is_refused(tower: UserTower):
    with pytest.raises(ValueError, match="7 interactions per history, expected at most 6"):
        encode(tower, unit(1, 7, WIDTH), [7])


def test_kinds_gaps_and_places_that_training_never_showed_mean_what_the_nearest_does(tower: UserTower):
    tower.adopt_unseen(kinds=np.array([int(Kind.PURCHASE)]), gaps=np.array([0, 4, 9]), longest=3)

    assert torch.equal(tower.kind.weight[int(Kind.VIEW)], tower.kind.weight[0])
    assert not torch.equal(tower.kind.weight[int(Kind.PURCHASE)], tower.kind.weight[0])
    assert torch.equal(tower.gap.weight[1], tower.gap.weight[4])
    assert torch.equal(tower.gap.weight[23], tower.gap.weight[9])
    assert torch.equal(tower.position.weight[5], tower.position.weight[2])


def content(count: int = 4) -> Items:
    return Items(
        count=count,
        text=unit(count, 5),
        image=unit(count, 3, seed=1),
        category=np.arange(count) % 2,
        price=np.linspace(1, 9, count).astype(np.float32),
        attribute_ids=np.arange(count),
        attribute_offsets=np.arange(count + 1),
    )


def item_tower(items: Items) -> ItemTower:
    torch.manual_seed(0)
    return ItemTower(replace(item_tower_config(items, dimension=WIDTH), id_dropout=0.5))


def test_items_are_unit_vectors_where_parts_are_missing_too_and_shorter_without_an_id():
    items = content()
    assert items.text is not None
    assert items.price is not None
    items.text[0] = np.nan
    items.price[1] = np.nan

    found = item_tower(items).vectors(items, known=np.array([0, 1, -1, -1]))

    assert np.isfinite(found).all()
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0, 1.0, UNMET, UNMET], abs=1e-5)


def test_a_missing_part_is_left_out_and_not_a_zero():
    items = content()
    tower = item_tower(items)
    assert tower.text is not None
    with torch.no_grad():
        tower.text.bias.fill_(5.0)
    assert items.text is not None
    with_text = tower.vectors(items)
    items.text[:] = np.nan

    without = tower.vectors(items)

    # The bias belongs to the part: an item without text has none of it.
    assert (with_text @ np.ones(WIDTH) > 2.7 * UNMET).all()
    assert (np.abs(without @ np.ones(WIDTH)) < 2.7 * UNMET).all()


def test_without_text_too_any_part_may_be_dropped_but_never_the_last():
    first = np.arange(400) < 200
    items = replace(
        content(400),
        text=None,
        image=None,
        category=np.where(first, 0, -1),
        price=np.where(first, 1.0, np.nan).astype(np.float32),
    )
    tower = item_tower(items)
    whole = item_features(items, np.full(400, -1), tower.config).mask

    kept = tower._dropped(whole)

    assert (kept <= whole).all()
    assert (kept[:200, 3:].mean(dim=0) < 0.9).all()
    assert (kept[:, 1:].sum(dim=1) >= 1).all()
    # Attributes are all that these have.
    assert (kept[200:] == whole[200:]).all()


def test_an_item_with_no_part_at_all_is_zero():
    items = content()
    tower = item_tower(items)

    assert not tower.vectors(Items(count=2)).any()


def test_numbers_that_are_none_make_a_part_missing_and_harm_no_other():
    items, broken = content(), content()
    assert items.text is not None
    assert broken.text is not None
    assert broken.image is not None
    tower = item_tower(items)
    broken.text[1, 0], broken.image[2, 1] = np.inf, -np.inf

    found = tower.vectors(broken, known=np.array([0, 1, 2, 3]))
    features = item_features(broken, np.arange(4), tower.config)

    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0] * 4, abs=1e-5)
    assert features.mask[:, 1:3].tolist() == [[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    assert (features.text[1].tolist(), features.image[2].tolist()) == ([0.0] * 5, [0.0] * 3)


def test_categories_and_attributes_that_training_never_showed_are_left_out():
    items = content()
    tower = item_tower(items)
    strange = Items(
        count=1,
        category=np.array([77]),
        attribute_ids=np.array([99]),
        attribute_offsets=np.array([0, 1]),
    )

    assert not tower.vectors(strange).any()


def test_content_of_another_width_is_refused():
    tower = item_tower(content())

    with pytest.raises(ValueError, match=r"content vectors of shape \(1, 4\), expected \(1, 5\)"):
        tower.vectors(Items(count=1, text=unit(1, 4)))


def test_the_score_of_an_ensemble_is_the_mean_of_its_members():
    torch.manual_seed(0)
    items = content()
    config = UserTowerConfig(dimension=WIDTH, layers=1, heads=2, longest=6)
    users, places = [UserTower(config) for _ in range(2)], [item_tower(items) for _ in range(2)]
    known = np.array([0, 1, 2, -1])

    def scores(user_towers: list[UserTower], item_towers: list[ItemTower]) -> FloatArray:
        vectors = ItemTowers(item_towers).vectors(items, known=known)
        history = vectors[[[0, 1], [2, 2]]]
        return encode_by(UserTowers(user_towers), history, [2, 1], Kind.VIEW) @ vectors.T

    alone = [scores([user], [place]) for user, place in zip(users, places, strict=True)]

    assert np.allclose(scores(users, places), np.mean(alone, axis=0), atol=HALF)
    assert not np.allclose(alone[0], alone[1], atol=1e-2)
