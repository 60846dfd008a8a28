"""Whether a second stage is worth its place: answers of shoppers whom it has not learnt from decide."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recs.engine.comparison import Paired, paired
from recs.engine.interactions import FloatArray, IntArray
from recs.engine.metrics import hits, ndcg
from recs.engine.recommenders.second_stage.answers import HEADS, Answers
from recs.engine.recommenders.second_stage.stage import SecondStage

FOLDS = 2
AT_LEAST = 20
"""Shoppers without whom nothing can be told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """NDCG@10 of the first stage and of both, and their difference; ``passes``: how many it was learnt in; ``taught``
    bool [heads]: those that had enough answers in each half, which were judged."""

    first: float
    both: float
    gain: Paired
    passes: int
    taught: NDArray[np.bool_]

    @property
    def worth_it(self) -> bool:
        """By more than chance, and there is a head that both halves could teach."""
        return self.gain.interval.low > 0 and bool(self.taught.any())

    def figures(self) -> dict[str, float | list[str]]:
        """To be read: NDCG@10 of shoppers whom it had not learnt from, and the heads that are heard."""
        return {
            "first_ndcg@10": round(self.first, 5),
            "both_ndcg@10": round(self.both, 5),
            "gain_low": round(self.gain.interval.low, 5),
            "gain_high": round(self.gain.interval.high, 5),
            "heads": [str(head) for head, heard in zip(HEADS, self.taught, strict=True) if heard],
        }


NOBODY = np.zeros(0, dtype=np.int64)


def judged(
    make: Callable[[], SecondStage],
    told: Answers,
    *,
    seed: int,
    until: float = math.inf,
    chosen_on: IntArray = NOBODY,
) -> Verdict | None:
    """Learns on each half of the shoppers and is judged on the other; None where there are too few.

    ``chosen_on``: shoppers for whom the first stage was chosen. It is flattered there, so if at least half of the
    answers are others', those alone are compared. Raises OutOfTime.
    """
    wishes = told.wishes
    users, number = np.unique(told.users, return_inverse=True)
    if len(np.unique(told.users[wishes])) < AT_LEAST:
        return None
    fold = np.random.default_rng(seed).permutation(len(users))[number] % FOLDS
    first = _gains(told.proposals.items, told)
    both = np.zeros_like(first)
    passes: int | None = None
    taught = np.ones(len(HEADS), dtype=bool)
    for part in range(FOLDS):
        stage = make()
        now = time.monotonic()
        share = now + (until - now) / (FOLDS - part)
        passes = stage.fit(told.of(np.flatnonzero(fold != part)), seed=seed, most=passes, until=share)
        taught &= stage.taught
        rows = np.flatnonzero(fold == part)
        asked = told.of(rows)
        found = stage.rescored(asked.proposals, asked.histories, asked.hit.shape[1])
        both[rows] = _gains(found.items, asked)
    others = wishes[~np.isin(told.users[wishes], chosen_on)]
    compared = others if 2 * len(others) >= len(wishes) else wishes
    both, first = both[compared], first[compared]
    gain = paired(both, first, groups=told.users[compared], seed=seed)
    return Verdict(float(first.mean()), float(both.mean()), gain, passes or 0, taught)


def _gains(ranked: IntArray, told: Answers) -> FloatArray:
    """NDCG@10 of each row."""
    counts = np.array([len(np.unique(target)) for target in told.targets], dtype=np.int64)
    return ndcg(hits(ranked, told.targets), counts, 10)
