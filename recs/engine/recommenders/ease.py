"""EASE: a linear item-item model in closed form (Steck 2019, arXiv:1905.03375).

``B = I - P diag(1 / diag(P))`` with ``P = (X'X + λ I)^-1``; scores are ``x B`` with the history weighted by
recency. Costs items² of memory and items³ of time once, so it is for catalogues up to 30,000 items.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy import sparse

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.base import Base
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import Wishes, read_wishes, wanted_matrix

MOST_ITEMS = 30_000
PENALTIES = (50.0, 200.0, 800.0)
DECAYS = (1.0, 0.8, 0.6)
"""Tried on validation: λ, and the weight of an interaction against the next newer one."""


class Ease(Base):
    name = "ease"

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
        """Raises ValueError above 30,000 items."""
        if items.count > MOST_ITEMS:
            raise ValueError(f"EASE needs items² of memory: {items.count} items, at most {MOST_ITEMS}")
        until = time.monotonic() + budget.seconds
        self.popular = popularity(interactions, items.count)
        seen = wanted_matrix(interactions, items.count)
        gram = (seen.T @ seen).tocsr()
        self.penalty, self.decay = PENALTIES[1], DECAYS[1]
        if not validation:
            self.weights = _solve(gram, self.penalty)
            return

        def candidates() -> Iterator[tuple[float, float, FloatArray]]:
            for penalty in PENALTIES:
                # One dense matrix of items² less in memory.
                self.weights = np.zeros((0, 0), dtype=np.float32)
                self.weights = _solve(gram, penalty)
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
        scores = np.asarray(wishes.matrix() @ self.weights)
        scores[wishes.empty] = self.popular
        return scores

    def explain(self, history: History, item: int) -> FloatArray:
        """The summands of the score; of an item that stands twice only the newest counts."""
        wishes = self._wishes([history])
        return wishes.contributions(history, wishes.weight * self.weights[wishes.item, item])

    def pack(self) -> Artifact:
        config = {"penalty": self.penalty, "decay": self.decay}
        arrays = {"weights": self.weights, "popular": self.popular}
        return Artifact(self.name, config, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.weights, self.popular = array(artifact, "weights"), array(artifact, "popular")
        self.penalty, self.decay = artifact.config["penalty"], artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return self.weights.size

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.decay)


def _solve(gram: sparse.csr_matrix, penalty: float) -> FloatArray:
    """By Cholesky in torch, whose LAPACK uses every core. At most two dense matrices of items² stand at once."""
    matrix = torch.from_numpy(gram.toarray())
    matrix.diagonal().add_(penalty)
    matrix = torch.linalg.cholesky(matrix)
    matrix = torch.cholesky_inverse(matrix)
    matrix /= -matrix.diagonal().clone()
    matrix.fill_diagonal_(0.0)
    return matrix.numpy()
