"""Splits by time: what was known before a moment, and what came after."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recs.engine.interactions import HeldOut, History, IntArray, Interactions, Kind, complaint, wanted


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """``training`` up to ``validation_from``; both slices are asked with all that came before them."""

    training: Interactions
    validation: HeldOut
    test: HeldOut
    validation_from: int
    test_from: int


def split_by_time(
    interactions: Interactions,
    *,
    test_share: float = 0.1,
    validation_share: float = 0.1,
    longest: int,
    seed: int,
) -> TimeSplit:
    """Cuts at two moments, so that about these shares of all interactions come after the first and second.

    Interactions of one moment stay on one side. ``longest``: newest interactions of a history that are kept.
    """
    test_from = _moment(np.sort(interactions.time), 1 - test_share)
    return split_at(interactions, test_from, validation_share=validation_share, longest=longest, seed=seed)


def split_at(
    interactions: Interactions,
    test_from: int,
    *,
    validation_share: float = 0.1,
    longest: int,
    seed: int,
    every_target: bool = False,
) -> TimeSplit:
    """As :func:`split_by_time`, with the second cut at a moment that the caller chose.

    ``every_target``: the test asks for each of the new items of a moment, see :func:`held_out_between`.
    """
    earlier = np.sort(interactions.time[interactions.time < test_from])
    validation_from = _moment(earlier, 1 - validation_share)
    return TimeSplit(
        training=before(interactions, validation_from),
        validation=held_out_between(interactions, validation_from, test_from, longest=longest, seed=seed),
        test=held_out_between(
            interactions, test_from, None, longest=longest, seed=seed, every_target=every_target
        ),
        validation_from=validation_from,
        test_from=test_from,
    )


def held_out_between(
    interactions: Interactions,
    start: int,
    end: int | None,
    *,
    longest: int,
    seed: int,
    every_target: bool = False,
) -> HeldOut:
    """Each user with a history before ``start``: which items, new to them, they wanted first from then on.

    One target a user, drawn from those of the first moment after ``start``: rows of one invoice share a
    moment and their order is the till's, so none of them is "the next". Users whom the slice does not
    show wanting anything new are left out. ``every_target``: a row for each of those items instead of one
    drawn, which is what little data about rare targets allows; the rows of one user are not independent.
    ``complaints`` of the answer: the first new item that each user complained of from then on, and did not want.
    """
    rng = np.random.default_rng(seed)
    wishes, complaints = _Rows(interactions), _Rows(interactions)
    bounds = np.flatnonzero(np.diff(interactions.user, prepend=-1, append=-1))
    positive = wanted(interactions.kind, interactions.value)
    negative = complaint(interactions.kind, interactions.value)
    for first, last in pairwise(bounds.tolist()):
        time = interactions.time[first:last]
        cut = first + int(np.searchsorted(time, start, side="left"))
        stop = last if end is None else first + int(np.searchsorted(time, end, side="left"))
        if cut in (first, stop):
            continue
        known = np.unique(interactions.item[first:cut])
        history = interactions.history(max(first, cut - longest), cut)
        new = ~np.isin(interactions.item[cut:stop], known)
        later, hidden = (cut + np.flatnonzero(some[cut:stop] & new) for some in (positive, negative))
        hidden = hidden[~np.isin(interactions.item[hidden], interactions.item[later])]
        if len(hidden):
            complaints.add(history, int(hidden[0]), known, Kind.HIDE)
        if len(later):
            next_moment = later[interactions.time[later] == interactions.time[later[0]]]
            _, each = np.unique(interactions.item[next_moment], return_index=True)
            for row in next_moment[each] if every_target else [rng.choice(next_moment)]:
                wishes.add(history, int(row), known, Kind(interactions.kind[row]))
    return wishes.held_out(complaints.held_out() if complaints.users else None)


class _Rows:
    """What becomes a :class:`HeldOut`, row by row."""

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions
        self.histories: list[History] = []
        self.targets: list[IntArray] = []
        self.exclude: list[IntArray] = []
        self.users: list[int] = []
        self.kinds: list[int] = []

    def add(self, history: History, row: int, known: IntArray, kind: Kind) -> None:
        """``row`` is that of the target."""
        self.histories.append(history)
        self.targets.append(self.interactions.item[[row]])
        self.exclude.append(known)
        self.users.append(int(self.interactions.user[row]))
        self.kinds.append(int(kind))

    def held_out(self, complaints: HeldOut | None = None) -> HeldOut:
        users, kinds = (np.array(part, dtype=np.int64) for part in (self.users, self.kinds))
        return HeldOut(self.histories, self.targets, self.exclude, users, kinds, complaints)


def _moment(times: IntArray, share: float) -> int:
    """The time before which that share of the interactions lies; past the end for no interactions."""
    if not len(times):
        return np.iinfo(np.int64).max
    return int(times[min(len(times) - 1, int(len(times) * share))])


def before(interactions: Interactions, moment: int) -> Interactions:
    """What was known before a moment, in seconds since the epoch."""
    return interactions.kept(np.flatnonzero(interactions.time < moment))
