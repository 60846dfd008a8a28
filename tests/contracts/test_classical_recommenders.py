"""What methods promise beyond the contract: complaints are no wishes, what is chosen is saved."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse

from recs.engine.interactions import History, Interactions, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders import ease, tuning
from recs.engine.recommenders.content_based import ContentBased
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.item_weights import ease_weights
from recs.engine.recommenders.least_squares import rotated, solve
from recs.engine.recommenders.matrix_factorization import MatrixFactorization
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from tests.contracts.small_recommenders import (
    GROUPS,
    ITEMS,
    MAKERS,
    fit,
    fitted,
    grouped,
    held_out,
    interactions_of,
    shelves,
)

COUNT_AGAINST = ("item_knn", "ease", "content_based", "transformer")
"""In whose scores a complaint weighs less than nothing; in the others', nothing."""


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(("kind", "stars"), [(Kind.RATING, 1.0), (Kind.HIDE, np.nan)])
def test_a_complaint_in_a_history_is_no_wish_for_what_is_like_it(name: str, kind: Kind, stars: float):
    complaint = History(
        np.array([0, 1, 3]),
        np.array([int(Kind.PURCHASE), int(kind), int(Kind.PURCHASE)]),
        np.zeros(3, dtype=np.int64),
        np.array([np.nan, stars, np.nan], dtype=np.float32),
    )
    recommender = fitted(name)
    assert isinstance(recommender, ScoringRecommender)

    scores = recommender.scores([History.of_items([0, 3]), complaint])

    scores /= scores.max(axis=1, keepdims=True)
    wanted, like_it = (scores[:, np.arange(6 + group, ITEMS, GROUPS)].mean(axis=1) for group in (0, 1))
    before, after = wanted - like_it
    assert after >= before - 1e-5
    if name in COUNT_AGAINST:
        assert after > before + 1e-3
    assert recommender.explain(complaint, 7)[1] <= 1e-6


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("transformer", "hybrid")])
@pytest.mark.parametrize("bought", [[], [0, 1, 4, 7]], ids=["rated", "bought and rated"])
def test_bad_ratings_in_training_are_not_learnt_from(name: str, bought: list[int]):
    data = grouped()
    row = np.array([*bought, 0, 1, 4, 7])
    bad = interactions_of([row.tolist()] * 90, ITEMS)
    poor = np.tile(np.arange(len(row)) >= len(bought), 90)
    bad.kind[poor] = int(Kind.RATING)
    bad.value[poor] = 2.0
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

    learnt = fit(name, both)

    found = learnt.recommend(histories, 4, exclude=[np.array([0, 3, 6])])
    if isinstance(learnt, Popularity):
        assert learnt.popular == pytest.approx(fit(name, data).popular)
    else:
        assert {int(item) % GROUPS for item in found.items[0]} == {0}


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("transformer", "hybrid")])
def test_what_is_chosen_on_validation_is_saved(name: str, tmp_path: Path):
    recommender, again = fit(name, grouped(), held_out()), MAKERS[name]()
    recommender.save(tmp_path / "saved")
    again.load(tmp_path / "saved")
    histories = [History.of_items([0, 3, 9]), History.of_items([7, 4])]

    before, after = recommender.recommend(histories, ITEMS), again.recommend(histories, ITEMS)

    assert before.items.tolist() == after.items.tolist()
    assert np.allclose(before.scores, after.scores)
    assert np.allclose(recommender.explain(histories[0], 6), again.explain(histories[0], 6))


def test_content_vectors_of_new_items_score_as_those_of_training_do():
    model = fitted("content_based")
    assert isinstance(model, ContentBased)
    histories = [History.of_items([0, 3]), History.of_items([7])]

    vectors = model.item_vectors(shelves(ITEMS), known=np.arange(ITEMS))
    new = model.encode(histories) @ model.item_vectors(shelves(GROUPS)).T

    assert np.allclose(vectors, model.vectors)
    assert new.argmax(axis=1).tolist() == [0, 1]


def test_a_new_item_has_no_factors_yet():
    model = fitted("matrix_factorization")
    assert isinstance(model, MatrixFactorization)

    vectors = model.item_vectors(shelves(3), known=np.array([5, -1, 2]))

    assert vectors.tolist() == [
        model.side.factors[5].tolist(),
        [0.0] * model.dimension,
        model.side.factors[2].tolist(),
    ]
    assert not model.item_vectors(shelves(3)).any()


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


def test_ease_solves_for_no_penalty_that_there_is_no_time_for(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    solved = []

    def solver(seen: sparse.csr_matrix, *, most_items: int, seed: int, until: float):
        def solve(penalty: float):
            now[0] += 40.0
            solved.append(penalty)
            return ease_weights((seen.T @ seen).tocsr(), penalty)

        return solve

    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(ease, "_solver", solver)
    monkeypatch.setattr(ease, "time", clock)
    monkeypatch.setattr(tuning, "time", clock)

    Ease().fit(grouped(), shelves(ITEMS), budget=Budget(seconds=100), seed=1, validation=held_out())

    assert solved == list(ease.PENALTIES[:2])
