"""What users complained of: never read as something that they wanted, and held against all that is like it.

``u' = unit(f(h) - AGAINST · mean of the vectors complained of)`` (Rocchio 1971, *Relevance feedback in information
retrieval*), ``h`` being the history without the complaints. In training the item is made less likely where the user
stood before the complaint (:func:`recs.engine.transformer.losses.softmax_backward`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.engine.interactions import AGAINST, FloatArray, IntArray, Interactions, complaint


@dataclass(frozen=True, slots=True)
class Complaints:
    """``item`` and ``kind`` int64 [n], and ``after``: the row, ascending, of the same user's interaction before."""

    after: IntArray
    item: IntArray
    kind: IntArray

    def follow(self, rows: IntArray) -> IntArray:
        """int64, alike in shape: 1 where one stands after that row, else 0."""
        first, stop = np.searchsorted(self.after, rows), np.searchsorted(self.after, rows + 1)
        return (stop > first).astype(np.int64)

    def within(self, start: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
        """Which stand after one of the rows ``start[i]`` … ``end[i] - 1``: int64 [m] each, i and the complaint."""
        first, stop = np.searchsorted(self.after, start), np.searchsorted(self.after, end)
        counts = stop - first
        piece = np.repeat(np.arange(len(start)), counts)
        inner = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
        return piece, first[piece] + inner


NO_COMPLAINTS = Complaints(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def apart(interactions: Interactions) -> tuple[Interactions, Complaints]:
    """The interactions without the complaints and what those take back, and the complaints that something came before;
    neither with items outside the catalogue."""
    read = interactions.read
    if read.all():
        return interactions, NO_COMPLAINTS
    against = (interactions.item >= 0) & complaint(interactions.kind, interactions.value)
    kept = interactions.kept(np.flatnonzero(read))
    before = np.cumsum(read) - 1
    rows = np.flatnonzero(against & (before >= 0))
    rows = rows[kept.user[before[rows]] == interactions.user[rows]]
    return kept, Complaints(before[rows], interactions.item[rows], interactions.kind[rows])


def renumbered(
    interactions: Interactions, complaints: Complaints
) -> tuple[IntArray, Interactions, Complaints]:
    """The items that anybody dealt with, ascending, and both with an item's place among them for its number."""
    met = np.unique(np.concatenate([interactions.item, complaints.item]))
    item = np.searchsorted(met, interactions.item)
    against = np.searchsorted(met, complaints.item)
    return met, replace(interactions, item=item), replace(complaints, item=against)


def turned_away(users: FloatArray, complained: Sequence[FloatArray]) -> FloatArray:
    """Unit vectors [b, d], each turned away from the vectors [·, d] that are complained of; zeros stay zeros."""
    if not any(map(len, complained)):
        return users
    turned = users.copy()
    for row, vectors in enumerate(complained):
        if len(vectors) and users[row].any():
            away = users[row] - AGAINST * vectors.mean(axis=0)
            turned[row] = away / max(float(np.linalg.norm(away)), 1e-6)
    return turned
