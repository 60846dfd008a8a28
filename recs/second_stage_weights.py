"""What an answer of each kind is worth to the owner, who edits it in the admin."""

from __future__ import annotations

from recs.models import SecondStageWeight


def second_stage_weights() -> dict[str, float]:
    """By name of the head, by one query; one without a row keeps what the engine says by itself."""
    from recs.engine.recommenders.second_stage.answers import WEIGHTS

    edited = dict(SecondStageWeight.objects.values_list("head", "weight"))
    return {str(head): edited.get(str(head), weight) for head, weight in WEIGHTS.items()}
