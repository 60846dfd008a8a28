"""The owner's table of what answers are worth."""

from types import SimpleNamespace

import numpy as np
import pytest

from recs import served_scores
from recs.engine.recommenders.second_stage.answers import WEIGHTS
from recs.history import VectorHistory
from recs.models import SecondStageWeight
from recs.second_stage_weights import second_stage_weights

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def table(ranking_weights):
    """As the migration writes it."""


def test_at_first_the_table_holds_what_the_engine_says_by_itself(django_assert_num_queries):
    assert [head for head, _ in SecondStageWeight.HEADS] == [str(head) for head in WEIGHTS]
    assert dict(SecondStageWeight.objects.values_list("head", "weight")) == WEIGHTS
    with django_assert_num_queries(1):
        assert second_stage_weights() == WEIGHTS


def test_a_head_without_a_row_keeps_its_weight():
    SecondStageWeight.objects.exclude(head="view").delete()
    SecondStageWeight.objects.update(weight=0.9)

    assert second_stage_weights() == {**WEIGHTS, "view": 0.9}


@pytest.mark.parametrize("mixes", [True, False])
def test_what_is_edited_is_in_the_next_feed(mixes: bool, monkeypatch: pytest.MonkeyPatch):
    mixed: list[dict[str, float]] = []

    def mixed_by(weights: dict[str, float]) -> SimpleNamespace:
        mixed.append(weights)
        return held

    held = SimpleNamespace(mixes=mixes, mixed=mixed_by, catalogue_scores=lambda *_, **__: None)
    monkeypatch.setattr(served_scores, "load_served", lambda version: held)
    one = np.array([1])
    history = VectorHistory(1, 1, one, np.zeros((1, 2), dtype=np.float32), one, one, np.array([np.nan]))

    for weight in (0.1, 0.2):
        SecondStageWeight.objects.filter(head="cart").update(weight=weight)
        served_scores.served_scores(history=history, version=SimpleNamespace(id=1))

    assert [weights["cart"] for weights in mixed] == ([0.1, 0.2] if mixes else [])
