"""Columns of what users did, and what items are: the one vocabulary of the engine.

Everything here is numpy; items and users are dense indices ``0 … n-1``. Who translates from the shop's
primary keys is ``recs/history.py``; who reads benchmark files is ``recs/engine/sequences.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class Kind(IntEnum):
    """What a user did. The numbers are stored (Postgres, artifacts): never renumber."""

    VIEW = 1
    CLICK = 2
    CART_ADD = 3
    CART_REMOVE = 4
    PURCHASE = 5
    RATING = 6
    LIKE = 7
    HIDE = 8
    SEARCH = 9


#: Kinds that say what a user wants; the others say what they do not want or carry no item.
POSITIVE_KINDS = (Kind.VIEW, Kind.CLICK, Kind.CART_ADD, Kind.PURCHASE, Kind.RATING, Kind.LIKE)

LEAST_WANTED = 3.0
"""Stars: a rating below is a complaint."""


AGAINST = 0.25
"""What a complaint counts against a wish: a usual share in Rocchio's feedback formula (1971), and a choice, for too few
complain for it to be learnt."""


_WISHES = np.isin(np.arange(max(Kind) + 1), POSITIVE_KINDS)


def wanted(kind: IntArray, value: FloatArray) -> NDArray[np.bool_]:
    """bool, alike in shape: which interactions say that the user wants such items; a rating without stars does."""
    return of_positive_kind(kind) & ~complaint(kind, value)


def of_positive_kind(kind: IntArray) -> NDArray[np.bool_]:
    """bool, alike in shape: which interactions are wishes unless they are complaints."""
    # A table: asked of one history in each request, where np.isin took several times as long.
    return _WISHES.take(kind, mode="clip")


def taken_back(subject: IntArray, bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool ``[n]``, oldest first: which interactions a later complaint (``bad``) about the same ``subject`` takes back,
    an item, or an item and a user in one number."""
    if not bad.any():
        return bad
    names, group = np.unique(subject, return_inverse=True)
    place, last = np.arange(len(subject)), np.full(len(names), -1)
    np.maximum.at(last, group[bad], place[bad])
    return ~bad & (place < last[group])


def complaint(kind: IntArray, value: FloatArray) -> NDArray[np.bool_]:
    """bool, alike in shape: which say that the user does not want such items, a hide or a poor rating."""
    return (kind == int(Kind.HIDE)) | ((kind == int(Kind.RATING)) & (value < LEAST_WANTED))


@dataclass(frozen=True, slots=True)
class History:
    """One user's interactions, oldest first.

    ``item`` int64 ``[n]`` (dense index, -1 for an item outside the catalogue), ``kind`` int64 ``[n]`` of
    :class:`Kind`, ``time`` int64 ``[n]`` in seconds since the epoch (0 where a data set has none),
    ``value`` float32 ``[n]``: the stars of a rating, the quantity of a purchase, NaN otherwise.
    """

    item: IntArray
    kind: IntArray
    time: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return len(self.item)

    @property
    def wishes(self) -> NDArray[np.bool_]:
        """bool [n]: what says of an item of the catalogue that the user wants it: neither complaints, nor what they
        take back, nor that something left the cart."""
        wishes = (self.item >= 0) & wanted(self.kind, self.value)
        return wishes & ~taken_back(self.item, complaint(self.kind, self.value))

    @property
    def tells(self) -> bool:
        """Whether anything is known by it of what the user wants."""
        return bool(self.wishes.any())

    def within(self, items: int) -> History:
        """As one of a catalogue of that many items knows it: others are outside."""
        return replace(self, item=np.where(self.item < items, self.item, -1))

    def without(self, place: int) -> History:
        """All but one interaction."""
        return self.kept(np.arange(len(self)) != place)

    def kept(self, which: NDArray[np.bool_] | IntArray | slice) -> History:
        """Those interactions for which ``which`` [n] holds, or which it names."""
        return History(self.item[which], self.kind[which], self.time[which], self.value[which])

    @classmethod
    def of_items(cls, items: Sequence[int] | IntArray, kind: Kind = Kind.PURCHASE) -> History:
        """A history that knows only the order of the items, as benchmark files do."""
        item = np.asarray(items, dtype=np.int64)
        size = len(item)
        return cls(
            item,
            np.full(size, int(kind), dtype=np.int64),
            np.zeros(size, dtype=np.int64),
            np.full(size, np.nan, dtype=np.float32),
        )


