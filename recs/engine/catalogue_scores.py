"""Scores of a whole catalogue by the owner's ids. No torch in here: whoever only reads them need not load it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from recs.engine.interactions import FloatArray, IntArray
from recs.engine.recommender import best_places


@dataclass(frozen=True, slots=True)
class CatalogueScores:
    """What a recommender says of all items that it knows: ids int64 [items] ascending, scores float32 [items],
    of which the highest is 1, or less where the recommender hardly knows anything of the history."""

    ids: IntArray
    scores: FloatArray

    def of(self, ids: Sequence[int]) -> FloatArray:
        """float32 [ids]; NaN for an item that the recommender does not know."""
        place = places(np.array(ids, dtype=np.int64), self.ids)
        return np.where(place >= 0, self.scores[place], np.nan).astype(np.float32)

    def best(self, count: int, *, exclude: Collection[int]) -> list[tuple[int, float]]:
        """Ids and scores, best first; of equals the lower id."""
        left_out = places(np.array(sorted(exclude), dtype=np.int64), self.ids)
        scores = self.scores.copy()
        scores[left_out[left_out >= 0]] = -np.inf
        order = best_places(scores[None], min(len(scores), count))[0]
        best = zip(self.ids[order].tolist(), scores[order].tolist(), strict=True)
        return [(key, score) for key, score in best if np.isfinite(score)]


def places(ids: IntArray, among: IntArray) -> IntArray:
    """int64 [ids]: where each stands in the ascending ``among``, -1 where it does not."""
    if not len(among):
        return np.full(len(ids), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(among, ids), len(among) - 1)
    return np.where(among[place] == ids, place, -1)
