"""What is chosen on validation, and what where there is no time to."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from recs.engine.interactions import HeldOut, History
from recs.engine.recommender import CannotLearn
from recs.engine.recommenders import tuning
from recs.engine.recommenders.tuning import Judge, choose


class Judging:
    """Says in turn what each candidate is worth."""

    def __init__(self, *worth: float) -> None:
        self.worth = list(worth)

    def ndcg(self) -> float:
        return self.worth.pop(0)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Makes it these moments, one after another."""
    return lambda *moments: monkeypatch.setattr(tuning.time, "monotonic", iter(moments).__next__)


def test_what_a_judgement_takes_is_told_by_a_few_of_its_rows(at, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def evaluate(recommender, rows, **_):
        asked.append(len(rows))
        return SimpleNamespace(ndcg_10=0.1)

    monkeypatch.setattr(tuning, "evaluate", evaluate)
    one = np.array([1])
    row = History.of_items([0])
    judge = Judge(object(), HeldOut([row] * 3_000, [one] * 3_000, [one] * 3_000), 5, seed=1)
    at(10.0, 13.0)

    assert judge.expected_seconds() == 12.0
    assert judge.ndcg() == 0.1
    assert asked == [tuning.FEW, tuning.VALIDATION_ROWS]


def test_of_equals_the_first_is_chosen(at):
    at(*[0.0] * 9)

    assert choose("abc", Judging(0.1, 0.2, 0.2), stage="letters", count=3, until=1.0) == "b"


def test_after_the_time_no_further_one_is_tried(at):
    at(0.0, 2.0)
    judging = Judging(0.1, 0.2, 0.3)

    assert choose("abc", judging, stage="letters", count=3, until=1.0) == "a"
    assert len(judging.worth) == 2


def test_the_only_one_that_there_is_time_for_is_not_judged(at):
    at(2.0)

    assert choose("abc", Judging(), stage="letters", count=3, until=1.0) == "a"


def test_nothing_to_choose_from_is_said_in_words(at):
    with pytest.raises(CannotLearn, match="nothing to choose from"):
        choose("", Judging(), stage="letters", count=0, until=1.0)
