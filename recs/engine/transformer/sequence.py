"""Histories as padded arrays: what the user tower reads.

A row is one history, oldest first, padded on the right, so that a causal mask alone keeps the padding out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recs.engine.interactions import (
    FloatArray,
    History,
    IntArray,
    Interactions,
    complaint,
    of_positive_kind,
    taken_back,
)

GAP_BUCKETS = 24
"""Bucket 0: no time known, or the same moment. Bucket b: a gap of 2^(b-1) minutes or more (23: 8 years)."""
_FIRST_SECONDS = 60 * 2 ** np.arange(GAP_BUCKETS - 1)
"""From which gap on a bucket above 0 begins; the first has all that are shorter."""
_FIRST_SECONDS[0] = 1


def gap_bucket(time: IntArray) -> IntArray:
    """Logarithmic bucket of the time since the interaction before, alike in shape to ``time`` [..., n]."""
    gap = np.zeros_like(time)
    np.subtract(time[..., 1:], time[..., :-1], out=gap[..., 1:])
    bucket = np.searchsorted(_FIRST_SECONDS, gap, side="right")
    # That long since 1970: the time before is not known.
    bucket[gap >= time] = 0
    return bucket


def scaled_value(value: FloatArray) -> FloatArray:
    """Stars and quantities on one scale: log(1 + value), 0 where there is none."""
    # These two pass over NaN.
    return np.log1p(np.fmin(np.fmax(value, np.float32(0)), np.float32(1e6)))


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """``item`` (-1 padding), ``kind``, ``gap`` int64 and ``value`` float32 [b, n]; ``length`` int64 [b].

    ``complained`` int64 [·], one a history: the items that it complains of. Neither the complaints nor what they take
    back are among the others.
    """

    item: IntArray
    kind: IntArray
    gap: IntArray
    value: FloatArray
    length: IntArray
    complained: list[IntArray]


def sequence_batch(histories: Sequence[History], longest: int, *, item_count: int) -> SequenceBatch:
    """The newest ``longest`` interactions of each history with one of the items 0 … ``item_count - 1``; the others are
    left out."""
    read = [_read(history, longest, item_count) for history in histories]
    length = np.array([len(one) for one, _ in read], dtype=np.int64)
    item, kind, time, value = _padded([one for one, _ in read], length)
    complained = [against for _, against in read]
    # Once for all rows: history by history took as long as the tower itself. Padding has no time, so no gap.
    return SequenceBatch(item, kind, gap_bucket(time), scaled_value(value), length, complained)


def _padded(
    histories: Sequence[History], length: IntArray
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Items, kinds, times and values [b, n]; of one history alone there is nothing to pad nor to copy."""
    if len(histories) == 1 and length[0]:
        (only,) = histories
        return only.item[None], only.kind[None], only.time[None], only.value[None]
    shape = len(histories), max(1, int(length.max(initial=0)))
    item = np.full(shape, -1, dtype=np.int64)
    kind = np.zeros(shape, dtype=np.int64)
    time = np.zeros(shape, dtype=np.int64)
    value = np.zeros(shape, dtype=np.float32)
    for row, (one, size) in enumerate(zip(histories, length, strict=True)):
        item[row, :size] = one.item
        kind[row, :size] = one.kind
        time[row, :size] = one.time
        value[row, :size] = one.value
    return item, kind, time, value


def _read(history: History, longest: int, item_count: int) -> tuple[History, IntArray]:
    """What is read of a history, nothing where no wish is among it, and the items [·] that it complains of. Nearly
    always that is all and none: nothing is copied then, which for one history took a tenth as long as the tower."""
    inside = (history.item >= 0) & (history.item < item_count)
    recent = history.kept(slice(-longest, None) if inside.all() else np.flatnonzero(inside)[-longest:])
    against = complaint(recent.kind, recent.value)
    read = recent.kept(~against & ~taken_back(recent.item, against)) if against.any() else recent
    return read if of_positive_kind(read.kind).any() else read.kept(slice(0)), recent.item[against]


@dataclass(frozen=True, slots=True)
class Segments:
    """Training rows: at most ``longest + 1`` interactions of one user each; ``start``, ``end`` into the columns."""

    start: IntArray
    end: IntArray


def of_teachers(interactions: Interactions) -> Interactions:
    """Those of users of whom a training learns what follows what, from two interactions that it reads at least. All,
    where there is no such user."""
    teaches = np.bincount(interactions.user[interactions.read], minlength=interactions.user_count) >= 2
    taught = teaches[interactions.user]
    # A million items come with gigabytes of columns: not copied for nothing.
    return interactions if taught.all() or not taught.any() else interactions.kept(np.flatnonzero(taught))


def segments(interactions: Interactions, longest: int) -> Segments:
    """Cuts long histories into pieces, the newest one whole; a single interaction teaches nothing."""
    bounds = np.flatnonzero(np.diff(interactions.user, prepend=-1, append=-1))
    starts: list[int] = []
    ends: list[int] = []
    for first, last in pairwise(bounds.tolist()):
        end = last
        while end - first >= 2:
            start = max(first, end - longest - 1)
            starts.append(start)
            ends.append(end)
            end = start + 1 if start > first else first
    return Segments(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def length_sorted_batches(length: IntArray, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Row numbers in batches of like length, so that padding costs little; batches in random order."""
    order = np.lexsort((rng.random(len(length)), length))
    starts = np.arange(0, len(order), size)
    rng.shuffle(starts)
    for start in starts:
        yield order[start : start + size]
