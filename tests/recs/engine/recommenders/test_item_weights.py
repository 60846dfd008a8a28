"""The linear model's weights against the formulas, worked out densely."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from recs.engine.directions import leading_directions
from recs.engine.interactions import History, Items
from recs.engine.recommender import Budget
from recs.engine.recommenders import ease, item_weights
from recs.engine.recommenders.item_weights import (
    SOON_SOLVED,
    Dense,
    LowRank,
    ease_weights,
    restored,
    ridge_weights,
    seconds_to_solve,
)
from tests.contracts.small_recommenders import ITEMS, grouped

PENALTY = 3.0


def seen(users: int = 40, items: int = 9) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.random.default_rng(0).random((users, items)) < 0.3).astype(np.float32))


def test_ease_is_the_ridge_regression_that_may_not_use_the_item_itself():
    matrix = seen()
    dense = matrix.toarray()

    weights = ease_weights((matrix.T @ matrix).tocsr(), PENALTY).weights

    for item in range(dense.shape[1]):
        others = np.delete(dense, item, axis=1)
        alone = np.linalg.solve(
            others.T @ others + PENALTY * np.eye(others.shape[1]), others.T @ dense[:, item]
        )
        assert np.delete(weights[:, item], item) == pytest.approx(alone, abs=1e-4)
        assert weights[item, item] == 0.0


def test_with_all_directions_the_low_rank_form_is_the_ridge_regression_without_its_diagonal():
    matrix = seen()
    dense = matrix.toarray()
    ridge = np.linalg.solve(dense.T @ dense + PENALTY * np.eye(9), dense.T @ dense)
    expected = ridge - np.diag(np.diag(ridge))

    found = ridge_weights(*leading_directions(matrix, 9, seed=1), PENALTY)

    assert found.scores(sparse.csr_matrix(np.eye(9, dtype=np.float32))) == pytest.approx(expected, abs=1e-4)


def test_beyond_its_bound_ease_takes_the_low_rank_form_and_still_finds_the_group(monkeypatch, tmp_path):
    monkeypatch.setattr(ease, "RANK", 6)
    model = ease.Ease(most_items=ITEMS - 1)
    model.fit(grouped(), Items(count=ITEMS), budget=Budget(10), seed=1)

    first = model.recommend([History.of_items([0, 3])], 3, exclude=[np.array([0, 3])]).items[0]

    assert isinstance(model.weights, LowRank)
    assert {int(item) % 3 for item in first} == {0}
    assert isinstance(restored(model.pack().arrays), LowRank)


def test_where_there_is_no_time_to_solve_for_all_items_ease_takes_the_low_rank_form(monkeypatch):
    monkeypatch.setattr(ease, "RANK", 6)
    monkeypatch.setattr(ease, "seconds_to_solve", lambda items: 20.0)
    forms = []
    for seconds in (10, 30):
        model = ease.Ease()
        model.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds), seed=1)
        forms.append(type(model.weights))

    assert forms == [LowRank, Dense]


def test_a_solution_of_few_items_takes_no_time_and_of_many_grows_by_their_cube(monkeypatch):
    monkeypatch.setattr(item_weights, "TRIED", 64)
    # Each trial takes half a second.
    monkeypatch.setattr(item_weights, "time", SimpleNamespace(monotonic=count(0.0, 0.5).__next__))

    assert seconds_to_solve(SOON_SOLVED) == 0.0
    assert seconds_to_solve(SOON_SOLVED + 1) > 0.0
    assert seconds_to_solve(64 * 100) == 0.5 * 100**3
