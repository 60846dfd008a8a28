"""Splits by time: what was known before a moment, and what came after."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recs.engine.interactions import HeldOut, History, IntArray, Interactions, wanted


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
    """
    rng = np.random.default_rng(seed)
    histories: list[History] = []
    targets: list[IntArray] = []
    exclude: list[IntArray] = []
    users: list[int] = []
    kinds: list[int] = []
    bounds = np.flatnonzero(np.diff(interactions.user, prepend=-1, append=-1))
    positive = wanted(interactions.kind, interactions.value)
    for first, last in pairwise(bounds.tolist()):
        time = interactions.time[first:last]
        cut = first + int(np.searchsorted(time, start, side="left"))
        stop = last if end is None else first + int(np.searchsorted(time, end, side="left"))
        if cut in (first, stop):
            continue
        known = np.unique(interactions.item[first:cut])
        later = np.arange(cut, stop)
        later = later[positive[cut:stop] & ~np.isin(interactions.item[cut:stop], known)]
        if not len(later):
            continue
        next_moment = later[interactions.time[later] == interactions.time[later[0]]]
        history = interactions.history(max(first, cut - longest), cut)
        _, each = np.unique(interactions.item[next_moment], return_index=True)
        for row in next_moment[each] if every_target else [rng.choice(next_moment)]:
            histories.append(history)
            targets.append(interactions.item[[row]])
            kinds.append(int(interactions.kind[row]))
            exclude.append(known)
            users.append(int(interactions.user[first]))
    return HeldOut(
        histories, targets, exclude, np.array(users, dtype=np.int64), np.array(kinds, dtype=np.int64)
    )


def _moment(times: IntArray, share: float) -> int:
    """The time before which that share of the interactions lies; past the end for no interactions."""
    if not len(times):
        return np.iinfo(np.int64).max
    return int(times[min(len(times) - 1, int(len(times) * share))])


def before(interactions: Interactions, moment: int) -> Interactions:
    """What was known before a moment, in seconds since the epoch."""
    return interactions.kept(np.flatnonzero(interactions.time < moment))
