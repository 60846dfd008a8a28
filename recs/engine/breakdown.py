"""Where a mean hides two stories: quality by length of history and by popularity of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.engine.comparison import Interval, mean_interval
from recs.engine.evaluation import Quality
from recs.engine.interactions import History, IntArray

LENGTHS = (("0", 0, 0), ("1", 1, 1), ("2-4", 2, 4), ("5-9", 5, 9), ("10+", 10, None))
"""Name, and shortest and longest history of a class."""
POPULARITY = ("head", "middle", "tail")


@dataclass(frozen=True, slots=True)
class Part:
    """Quality of some of the rows; without a row there is none."""

    rows: int
    hr_10: float = 0.0
    ndcg_10: float = 0.0
    hr_10_interval: Interval | None = None
    ndcg_10_interval: Interval | None = None


def part(quality: Quality, rows: np.ndarray, *, groups: IntArray | None = None, seed: int = 0) -> Part:
    """``rows`` bool [all rows]: those that count; ``groups`` as in :func:`mean_interval`."""
    count = int(rows.sum())
    if not count:
        return Part(0)
    ndcg, hit = quality.rows[rows], quality.hit_rows[rows]
    chosen = None if groups is None else groups[rows]
    return Part(
        count,
        float(hit.mean()),
        float(ndcg.mean()),
        mean_interval(hit, groups=chosen, seed=seed),
        mean_interval(ndcg, groups=chosen, seed=seed),
    )


def by_length(histories: Sequence[History]) -> dict[str, np.ndarray]:
    """Which rows have a history of that many items, bool [rows] by class; classes without a row are left out."""
    length = np.array([len(history) for history in histories])
    classes = {
        name: (length >= least) & (length <= (np.inf if most is None else most))
        for name, least, most in LENGTHS
    }
    return {name: rows for name, rows in classes.items() if rows.any()}


def by_popularity(targets: Sequence[IntArray], counts: IntArray) -> dict[str, np.ndarray]:
    """Which rows want (first) an item of the head, the middle, the tail, bool [rows].

    Items in the order of ``counts``, their interactions in training: the head are those on which the first
    third of all interactions fell, the middle the second, the tail the last. Equal counts share a class.
    """
    wanted = np.array([target[0] for target in targets], dtype=np.int64)
    place = _popularity_class(counts)[wanted]
    return {name: place == number for number, name in enumerate(POPULARITY)}


def _popularity_class(counts: IntArray) -> IntArray:
    """0, 1, 2 per item, by the share of interactions that more popular items hold; untouched items are tail."""
    values, item = np.unique(counts, return_inverse=True)
    held = values * np.bincount(item)
    above = held.sum() - np.cumsum(held)
    third = np.minimum(2, (3 * above) // max(1, held.sum()))
    return np.asarray(np.where(values == 0, 2, third)[item], dtype=np.int64)
