"""What users wanted, as the matrices that the classical recommenders work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recs.engine.interactions import (
    FloatArray,
    History,
    IntArray,
    Interactions,
    complaint,
    taken_back,
    wanted,
)


def wanted_matrix(interactions: Interactions, item_count: int) -> sparse.csr_matrix:
    """float32 users × items, 1 where a user wanted an item, however often."""
    positive = interactions.wishes
    ones = np.ones(int(positive.sum()), dtype=np.float32)
    matrix = sparse.csr_matrix(
        (ones, (interactions.user[positive], interactions.item[positive])),
        shape=(interactions.user_count, item_count),
    )
    matrix.data[:] = 1.0
    return matrix


@dataclass(frozen=True, slots=True)
class Wishes:
    """Those interactions of some histories that say what a user wants; columns ``[n]``, oldest first.

    ``row``: which history; ``place``: which interaction of it; ``weight``: 1 for the newest wish of a history,
    less for older ones, below 0 for a complaint where the reader asked for those.
    """

    row: IntArray
    place: IntArray
    item: IntArray
    weight: FloatArray
    rows: int
    item_count: int

    def matrix(self, values: FloatArray | None = None) -> sparse.csr_matrix:
        """float32 [histories, items] of the weights, or of other values [n]; entries stay in this order, and what
        an item that stands twice has adds up in products."""
        data = self.weight if values is None else values
        starts = np.concatenate([[0], np.cumsum(self.counts)])
        shape = (self.rows, self.item_count)
        return sparse.csr_matrix((data.astype(np.float32), self.item, starts), shape=shape)

    @property
    def counts(self) -> IntArray:
        """int64 [histories]."""
        return np.bincount(self.row, minlength=self.rows)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """bool [histories]: who wants nothing that is known, and gets what is popular."""
        return np.bincount(self.row[self.weight > 0], minlength=self.rows) == 0


def read_wishes(
    histories: Sequence[History], item_count: int, *, decay: float, once: bool = True, against: float = 0.0
) -> Wishes:
    """``decay``: weight of a wish against the next newer one. ``once``: of an item that stands twice only the newest
    counts. A complaint takes back earlier wishes for its item. ``against``: what a complaint counts below nothing,
    where a method can tell; with 0 they, and always items outside the catalogue, are passed over."""
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    row = np.repeat(np.arange(len(histories)), lengths)
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    item = _joined([history.item for history in histories], np.int64)
    kind = _joined([history.kind for history in histories], np.int64)
    value = _joined([history.value for history in histories], np.float32)
    bad = complaint(kind, value)
    kept = (wanted(kind, value) | bad) & (item >= 0) & (item < item_count)
    kept[kept] = ~taken_back(row[kept] * item_count + item[kept], bad[kept])
    row, place, item, bad = row[kept], place[kept], item[kept], bad[kept]
    if once:
        _, newest = np.unique((row * item_count + item)[::-1], return_index=True)
        keep = np.sort(len(row) - 1 - newest)
        row, place, item, bad = row[keep], place[keep], item[keep], bad[keep]
    if not against:
        row, place, item, bad = row[~bad], place[~bad], item[~bad], bad[~bad]
    # Of a wish how many of its history are newer, of a complaint likewise.
    ends = np.cumsum(np.bincount(row[~bad], minlength=len(histories)))
    age = ends[row] - np.cumsum(~bad)
    weight = (decay**age * np.where(bad, -against, 1.0)).astype(np.float32)
    return Wishes(row, place, item, weight, len(histories), item_count)


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate(parts).astype(kind) if len(parts) else np.zeros(0, dtype=kind)
