"""The memory beside the towers."""

import numpy as np
import pytest

from recs.engine.interactions import History, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders import neighbouring_states
from recs.engine.recommenders.neighbouring_states import NeighbouringStates
from recs.engine.recommenders.transformer import Transformer
from tests.contracts.small_recommenders import ITEMS, fit, grouped, interactions_of, shelves


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    fitted = fit("transformer", grouped())
    assert isinstance(fitted, Transformer)
    return fitted


def remembering(transformer: Transformer, rows: list[list[int]]) -> NeighbouringStates:
    memory = NeighbouringStates(transformer)
    memory.fit(interactions_of(rows, 24), shelves(24), budget=Budget(seconds=5), seed=0)
    return memory


def test_only_what_came_next_is_recommended_and_most_after_the_likest_history(transformer):
    memory = remembering(transformer, [[0, 3, 9], [1, 4]])

    scores = memory.scores([History.of_items([0, 3])])[0]

    assert np.flatnonzero(scores).tolist() == [3, 4, 9]
    # The very history that is asked for was remembered, rounded to half precision.
    assert scores[9] == pytest.approx(1.0, abs=0.02)
    assert scores.argmax() == 9


def test_what_tells_no_wish_is_not_remembered(transformer):
    data = interactions_of([[7, 9, 12]], 24)
    data.kind[0] = int(Kind.CART_REMOVE)
    memory = NeighbouringStates(transformer)

    memory.fit(data, shelves(24), budget=Budget(seconds=5), seed=0)

    assert memory.following.tolist() == [12]


def test_what_shares_a_moment_has_no_order(transformer):
    """One invoice each, always in the till's order."""
    data = interactions_of([[0, 1]] * 60, ITEMS)
    data.time[:] = 1_700_000_000
    made = NeighbouringStates(transformer)

    made.fit(data, shelves(ITEMS), budget=Budget(5), seed=0)

    counts = np.bincount(made.following.numpy(), minlength=2)
    assert counts.min() > 15
    assert counts.sum() == 60


def test_a_history_that_cannot_be_read_gets_the_popular(transformer):
    memory = remembering(transformer, [[0, 3, 9]])

    assert memory.scores([History.of_items([])])[0].tolist() == transformer.fallback.tolist()


def test_single_interactions_leave_nothing_to_remember(transformer):
    with pytest.raises(ValueError, match="no history has two interactions"):
        remembering(transformer, [[0], [3]])


def test_the_newest_are_kept_when_there_are_too_many(transformer, monkeypatch):
    monkeypatch.setattr(neighbouring_states, "MOST_STATES", 2)
    data = interactions_of([[0, 3, 6], [1, 4, 7]], 24)
    data.time[:] = [10, 20, 60, 10, 50, 40]
    memory = NeighbouringStates(transformer)

    memory.fit(data, shelves(24), budget=Budget(seconds=5), seed=0)

    assert sorted(memory.following.tolist()) == [4, 6]


def test_when_time_is_over_fewer_histories_are_remembered(transformer, monkeypatch):
    monkeypatch.setattr(neighbouring_states, "AT_ONCE", 2)
    memory = NeighbouringStates(transformer)

    memory.fit(interactions_of([[1, 2]] * 10, 24), shelves(24), budget=Budget(seconds=0), seed=0)

    assert memory.following.tolist() == [2, 2]
