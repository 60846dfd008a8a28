"""EASE: a linear item-item model in closed form (Steck 2019, arXiv:1905.03375).

``B = I - P diag(1 / diag(P))`` with ``P = (X'X + λ I)^-1``; scores are ``x B`` with the history weighted by
recency. That costs items² of memory and items³ of time once; beyond 30,000 items, or where there is not the time, B
is a ridge regression in the leading 512 directions of X, its diagonal taken out afterwards
(recs/engine/recommenders/item_weights.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from scipy import sparse

from recs.engine.artifact import Artifact, array
from recs.engine.directions import leading_directions
from recs.engine.interactions import AGAINST, FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.item_weights import (
    MOST_ITEMS,
    RANK,
    ItemWeights,
    ease_weights,
    restored,
    ridge_weights,
    seconds_to_solve,
)
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import Wishes, read_wishes, wanted_matrix

PENALTIES = (200.0, 50.0, 800.0)
DECAYS = (0.8, 1.0, 0.6)
"""Tried on validation: λ, and the weight of an interaction against the next newer one; without it, or without time for
it, the first."""


class Ease(ScoringRecommender):
    name = "ease"

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        """``most_items``: of a larger catalogue the weights are of low rank."""
        self.most_items = most_items

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
        until = time.monotonic() + budget.seconds
        self.popular = popularity(interactions, items.count)
        wanted = wanted_matrix(interactions, items.count)
        solve = _solver(wanted, most_items=self.most_items, seed=seed, until=until)
        self.penalty, self.decay = PENALTIES[0], DECAYS[0]
        if not validation:
            self.weights = solve(self.penalty)
            return

        def candidates() -> Iterator[tuple[float, float, ItemWeights]]:
            took = 0.0
            for penalty in PENALTIES:
                began = time.monotonic()
                if took and began + took > until:
                    return
                # Gone before the next is made, unless it is the best so far: they are large.
                vars(self).pop("weights", None)
                self.weights = solve(penalty)
                took = time.monotonic() - began
                for decay in DECAYS:
                    self.decay = decay
                    yield penalty, decay, self.weights

        self.penalty, self.decay, self.weights = choose(
            candidates(),
            Judge(self, validation, items.count, seed=seed),
            stage="closed form",
            count=len(PENALTIES) * len(DECAYS),
            until=until,
            progress=progress,
        )

    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores = self.weights.scores(wishes.matrix())
        scores[wishes.empty] = self.popular
        return scores

    def pack(self) -> Artifact:
        config = {"penalty": self.penalty, "decay": self.decay}
        return Artifact(self.name, config, {**self.weights.arrays(), "popular": self.popular})

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "popular")
        self.weights = restored(artifact.arrays)
        self.penalty, self.decay = artifact.config["penalty"], artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return sum(part.size for part in self.weights.arrays().values())

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.decay, against=AGAINST)


def _solver(
    seen: sparse.csr_matrix, *, most_items: int, seed: int, until: float
) -> Callable[[float], ItemWeights]:
    """Weights by penalty, whole where ``until`` leaves time for one solution; what all penalties need alike is computed
    once."""
    items = seen.shape[1]
    if items <= most_items and (not (takes := seconds_to_solve(items)) or time.monotonic() + takes <= until):
        gram = (seen.T @ seen).tocsr()
        return lambda penalty: ease_weights(gram, penalty)
    directions, values = leading_directions(seen, RANK, seed=seed)
    return lambda penalty: ridge_weights(directions, values, penalty)
