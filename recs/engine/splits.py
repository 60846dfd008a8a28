"""Splits by time: what was known before a moment, and what came after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from recs.engine.interactions import (
    HeldOut,
    History,
    IntArray,
    Interactions,
    Kind,
    complaint,
    shuffled_within_moments,
    wanted,
)

VALIDATION_EVENTS = 6_000
"""All that anything is chosen on. More would tell a second stage more, and cost each night's training time."""


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """``training`` up to ``validation_from``. The validation asks event by event, with a history that follows, as feeds
    do (:func:`followed_between`); the test once per user, with all that came before it (:func:`held_out_between`)."""

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
    """Cuts at two moments: about ``test_share`` of all interactions come after the second, and of those before it
    about ``validation_share`` after the first.

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
    validation_from = _moment(earlier, 1 - validation_share) if len(earlier) else test_from
    complaints = held_out_between(
        interactions, validation_from, test_from, longest=longest, seed=seed
    ).complaints
    validation = followed_between(interactions, validation_from, test_from, longest=longest, seed=seed)
    return TimeSplit(
        training=before(interactions, validation_from),
        validation=replace(validation, complaints=complaints),
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
    inside = interactions.item >= 0
    positive = inside & wanted(interactions.kind, interactions.value)
    negative = inside & complaint(interactions.kind, interactions.value)
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


def followed_between(
    interactions: Interactions,
    start: int,
    end: int,
    *,
    longest: int,
    seed: int,
    most: int = VALIDATION_EVENTS,
) -> HeldOut:
    """Wishes from ``start`` on and before ``end`` for items new to their user, each asked with all that came before it.

    So most of them ask what comes next within a visit. Rows of one moment come in an order that chance decides; a
    user's first interaction of all asks nothing. A sample, if there are more than ``most``.
    """
    rng = np.random.default_rng(seed)
    interactions = shuffled_within_moments(interactions, rng)
    user, item, time = interactions.user, interactions.item, interactions.time
    asks = wanted(interactions.kind, interactions.value) & (item >= 0) & (time >= start) & (time < end)
    _, first = np.unique(user * (interactions.item_count + 1) + item, return_index=True)
    new = np.zeros(len(interactions), dtype=bool)
    new[first] = True
    begins = np.searchsorted(user, user, side="left")
    events = np.flatnonzero(asks & new & (begins < np.arange(len(interactions))))
    if len(events) > most:
        events = np.sort(rng.choice(events, most, replace=False))
    found = _Rows(interactions)
    for row, begin in zip(events.tolist(), begins[events].tolist(), strict=True):
        history = interactions.history(max(begin, row - longest), row)
        found.add(history, row, np.unique(item[begin:row]), Kind(interactions.kind[row]))
    return found.held_out()


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
