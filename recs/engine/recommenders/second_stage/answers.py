"""What shoppers answered to the lists of a first stage, and which head of the second each answer teaches."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Kind

PLACES = 100
"""Of the first stage's list that are scored again. Over a blend on a public file they brought validation NDCG@10 from
.0770 to .0810; 200 brought it to .0807, in twice the time."""
AT_ONCE = 256


class Head(StrEnum):
    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"
    GOOD_RATING = "good_rating"
    HIDE = "hide"


HEADS = tuple(Head)
WEIGHTS: Mapping[str, float] = {
    Head.VIEW: 0.3,
    Head.CART: 0.7,
    Head.PURCHASE: 1.0,
    Head.GOOD_RATING: 1.0,
    Head.HIDE: -1.0,
}
"""What an answer of each kind is worth to the owner; the positive ones as training weighs them."""
_HEAD_OF = {
    Kind.VIEW: Head.VIEW,
    Kind.CLICK: Head.VIEW,
    Kind.CART_ADD: Head.CART,
    Kind.PURCHASE: Head.PURCHASE,
    Kind.RATING: Head.GOOD_RATING,
    Kind.LIKE: Head.GOOD_RATING,
    Kind.HIDE: Head.HIDE,
}


def head_of(kind: int) -> Head:
    """Which head an answer teaches, a wish or a hide. Raises KeyError for any other."""
    return _HEAD_OF[Kind(kind)]


@dataclass(frozen=True, slots=True)
class Proposals:
    """``items`` int64 [b, c], -1 where a list ends; ``scores`` float32 [b, c]; ``voices`` float32 [b, c, v]: what each
    of those says who made the score, 0 … 1; v is 0 where one alone did."""

    items: IntArray
    scores: FloatArray
    voices: FloatArray

    def of(self, rows: IntArray | slice) -> Proposals:
        """These rows alone."""
        return Proposals(self.items[rows], self.scores[rows], self.voices[rows])


class FirstStage(Protocol):
    def propose(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Proposals:
        """The best k, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first stage proposed, and which of it was right: ``hit`` bool [rows, places].

    ``head`` int64 [rows]: place in HEADS of the kind of answer; ``users`` int64 [rows].
    """

    histories: Sequence[History]
    targets: Sequence[IntArray]
    proposals: Proposals
    hit: NDArray[np.bool_]
    head: IntArray
    users: IntArray

    def of(self, rows: IntArray) -> Answers:
        """These rows alone."""
        return Answers(
            [self.histories[row] for row in rows],
            [self.targets[row] for row in rows],
            self.proposals.of(rows),
            self.hit[rows],
            self.head[rows],
            self.users[rows],
        )

    @property
    def wishes(self) -> IntArray:
        """The rows that say what was wanted: those that quality is measured on."""
        return np.flatnonzero(self.head != HEADS.index(Head.HIDE))

    def joined(self, other: Answers) -> Answers:
        """The rows of both."""
        mine, its = self.proposals, other.proposals
        return Answers(
            [*self.histories, *other.histories],
            [*self.targets, *other.targets],
            Proposals(
                np.concatenate([mine.items, its.items]),
                np.concatenate([mine.scores, its.scores]),
                np.concatenate([mine.voices, its.voices]),
            ),
            np.concatenate([self.hit, other.hit]),
            np.concatenate([self.head, other.head]),
            np.concatenate([self.users, other.users]),
        )


def answers(
    first: FirstStage, held_out: HeldOut, *, until: float = math.inf, at_once: int = AT_ONCE
) -> Answers:
    """Asks the first stage for every row, or for as many, at least one batch, as there is time for.

    ``until``: ``time.monotonic``; ``at_once``: rows of a batch.
    """
    found: list[Proposals] = []
    for start in range(0, len(held_out), at_once):
        if found and time.monotonic() > until:
            break
        rows = slice(start, start + at_once)
        found.append(first.propose(held_out.histories[rows], PLACES, exclude=held_out.exclude[rows]))
    items = np.concatenate([one.items for one in found])
    asked = slice(0, len(items))
    targets = held_out.targets[asked]
    kinds = np.full(len(held_out), int(Kind.PURCHASE)) if held_out.kinds is None else held_out.kinds
    return Answers(
        held_out.histories[asked],
        targets,
        Proposals(
            items,
            np.concatenate([one.scores for one in found]),
            np.concatenate([one.voices for one in found]),
        ),
        np.stack([np.isin(row, target) for row, target in zip(items, targets, strict=True)]),
        np.array([HEADS.index(head_of(int(kind))) for kind in kinds[asked]], dtype=np.int64),
        held_out.whose[asked],
    )
