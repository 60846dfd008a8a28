"""What can be chosen is chosen on validation: candidates are built one after another and the best is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count as count_from
from typing import TypeVar

from recs.engine.evaluation import Ranks, evaluate
from recs.engine.interactions import HeldOut
from recs.engine.recommender import CannotLearn, Progress, ProgressCallback

Candidate = TypeVar("Candidate")

VALIDATION_ROWS = 2_000
"""Rows that a candidate is judged on."""
FEW = 500
"""Rows that tell how long that takes."""


class Judge:
    """NDCG@10 of a recommender as it stands, on the same sample of validation each time."""

    def __init__(
        self,
        recommender: Ranks,
        validation: HeldOut,
        item_count: int,
        *,
        seed: int,
        rows: int = VALIDATION_ROWS,
    ) -> None:
        self.recommender = recommender
        self.held_out = validation.sample(rows, seed=seed)
        self.few = self.held_out.sample(FEW, seed=seed)
        self.item_count = item_count

    def ndcg(self) -> float:
        return self._ndcg(self.held_out)

    def expected_seconds(self) -> float:
        """What ``ndcg`` takes, by a few of the rows."""
        began = time.monotonic()
        self._ndcg(self.few)
        return (time.monotonic() - began) * len(self.held_out) / len(self.few)

    def _ndcg(self, rows: HeldOut) -> float:
        return evaluate(self.recommender, rows, item_count=self.item_count, depth=10).ndcg_10


def choose(
    candidates: Iterable[Candidate],
    judge: Judge,
    *,
    stage: str,
    count: int,
    until: float,
    progress: ProgressCallback | None = None,
) -> Candidate:
    """The candidate that validates best; of equals the first.

    ``candidates`` puts the recommender into each state in turn and yields what restores it. After ``until``
    (``time.monotonic``) no further one is asked for. Raises CannotLearn without a single one.
    """
    best = -1.0
    chosen: list[Candidate] = []
    tried = count_from(1)
    for candidate in candidates:
        if not chosen and time.monotonic() > until:
            # To judge the only one would take time for nothing.
            return candidate
        ndcg = judge.ndcg()
        if ndcg > best:
            best, chosen = ndcg, [candidate]
        # It may be large, and enumerate, too, would hold it while the next is built.
        del candidate
        if progress:
            progress(Progress(stage, min(1.0, next(tried) / count), {"ndcg@10": best}))
        if time.monotonic() > until:
            break
    if not chosen:
        raise CannotLearn("nothing to choose from")
    return chosen[0]