@dataclass(frozen=True, slots=True)
class Interactions:
    """Every user's interactions as columns, sorted by (user, position in time).

    Shapes ``[n]`` as in :class:`History`, plus ``user`` int64 ``[n]`` (dense index).
    """

    user: IntArray
    item: IntArray
    kind: IntArray
    time: IntArray
    value: FloatArray
    user_count: int
    item_count: int

    def __len__(self) -> int:
        return len(self.item)

    @property
    def read(self) -> NDArray[np.bool_]:
        """bool [n]: what is learnt from of an item of the catalogue: neither complaints nor what they take back."""
        bad = complaint(self.kind, self.value)
        read = (self.item >= 0) & ~bad
        # Keys are made for complaints alone: of 20 million rows they take 160 MB.
        return read & ~taken_back(self.user * (self.item_count + 1) + self.item, bad) if bad.any() else read

    @property
    def wishes(self) -> NDArray[np.bool_]:
        """bool [n]: of these, what says that the user wants the item."""
        return self.read & of_positive_kind(self.kind)

    def kept(self, rows: IntArray) -> Interactions:
        """These rows alone, in this order."""
        return Interactions(
            self.user[rows],
            self.item[rows],
            self.kind[rows],
            self.time[rows],
            self.value[rows],
            self.user_count,
            self.item_count,
        )

    def history(self, start: int, stop: int) -> History:
        """These rows, which must be one user's."""
        rows = slice(start, stop)
        return History(self.item[rows], self.kind[rows], self.time[rows], self.value[rows])


@dataclass(frozen=True, slots=True)
class Items:
    """What the items are. Every part may be missing; a row of NaN (or -1, or 0 attributes) is a missing part.

    ``text`` float32 ``[items, text_dim]``, ``image`` float32 ``[items, image_dim]``, ``category`` int64
    ``[items]`` (-1 unknown), ``price`` float32 ``[items]`` (NaN unknown), attributes as CSR:
    ``attribute_offsets`` int64 ``[items + 1]`` into ``attribute_ids`` int64.
    """

    count: int
    text: FloatArray | None = None
    image: FloatArray | None = None
    category: IntArray | None = None
    price: FloatArray | None = None
    attribute_ids: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    attribute_offsets: IntArray | None = None


def present(part: FloatArray) -> NDArray[np.bool_]:
    """bool [items]: which rows of ``text`` or ``image`` are there."""
    return np.isfinite(part).all(axis=1) & (np.abs(np.nan_to_num(part)).sum(axis=1) > 0)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a recommender is asked and what would have been right; one row a user unless said otherwise.

    ``exclude[i]`` are items that must not be recommended to row i: those of its history. ``users`` int64
    [rows]: whose row it is, where a user has several and a sample must draw whole users. ``kinds`` int64 [rows]:
    what was done to the first target; without it, purchases. ``complaints``: rows whose targets users complained of,
    for whoever learns from that; no metric counts them.
    """

    histories: Sequence[History]
    targets: Sequence[IntArray]
    exclude: Sequence[IntArray]
    users: IntArray | None = None
    kinds: IntArray | None = None
    complaints: HeldOut | None = None

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def whose(self) -> IntArray:
        """int64 [rows]: ``users``; the numbers of the rows where each is another user."""
        return np.arange(len(self)) if self.users is None else self.users

    def sample(self, size: int, *, seed: int) -> HeldOut:
        """At most ``size`` rows, drawn at random."""
        if len(self) <= size:
            return self
        return self.of(np.sort(np.random.default_rng(seed).choice(len(self), size=size, replace=False)))

    def shuffled(self, *, seed: int) -> HeldOut:
        """The same rows in random order: whoever breaks off has a fair part of them."""
        return self.of(np.random.default_rng(seed).permutation(len(self)))

    def of(self, rows: IntArray) -> HeldOut:
        """These rows alone, in this order; where each is another user, its number tells whose it is."""
        return HeldOut(
            [self.histories[row] for row in rows],
            [self.targets[row] for row in rows],
            [self.exclude[row] for row in rows],
            self.whose[rows],
            None if self.kinds is None else self.kinds[rows],
            self.complaints,
        )


def shuffled_within_moments(interactions: Interactions, rng: np.random.Generator) -> Interactions:
    """The same interactions, those of one user and one moment in random order.

    Rows of one invoice share a time stamp: their order is the till's, so nothing may be learnt from it.
    Interactions without a time (0) keep their order, which is all that is known of them.
    """
    if not len(interactions) or not interactions.time.any():
        return interactions
    noise = rng.random(len(interactions))
    later = (np.diff(interactions.user) > 0) | (np.diff(interactions.time) > 0)
    if (later | (interactions.time[1:] == 0)).all():
        return interactions
    noise[interactions.time == 0] = 0.0
    return interactions.kept(np.lexsort((noise, interactions.time, interactions.user)))
