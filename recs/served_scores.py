"""What the active version's recommender says of the catalogue to one shopper, where it is no vector model.

Asked within the request, with the history that was read in it: what the shopper just did takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recs.engine.catalogue_scores import CatalogueScores
from recs.engine.interactions import FloatArray, History, IntArray
from recs.history import VectorHistory
from recs.registry import ActiveVersion, load_served

if TYPE_CHECKING:
    from recs.engine.served import ServedRecommender

ASKED_AGAIN = 12
"""Products of the history that reasons may name: the newest, each of which costs a further question."""


@dataclass(frozen=True, slots=True)
class Said:
    """``scores`` go by ``history``, whose items are keys of products."""

    recommender: ServedRecommender
    history: History
    scores: CatalogueScores

    def without_each_product(self) -> tuple[IntArray, FloatArray]:
        """Keys of the newest products of the history, and float32 [products, items]: what is said without each."""
        return self.recommender.without_each(self.history, most=ASKED_AGAIN)


def served_scores(*, history: VectorHistory, version: ActiveVersion) -> Said | None:
    """None where the vectors rank, and for a history of which the recommender knows nothing."""
    recommender = load_served(version)
    if recommender is None:
        return None
    by_key = History(history.product_ids, history.kinds, history.times, history.values)
    scores = recommender.catalogue_scores(by_key)
    return None if scores is None else Said(recommender, by_key, scores)
