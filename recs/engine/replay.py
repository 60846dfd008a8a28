"""What real time is worth: interactions replayed in order, with a history that follows and one of last midnight.

The next item is asked for before each interaction with a product new to its user. Rows of one moment (an
invoice) have no order that a user chose, so whoever replays says which order they shall have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recs.engine.evaluation import Ranks, rows_at_once
from recs.engine.interactions import FloatArray, History, IntArray, Interactions, wanted

DAY = 86_400
VISIT_GAP = 30 * 60
"""Seconds without an interaction after which the next one begins another visit."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One row an event, in the order of users and of time.

    ``target`` int64 [events] is what they took; ``following`` what they had done until then, ``frozen`` until
    the midnight (UTC) before; ``had`` every item they had before, which is not to be recommended.
    """

    user: IntArray
    target: IntArray
    first_of_visit: np.ndarray
    following: Sequence[History]
    frozen: Sequence[History]
    had: Sequence[IntArray]

    def __len__(self) -> int:
        return len(self.target)


def ordered_within_moments(interactions: Interactions, place: np.ndarray) -> Interactions:
    """The same interactions; those of one user and one moment in the order of ``place`` [n]."""
    return interactions.kept(np.lexsort((place, interactions.time, interactions.user)))


def replay(interactions: Interactions, start: int, *, longest: int) -> Replay:
    """Every interaction from ``start`` on that shows a wish for an item new to its user.

    ``longest``: newest interactions that a history keeps. Nothing of a history is later than its event.
    """
    user: list[int] = []
    rows: list[int] = []
    visits: list[bool] = []
    following: list[History] = []
    frozen: list[History] = []
    had: list[IntArray] = []
    positive = wanted(interactions.kind, interactions.value) & (interactions.item >= 0)
    bounds = np.flatnonzero(np.diff(interactions.user, prepend=-1, append=-1))
    for first, last in pairwise(bounds.tolist()):
        time = interactions.time[first:last]
        begins = np.diff(time, prepend=time[0] - VISIT_GAP - 1) > VISIT_GAP
        _, new = np.unique(interactions.item[first:last], return_index=True)
        events = np.sort(new[(time[new] >= start) & positive[first:last][new]])
        midnights = np.searchsorted(time, time[events] - time[events] % DAY, side="left")
        of_midnight: dict[int, History] = {}
        for event, midnight in zip(events.tolist(), midnights.tolist(), strict=True):
            if midnight not in of_midnight:
                of_midnight[midnight] = interactions.history(
                    max(first, first + midnight - longest), first + midnight
                )
            user.append(int(interactions.user[first]))
            rows.append(first + event)
            visits.append(bool(begins[event]))
            following.append(interactions.history(max(first, first + event - longest), first + event))
            frozen.append(of_midnight[midnight])
            had.append(interactions.item[first : first + event])
    return Replay(
        np.array(user, dtype=np.int64),
        interactions.item[np.array(rows, dtype=np.int64)],
        np.array(visits, dtype=bool),
        following,
        frozen,
        had,
    )


def hits_of(
    recommender: Ranks,
    histories: Sequence[History],
    events: Replay,
    *,
    item_count: int,
    k: int = 10,
    progress: Callable[[float], None] | None = None,
) -> FloatArray:
    """HR@k per event [events]: is what they took among the first k, of all the items they never had.

    Events in a row that share one history (the same object, as those of a day do in ``frozen``) are asked once.
    """
    hit = np.zeros(len(events), dtype=np.float32)
    shared = [now is before for before, now in pairwise(histories)]
    starts = np.flatnonzero(~np.array([False, *shared]))
    stops = np.append(starts[1:], len(events))
    size = rows_at_once(item_count)
    for begin in range(0, len(starts), size):
        first, last = starts[begin : begin + size].tolist(), stops[begin : begin + size].tolist()
        # What a later event of the run leaves out, the list must hold beyond its k.
        more = max(
            len(events.had[stop - 1]) - len(events.had[start])
            for start, stop in zip(first, last, strict=True)
        )
        items = recommender.recommend(
            [histories[row] for row in first], k + more, exclude=[events.had[row] for row in first]
        ).items
        for offered, start, stop in zip(items, first, last, strict=True):
            for row in range(start, stop):
                left = offered if row == start else offered[~np.isin(offered, events.had[row])]
                hit[row] = (left[:k] == events.target[row]).any()
        if progress:
            progress(min(1.0, last[-1] / len(events)))
    return hit


def last_tenth(time: IntArray) -> int:
    """The midnight (UTC) before the last tenth of the days that have interactions: one of today does not move it
    past a year of silence."""
    days = np.unique(time // DAY)
    return int(days[len(days) * 9 // 10]) * DAY
