"""Peers and ours side by side, and who needed how long for the same quality: table and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.table import Table

from recs.engine.evaluation import quality
from recs.engine.learning_curve import CurvePoint
from recs.engine.recommenders.transformer import VALIDATION_ROWS
from recs.engine.sequences import SequenceData
from recs.evaluation.fitting import Lesson
from recs.evaluation.judgement import Judged, as_json, baseline_of
from recs.evaluation.leave_last_out import Outcome, Protocol
from recs.evaluation.peers.exchange import Answer
from recs.evaluation.peers.running import validation_ndcg
from recs.evaluation.tables import METRICS, difference, interval


@dataclass(frozen=True, slots=True)
class Race:
    """Seconds until a validation NDCG@10 was reached: the peer's own final one, on the rows of our learning curve.

    ``peer_seconds``: until the weights that it keeps were learnt, not the epochs that it waited for better ones.
    ``our_seconds`` and ``ratio`` are None where our curve never reached it.
    """

    peer: str
    validation_ndcg_10: float
    peer_seconds: float
    our_seconds: float | None
    ratio: float | None

    def __str__(self) -> str:
        reached = f"{self.peer} reached its final validation NDCG@10 of {self.validation_ndcg_10:.4f} in"
        if self.our_seconds is None:
            return f"{reached} {self.peer_seconds:.0f} s; the transformer did not reach it"
        share = "" if self.ratio is None else f": {self.ratio:.3f} of its time"
        return f"{reached} {self.peer_seconds:.0f} s, the transformer in {self.our_seconds:.1f} s{share}"


def race(peer: str, answer: Answer, lesson: Lesson, curve: Sequence[CurvePoint], *, seed: int) -> Race:
    """``curve``: of our transformer, which is judged on a sample of the validation: so is the peer here."""
    final = validation_ndcg(answer, lesson, most=VALIDATION_ROWS, seed=seed)
    reached = next((point.seconds for point in curve if point.figures["ndcg@10"] >= final), None)
    ratio = None if reached is None or not answer.best_seconds else reached / answer.best_seconds
    return Race(peer, final, answer.best_seconds, reached, ratio)


def of_ten_places(outcome: Outcome, asked: Protocol) -> Outcome:
    """Ours looks 1,000 places deep for MRR, a peer answers with ten: both are judged on the ten."""
    test = quality(outcome.test.shown, asked.test.targets, item_count=asked.lesson.items.count)
    return replace(outcome, test=test)


def peers_table(data: SequenceData, judged: Sequence[Judged], answers: Mapping[str, Answer]) -> Table:
    """``answers`` by name: what only peers tell."""
    baseline = baseline_of(judged)
    table = Table(
        title=f"{data.name}: {len(data.sequences):,} users, {data.items.count:,} items; ten places, past items excluded"
    )
    table.add_column("recommender")
    for name in (*METRICS, "95 % of NDCG@10", "validation", "epochs", "train s", "peak MB", "parameters"):
        table.add_column("mrr@10" if name == "mrr" else name, justify="right")
    if baseline:
        for name in (f"NDCG@10 - {baseline}", "95 %", "p"):
            table.add_column(name, justify="right")
    table.add_column("chosen on validation")
    for one in judged:
        outcome, answer = one.outcome, answers.get(one.outcome.recommender)
        figures = outcome.test.figures()
        table.add_row(
            outcome.recommender,
            *[f"{figures[name]:.4f}" for name in METRICS],
            interval(one.ndcg_10),
            f"{outcome.validation_ndcg_10:.4f}",
            f"{answer.epochs:.1f}" if answer and answer.epochs else "",
            f"{outcome.train_seconds:.0f}",
            f"{outcome.peak_rss_mb:,}",
            f"{outcome.parameters:,}",
            *(difference(one.ndcg_10_difference) if baseline else ()),
            answer.setting if answer else "",
        )
    return table


def peer_json(one: Judged, answer: Answer | None) -> dict[str, Any]:
    """As of evaluate, but for MRR, which is of ten places here; a peer adds its epochs and its setting."""
    row = as_json(one)
    row["mrr@10"] = row.pop("mrr")
    if answer:
        row["epochs"] = round(answer.epochs, 2)
        row["best_seconds"] = round(answer.best_seconds, 1)
        row["setting"] = answer.setting
    return row
