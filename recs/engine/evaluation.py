"""Evaluates a fitted recommender on held-out targets, against the whole catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from recs.engine.interactions import FloatArray, HeldOut, History, IntArray
from recs.engine.metrics import coverage, hit_rate, hits, ndcg, reciprocal_rank
from recs.engine.recommender import Recommendations

Row = TypeVar("Row")
BATCH = 512
DEPTH = 100
"""How far down MRR looks: a target below place 100 counts 0, which changes the third digit at most."""


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
    """Means over the rows; ``rows`` keeps NDCG@10 per row, for paired comparisons."""

    targets: int
    hr_5: float
    hr_10: float
    ndcg_5: float
    ndcg_10: float
    mrr: float
    coverage_10: float
    rows: FloatArray

    def figures(self) -> dict[str, float]:
        """By the names of the field: hr@10 and so on."""
        named = {
            key.replace("_", "@"): round(float(value), 5)
            for key, value in asdict(self).items()
            if key not in ("rows", "targets")
        }
        return {**named, "targets": self.targets}


def evaluate(
    recommender: Ranks,
    held_out: HeldOut,
    *,
    item_count: int,
    progress: Callable[[float], None] | None = None,
) -> Quality:
    """Ranks the whole catalogue for each row. Raises ValueError without a single row."""
    if not len(held_out):
        raise ValueError("nothing is held out: no quality can be measured")
    ranked = []
    done = 0
    for histories, exclude in zip(_batches(held_out.histories), _batches(held_out.exclude), strict=True):
        ranked.append(recommender.recommend(histories, DEPTH, exclude=exclude).items)
        done += len(histories)
        if progress:
            progress(done / len(held_out))
    return quality(np.concatenate(ranked), held_out.targets, item_count=item_count)


def quality(ranked: IntArray, targets: Sequence[IntArray], *, item_count: int) -> Quality:
    """``ranked`` int64 [rows, places], best first, -1 where a list ends early."""
    hit = hits(ranked, targets)
    counts = np.array([len(np.unique(target)) for target in targets], dtype=np.int64)
    rows = ndcg(hit, counts, 10)
    return Quality(
        targets=int(counts.sum()),
        hr_5=float(hit_rate(hit, 5).mean()),
        hr_10=float(hit_rate(hit, 10).mean()),
        ndcg_5=float(ndcg(hit, counts, 5).mean()),
        ndcg_10=float(rows.mean()),
        mrr=float(reciprocal_rank(hit).mean()),
        coverage_10=coverage(ranked, item_count, 10),
        rows=rows,
    )


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    walk = iter(rows)
    while batch := list(islice(walk, BATCH)):
        yield batch
