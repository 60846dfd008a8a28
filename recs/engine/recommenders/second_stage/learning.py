"""How the ranker learns: what no weight changes is worked out once, and no more passes than there is time for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recs.engine.recommenders.second_stage.ranker import Ranker

PASSES, STEPS = 14, 160
"""Passes over the answers, more where they make fewer steps than this. Over a blend on a public file, 6 at 2e-3 gained
.0021 of NDCG@10 on validation, 14 at 3e-3 .0040."""
FEWEST_PASSES = 4
BATCH = 128
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 1e-3
TIMED = 5
"""Lessons that tell how long a pass takes."""
PRUDENCE = 0.85
"""Share of the time left that passes are planned for."""


class OutOfTime(Exception):
    """A second stage could not be learnt in time."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Some answers as the ranker reads them. Half precision keeps ``likeness`` small: 12 kB for each answer whose
    history is of twenty.

    ``likeness`` float16 [measures, b, c, n], ``kind`` [b, n], ``length`` [b] and ``about`` [b, c, facts] as
    :meth:`Ranker.forward` takes them; ``first`` [b, c]: scores of the first stage; ``candidate`` bool [b, c];
    ``right`` [b, c]: of several right ones each counts alike; ``head`` [b].
    """

    likeness: Tensor
    kind: Tensor
    length: Tensor
    about: Tensor
    first: Tensor
    candidate: Tensor
    right: Tensor
    head: Tensor

    def loss(self, ranker: Ranker) -> Tensor:
        """Cross-entropy of the right one among the candidates, by the head of its kind."""
        heads = ranker(self.likeness.float(), self.kind, self.length, self.about)
        own = heads[torch.arange(len(self.head)), :, self.head]
        scores = ((self.first + own) * ranker.sharpness.exp()).masked_fill(~self.candidate, -1e9)
        return functional.cross_entropy(scores, self.right)


def learn(
    ranker: Ranker, lessons: Sequence[Lesson], *, seed: int, most: int | None = None, until: float = math.inf
) -> int:
    """How many passes it made, at most ``most``. Raises OutOfTime where fewer than ``FEWEST_PASSES`` fit in before
    ``until``, of ``time.monotonic``, and where it is not through by then.

    The rate of learning falls to nothing at the end, so that end has to be known before the first step: half of a
    schedule is worth less than nothing.
    """
    wanted = max(PASSES, -(-STEPS // len(lessons)))
    wanted = min(wanted, most or wanted)
    if math.isfinite(until):
        wanted = min(wanted, int(PRUDENCE * (until - time.monotonic()) / _seconds_of_a_pass(ranker, lessons)))
    if wanted < FEWEST_PASSES:
        raise OutOfTime
    optimizer = torch.optim.AdamW(ranker.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=wanted * len(lessons) + 1, pct_start=0.1
    )
    rng = np.random.default_rng(seed)
    ranker.train()
    for _ in range(wanted):
        for number in rng.permutation(len(lessons)).tolist():
            if time.monotonic() > until:
                raise OutOfTime
            optimizer.zero_grad()
            lessons[number].loss(ranker).backward()
            optimizer.step()
            schedule.step()
    ranker.eval()
    return wanted


def _seconds_of_a_pass(ranker: Ranker, lessons: Sequence[Lesson]) -> float:
    """Lessons of all lengths are timed: long histories take several times as long."""
    by_length = sorted(lessons, key=lambda lesson: lesson.likeness.shape[-1])
    step = -(-len(lessons) // TIMED)
    some = by_length[step // 2 :: step]
    some[0].loss(ranker).backward()
    began = time.monotonic()
    for lesson in some:
        lesson.loss(ranker).backward()
    return (time.monotonic() - began) / len(some) * len(lessons)
