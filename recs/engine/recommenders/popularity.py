"""What everybody wants, lately: each interaction counts half as much for every half-life that has passed, the
exponential time weight of Ding and Li 2005 (doi 10.1145/1099554.1099689), ``2^(-age / T0)`` with their half-life T0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.scoring import ScoringRecommender

HALF_LIFE_DAYS = 30.0
"""Days; counted from the newest interaction, and not at all where the data has no times."""


def popularity(interactions: Interactions, item_count: int) -> FloatArray:
    """float32 [items]: ``score(c) = sum over interactions with c of 2^(-age / half-life)``.

    Every method of the family asks for it first. Raises ValueError for an empty catalogue and for interactions with
    another one.
    """
    if item_count < 1:
        raise ValueError("the catalogue has no items, expected at least one")
    highest = int(interactions.item.max(initial=-1))
    if interactions.item_count != item_count or highest >= item_count:
        raise ValueError(
            f"the interactions are with items 0 to {max(highest, interactions.item_count - 1)},"
            f" the catalogue has 0 to {item_count - 1}"
        )
    positive = interactions.wishes
    time = interactions.time[positive]
    newest = time.max(initial=0)
    age = np.where(time > 0, (newest - time) / 86_400.0, 0.0)
    weight = np.exp2(-age / HALF_LIFE_DAYS)
    return np.bincount(interactions.item[positive], weights=weight, minlength=item_count).astype(np.float32)


class Popularity(ScoringRecommender):
    """The same list for everybody: the floor that every other recommender must clear."""

    name = "popularity"

    def fit(
        self,
        interactions: Interactions,
        items: Items,
        *,
        budget: Budget,
        seed: int,
        validation: HeldOut | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.popular = popularity(interactions, items.count)

    def scores(self, histories: Sequence[History]) -> FloatArray:
        return np.repeat(self.popular[None, :], len(histories), axis=0)

    def pack(self) -> Artifact:
        return Artifact(self.name, {}, {"popular": self.popular})

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "popular")

    @property
    def parameters(self) -> int:
        return self.popular.size
