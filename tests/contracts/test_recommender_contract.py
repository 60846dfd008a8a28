"""What every recommender promises, checked on each of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from recs.engine.interactions import HeldOut, History, Interactions, Items, Kind
from recs.engine.recommender import Budget, Progress, Recommender
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.content_based import ContentBased
from recs.engine.recommenders.least_squares import rotated, solve
from recs.engine.recommenders.transformer import Transformer, load_item_tower, load_user_tower
from recs.engine.transformer.training import CHECKPOINT, TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig

ITEMS = 24
GROUPS = 3
EPOCHS = 6


def small_transformer(epochs: int = EPOCHS) -> Transformer:
    user = UserTowerConfig(dimension=16, layers=1, heads=2, longest=10, dropout=0.1)
    return Transformer(user=user, training=TrainingConfig(batch=32, epochs=epochs, learning_rate=5e-3))


MAKERS: dict[str, Callable[[], Recommender]] = {**FAMILY, "transformer": small_transformer}
every_recommender = pytest.mark.parametrize("name", MAKERS)


def interactions_of(rows: list[list[int]], item_count: int) -> Interactions:
    item = np.array([item for row in rows for item in row], dtype=np.int64)
    size = len(item)
    return Interactions(
        user=np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        item=item,
        kind=np.full(size, int(Kind.PURCHASE), dtype=np.int64),
        time=np.zeros(size, dtype=np.int64),
        value=np.full(size, np.nan, dtype=np.float32),
        user_count=len(rows),
        item_count=item_count,
    )


def grouped() -> Interactions:
    """Users who each keep to every third item."""
    rng = np.random.default_rng(0)
    rows = [(rng.permutation(ITEMS // GROUPS)[:5] * GROUPS + user % GROUPS).tolist() for user in range(90)]
    return interactions_of(rows, ITEMS)


def shelves(item_count: int) -> Items:
    """Attributes and categories say which group an item is of, and which half."""
    item = np.arange(item_count)
    return Items(
        count=item_count,
        category=item % GROUPS,
        attribute_ids=np.stack([item % GROUPS, GROUPS + item % 2], axis=1).ravel(),
        attribute_offsets=2 * np.arange(item_count + 1),
    )


def fit(name: str, data: Interactions, validation: HeldOut | None = None) -> Recommender:
    recommender = MAKERS[name]()
    recommender.fit(data, shelves(data.item_count), budget=Budget(seconds=30), seed=1, validation=validation)
    return recommender


@functools.cache
def fitted(name: str) -> Recommender:
    """On ``grouped()``; asking a recommender does not change it, so tests share one."""
    return fit(name, grouped())


@every_recommender
def test_the_same_seed_gives_the_same_answer(name: str):
    histories = [History.of_items([0, 3]), History.of_items([7])]

    first, second = (fit(name, grouped()).recommend(histories, 5) for _ in range(2))

    assert first.items.tolist() == second.items.tolist()
    assert np.allclose(first.scores, second.scores)


@every_recommender
def test_what_is_excluded_is_never_returned(name: str):
    excluded = np.arange(0, ITEMS, 2)

    found = fitted(name).recommend([History.of_items([0, 3])], ITEMS, exclude=[excluded])

    assert not set(found.items[0].tolist()) & set(excluded.tolist())
    assert (found.items[0] >= 0).sum() == ITEMS - len(excluded)


@every_recommender
def test_only_what_it_may_choose_among_is_returned(name: str):
    among = np.array([1, 2, 3])

    found = fitted(name).recommend([History.of_items([0])], 5, among=among)

    assert sorted(found.items[0][:3].tolist()) == [1, 2, 3]
    assert found.items[0][3:].tolist() == [-1, -1]


@every_recommender
def test_scores_fall(name: str):
    found = fitted(name).recommend([History.of_items([0, 3, 6])], 10)

    assert (np.diff(found.scores[0]) <= 1e-6).all()


@every_recommender
def test_an_empty_history_is_answered(name: str):
    found = fitted(name).recommend([History.of_items([])], 5)

    assert (found.items[0] >= 0).all()


@every_recommender
def test_items_outside_the_catalogue_are_passed_over(name: str):
    recommender = fitted(name)

    strange = recommender.recommend([History.of_items([-1, 0, -1, 3])], 5)
    plain = recommender.recommend([History.of_items([0, 3])], 5)

    assert strange.items.tolist() == plain.items.tolist()


@every_recommender
def test_one_user_and_one_item_are_enough(name: str):
    recommender = fit(name, interactions_of([[0]], 1))

    assert recommender.recommend([History.of_items([0])], 2).items.tolist() == [[0, -1]]


@every_recommender
def test_an_item_never_seen_is_ranked_and_may_stand_in_a_history(name: str):
    recommender = fit(name, interactions_of([[0, 3, 6], [0, 3], [1, 4], [1, 4, 7]], ITEMS))
    unseen = ITEMS - 1

    ranked = recommender.recommend([History.of_items([0])], ITEMS)
    asked = recommender.recommend([History.of_items([unseen])], 3, exclude=[np.array([unseen])])

    assert unseen in ranked.items[0]
    assert np.isfinite(ranked.scores).all()
    assert (asked.items >= 0).all()
    assert np.isfinite(asked.scores).all()


@every_recommender
def test_data_without_a_single_wish_is_no_failure(name: str):
    data = interactions_of([[0, 1], [2]], 3)
    data.kind[:] = int(Kind.HIDE)

    found = fit(name, data).recommend([History.of_items([]), History.of_items([0])], 3)

    assert sorted(found.items[0].tolist()) == [0, 1, 2]
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "transformer"])
@pytest.mark.parametrize(("kind", "stars"), [(Kind.RATING, 1.0), (Kind.HIDE, np.nan)])
def test_a_complaint_in_a_history_is_no_wish(name: str, kind: Kind, stars: float):
    plain = History.of_items([0, 3])
    complaint = History(
        np.array([0, 1, 3]),
        np.array([int(Kind.PURCHASE), int(kind), int(Kind.PURCHASE)]),
        np.zeros(3, dtype=np.int64),
        np.array([np.nan, stars, np.nan], dtype=np.float32),
    )

    found, expected = (fitted(name).recommend([history], 5) for history in (complaint, plain))

    assert found.items.tolist() == expected.items.tolist()
    assert fitted(name).explain(complaint, 6)[1] == 0.0


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "transformer"])
def test_bad_ratings_in_training_are_not_learnt_from(name: str):
    data = grouped()
    bad = interactions_of([[0, 1, 4, 7]] * 90, ITEMS)
    bad.kind[:] = int(Kind.RATING)
    bad.value[:] = 2.0
    both = Interactions(
        np.concatenate([data.user, bad.user + data.user_count]),
        np.concatenate([data.item, bad.item]),
        np.concatenate([data.kind, bad.kind]),
        np.concatenate([data.time, bad.time]),
        np.concatenate([data.value, bad.value]),
        data.user_count + bad.user_count,
        ITEMS,
    )
    histories = [History.of_items([0, 3, 6])]

    found = fit(name, both).recommend(histories, 4, exclude=[np.array([0, 3, 6])])

    assert {int(item) % GROUPS for item in found.items[0]} <= ({0} if name != "popularity" else {0, 1, 2})


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "transformer"])
def test_what_is_chosen_on_validation_is_saved(name: str, tmp_path: Path):
    held_out = HeldOut([History.of_items([0, 3])], [np.array([6])], [np.array([0, 3])])
    recommender, again = fit(name, grouped(), held_out), MAKERS[name]()
    recommender.save(tmp_path / "saved")
    again.load(tmp_path / "saved")
    histories = [History.of_items([0, 3, 9]), History.of_items([7, 4])]

    before, after = recommender.recommend(histories, ITEMS), again.recommend(histories, ITEMS)

    assert before.items.tolist() == after.items.tolist()
    assert np.allclose(before.scores, after.scores)
    assert np.allclose(recommender.explain(histories[0], 6), again.explain(histories[0], 6))


@pytest.mark.parametrize("name", ["user_knn", "item_knn", "matrix_factorization", "ease"])
def test_contributions_add_up_to_the_score(name: str):
    history = History.of_items([0, 3, 7])

    found = fitted(name).recommend([history], 5)

    for item, score in zip(found.items[0], found.scores[0], strict=True):
        assert fitted(name).explain(history, int(item)).sum() == pytest.approx(score, abs=1e-5)


def test_content_contributions_and_popularity_add_up_to_the_score():
    model = fitted("content_based")
    assert isinstance(model, ContentBased)
    history = History.of_items([0, 3, 7])

    found = model.recommend([history], 5)

    for item, score in zip(found.items[0], found.scores[0], strict=True):
        popular = model.weights["popular"] * model.prior[item]
        assert model.explain(history, int(item)).sum() + popular == pytest.approx(score, abs=1e-5)


def test_content_vectors_of_new_items_score_as_those_of_training_do():
    model = fitted("content_based")
    assert isinstance(model, ContentBased)
    histories = [History.of_items([0, 3]), History.of_items([7])]

    vectors = model.item_vectors(shelves(ITEMS), known=np.arange(ITEMS))
    new = model.encode(histories) @ model.item_vectors(shelves(GROUPS)).T

    assert np.allclose(vectors, model.vectors)
    assert new.argmax(axis=1).tolist() == [0, 1]


def test_factors_are_those_of_the_plain_normal_equations():
    rng = np.random.default_rng(3)
    factors = torch.from_numpy(rng.normal(size=(40, 4)).astype(np.float32))
    side = rotated(factors)
    # The second row is longer than there are factors: it is solved another way.
    extra = sparse.csr_matrix(rng.random((2, 40)).astype(np.float32) + 0.5)
    extra.data[2:40] = 0.0
    extra.eliminate_zeros()

    found = solve(side, extra, None, 2.0)

    y, d = side.factors.double().numpy(), extra.toarray()
    for row in range(2):
        system = y.T @ y + y.T @ np.diag(d[row]) @ y + 2.0 * np.eye(4)
        right = y.T @ np.where(d[row] > 0, 1.0 + d[row], 0.0)
        assert np.allclose(found[row], np.linalg.solve(system, right), atol=1e-4)


@every_recommender
def test_saved_and_loaded_it_scores_the_same(name: str, tmp_path: Path):
    recommender, again = fitted(name), MAKERS[name]()
    recommender.save(tmp_path / "saved")
    again.load(tmp_path / "saved")
    histories = [History.of_items([0, 3]), History.of_items([])]

    before, after = recommender.recommend(histories, 6), again.recommend(histories, 6)

    assert before.items.tolist() == after.items.tolist()
    assert np.allclose(before.scores, after.scores)
    assert again.parameters == recommender.parameters > 0


@every_recommender
def test_an_explanation_has_a_number_for_each_interaction(name: str):
    found = fitted(name).explain(History.of_items([0, -1, 3]), 6)

    assert found.shape == (3,)
    assert found[1] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "popularity"])
def test_those_who_read_the_history_find_its_group(name: str):
    found = fitted(name).recommend([History.of_items([0, 3, 6])], 4, exclude=[np.array([0, 3, 6])])

    assert {int(item) % GROUPS for item in found.items[0]} == {0}


def test_a_killed_training_goes_on_from_its_checkpoint(tmp_path: Path):
    data, items = grouped(), Items(count=ITEMS)

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.figures.get("epoch") == 4:
            raise Killed

    budget = Budget(seconds=30, checkpoint=tmp_path)
    with pytest.raises(Killed):
        small_transformer().fit(data, items, budget=budget, seed=1, progress=kill)
    epochs: list[float] = []
    resumed = small_transformer()
    resumed.fit(
        data, items, budget=budget, seed=1, progress=lambda told: epochs.append(told.figures.get("epoch", 0))
    )
    whole = small_transformer()
    whole.fit(data, items, budget=Budget(seconds=30), seed=1)

    assert min(epoch for epoch in epochs if epoch) == 4
    assert np.allclose(resumed.vectors, whole.vectors, atol=2e-3)


def test_content_alone_places_an_item_that_nobody_has_touched():
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(GROUPS, 12)).astype(np.float32)
    text = np.stack([centres[item % GROUPS] + 0.1 * rng.normal(size=12) for item in range(ITEMS + 1)])
    text = (text / np.linalg.norm(text, axis=1, keepdims=True)).astype(np.float32)
    model = small_transformer(epochs=20)
    model.fit(grouped(), Items(count=ITEMS, text=text[:ITEMS]), budget=Budget(seconds=30), seed=1)

    vector = model.item_vectors(Items(count=1, text=text[ITEMS:]))[0]

    nearest = np.argsort(-(model.vectors @ vector))[:3]
    assert {int(item) % GROUPS for item in nearest} == {ITEMS % GROUPS}
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)


def test_training_keeps_the_epoch_that_validates_best():
    held_out = HeldOut([History.of_items([0, 3])], [np.array([6])], [np.array([0, 3])])
    model = small_transformer()
    model.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds=30), seed=1, validation=held_out)

    assert model.state.best_ndcg >= 0.0
    assert model.state.best_epoch >= 1


def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path: Path):
    (tmp_path / CHECKPOINT).write_bytes(b"cut off")
    model = small_transformer(epochs=2)

    model.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds=30, checkpoint=tmp_path), seed=1)

    assert model.state.epoch == 2


def test_a_checkpoint_of_other_data_is_passed_over(tmp_path: Path):
    budget = Budget(seconds=30, checkpoint=tmp_path)
    small_transformer(epochs=2).fit(grouped(), Items(count=ITEMS), budget=budget, seed=1)
    other = interactions_of([[0, 1, 2], [3, 4, 5]], ITEMS)
    epochs: list[float] = []

    small_transformer(epochs=2).fit(
        other,
        Items(count=ITEMS),
        budget=budget,
        seed=1,
        progress=lambda told: epochs.append(told.figures.get("epoch", 0)),
    )

    assert [epoch for epoch in epochs if epoch] == [1, 2]


def test_the_towers_serve_alone_what_the_recommender_scores_with(tmp_path: Path):
    model = fitted("transformer")
    assert isinstance(model, Transformer)
    model.save(tmp_path / "saved")
    tower = load_user_tower(tmp_path / "saved")
    items = np.array([[0, 3, 6]])

    user = tower.encode(
        model.vectors[items],
        np.full((1, 3), int(Kind.PURCHASE)),
        np.zeros((1, 3), dtype=np.int64),
        np.full((1, 3), np.nan, dtype=np.float32),
        np.array([3]),
    )

    assert np.allclose(user, model.encode([History.of_items([0, 3, 6])]), atol=1e-5)
    known = np.where(model.trained, np.arange(ITEMS), -1)
    vectors = load_item_tower(tmp_path / "saved").vectors(Items(count=ITEMS), known=known)
    assert np.allclose(vectors, model.vectors, atol=1e-3)
