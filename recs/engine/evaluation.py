"""Evaluates a fitted recommender on held-out targets, against the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from recs.engine.interactions import FloatArray, HeldOut, History, IntArray
from recs.engine.metrics import coverage, hit_rate, hits, ndcg, reciprocal_rank
from recs.engine.recommender import Recommendations

Row = TypeVar("Row")
BATCH = 512
SCORES_AT_ONCE = 1 << 25
"""Scores that stand in memory together: 134 MB, with the answers 225; a blend has as many of each member."""
DEPTH = 1_000
"""How far down MRR looks: a target below place 1,000 counts 0 instead of less than 0.001."""


def rows_at_once(items: int, *, most: int = BATCH) -> int:
    """Rows whose scores of so many items fit into memory together, at least one and ``most`` at most."""
    return min(most, max(1, SCORES_AT_ONCE // max(1, items)))


class Ranks(Protocol):
    """What evaluation needs of a recommender."""

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations: ...


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the rows; ``rows`` keeps NDCG@10 per row and ``hit_rows`` HR@10, for paired comparisons.

    ``shown`` int64 [rows, 10]: what was recommended, for what is judged of the lists themselves.
    """

    targets: int
    hr_5: float
    hr_10: float
    ndcg_5: float
    ndcg_10: float
    mrr: float
    coverage_10: float
    rows: FloatArray
    hit_rows: FloatArray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    shown: IntArray = field(default_factory=lambda: np.zeros((0, 10), dtype=np.int64))

    def figures(self) -> dict[str, float]:
        """By the names of the field: hr@10 and so on."""
        means = ("hr_5", "hr_10", "ndcg_5", "ndcg_10", "mrr", "coverage_10")
        named = {key.replace("_", "@"): round(float(getattr(self, key)), 5) for key in means}
        return {**named, "targets": self.targets}


def evaluate(
    recommender: Ranks,
    held_out: HeldOut,
    *,
    item_count: int,
    depth: int = DEPTH,
    among: IntArray | None = None,
) -> Quality:
    """Ranks the whole catalogue for each row, or the items ``among`` it. Raises ValueError without a single row.

    A smaller ``depth``, at least 10, is faster and changes MRR alone.
    """
    if not len(held_out):
        raise ValueError("nothing is held out: no quality can be measured")
    measured: list[_Measured] = []
    size = rows_at_once(item_count)
    columns = zip(
        _batches(held_out.histories, size),
        _batches(held_out.targets, size),
        _batches(held_out.exclude, size),
        strict=True,
    )
    for histories, targets, exclude in columns:
        ranked = recommender.recommend(histories, depth, exclude=exclude, among=among).items
        measured.append(_measure(ranked, targets))
    return _mean(measured, item_count)


def quality(ranked: IntArray, targets: Sequence[IntArray], *, item_count: int) -> Quality:
    """``ranked`` int64 [rows, places], best first, -1 where a list ends early."""
    return _mean([_measure(ranked, targets)], item_count)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Metrics per row [rows], and the items shown [rows, 10]: what is left of a batch's long lists."""

    hr_5: FloatArray
    hr_10: FloatArray
    ndcg_5: FloatArray
    ndcg_10: FloatArray
    mrr: FloatArray
    targets: IntArray
    shown: IntArray


def _measure(ranked: IntArray, targets: Sequence[IntArray]) -> _Measured:
    hit = hits(ranked, targets)
    counts = np.array([len(np.unique(target)) for target in targets], dtype=np.int64)
    return _Measured(
        hit_rate(hit, 5),
        hit_rate(hit, 10),
        ndcg(hit, counts, 5),
        ndcg(hit, counts, 10),
        reciprocal_rank(hit),
        counts,
        ranked[:, :10].copy(),
    )


def _mean(measured: Sequence[_Measured], item_count: int) -> Quality:
    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(batch, name) for batch in measured])

    return Quality(
        targets=int(column("targets").sum()),
        hr_5=float(column("hr_5").mean()),
        hr_10=float(column("hr_10").mean()),
        ndcg_5=float(column("ndcg_5").mean()),
        ndcg_10=float(column("ndcg_10").mean()),
        mrr=float(column("mrr").mean()),
        coverage_10=coverage(column("shown"), item_count, 10),
        rows=column("ndcg_10"),
        hit_rows=column("hr_10"),
        shown=column("shown"),
    )


def _batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    walk = iter(rows)
    while batch := list(islice(walk, size)):
        yield batch
