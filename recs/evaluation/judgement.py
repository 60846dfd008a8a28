"""Outcomes of several recommenders side by side: who is the baseline, how the others differ, all as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recs.engine.breakdown import Part
from recs.engine.comparison import Interval, Paired, mean_interval, paired
from recs.evaluation.leave_last_out import IDS_ALONE, Outcome

OURS = ("transformer", "hybrid")
"""What is to be judged; the best of the others is the baseline."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome with the intervals of its means and, unless it is the baseline itself, the difference to it."""

    outcome: Outcome
    hr_10: Interval
    ndcg_10: Interval
    against: str = ""
    hr_10_difference: Paired | None = None
    ndcg_10_difference: Paired | None = None


def judge(outcomes: Sequence[Outcome], *, seed: int) -> list[Judged]:
    """All outcomes are about the same test rows. The baseline is chosen on validation, as everything is."""
    others = [one for one in outcomes if one.recommender.removesuffix(IDS_ALONE) not in OURS]
    baseline = max(others, key=lambda one: one.validation_ndcg_10, default=None)
    judged = []
    for one in outcomes:
        hr = mean_interval(one.test.hit_rows, seed=seed)
        ndcg = mean_interval(one.test.rows, seed=seed)
        if baseline is None or one is baseline:
            judged.append(Judged(one, hr, ndcg))
            continue
        judged.append(
            Judged(
                one,
                hr,
                ndcg,
                baseline.recommender,
                paired(one.test.hit_rows, baseline.test.hit_rows, seed=seed),
                paired(one.test.rows, baseline.test.rows, seed=seed),
            )
        )
    return judged


def baseline_of(judged: Sequence[Judged]) -> str | None:
    """The name of the baseline; None where there is nothing to compare with."""
    return next((one.against for one in judged if one.against), None)


def as_json(one: Judged) -> dict[str, Any]:
    """The keys of the protocol, then the added ones."""
    outcome = one.outcome
    figures = outcome.test.figures()
    names = ("hr@5", "hr@10", "ndcg@5", "ndcg@10", "mrr", "coverage@10")
    result: dict[str, Any] = {
        "recommender": outcome.recommender,
        **{name: figures[name] for name in names},
        "validation_ndcg@10": round(outcome.validation_ndcg_10, 5),
        "train_seconds": round(outcome.train_seconds, 1),
        "peak_rss_mb": outcome.peak_rss_mb,
        "parameters": outcome.parameters,
        "hr@10_interval": interval_json(one.hr_10),
        "ndcg@10_interval": interval_json(one.ndcg_10),
        "novelty@10": round(outcome.novelty_10, 4),
        "gini@10": round(outcome.gini_10, 4),
        "by_history_length": parts_json(outcome.by_length),
        "by_popularity": parts_json(outcome.by_popularity),
        "against_baseline": None,
        "curve": [
            {"seconds": point.seconds, "stage": point.stage, **point.figures} for point in outcome.curve
        ],
    }
    result |= outcome.made_of
    if one.hr_10_difference and one.ndcg_10_difference:
        result["against_baseline"] = {
            "baseline": one.against,
            "hr@10": paired_json(one.hr_10_difference),
            "ndcg@10": paired_json(one.ndcg_10_difference),
        }
    if outcome.cold:
        result["targets"] = parts_json(outcome.cold)
    if outcome.clicks:
        result["new_users_after_clicks"] = parts_json(outcome.clicks)
    return result


def interval_json(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(interval.low, 5), round(interval.high, 5)]


def paired_json(found: Paired) -> dict[str, Any]:
    return {
        "difference": round(found.difference, 5),
        "interval": interval_json(found.interval),
        "p_value": round(found.p_value, 5),
    }


def parts_json(parts: dict[str, Part]) -> dict[str, Any]:
    return {name: part_json(some) for name, some in parts.items()}


def part_json(some: Part) -> dict[str, Any]:
    """Without a row there is no figure: null, not 0."""
    measured = some.rows > 0
    return {
        "rows": some.rows,
        "hr@10": round(some.hr_10, 5) if measured else None,
        "ndcg@10": round(some.ndcg_10, 5) if measured else None,
        "hr@10_interval": interval_json(some.hr_10_interval),
        "ndcg@10_interval": interval_json(some.ndcg_10_interval),
    }
