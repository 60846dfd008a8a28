"""EASE: a linear item-item model in closed form (Steck 2019, arXiv:1905.03375).

``B = I - P diag(1 / diag(P))`` with ``P = (X'X + λ I)^-1``; scores are ``x B`` with the history weighted by
recency. Costs items² of memory and items³ of time once, so it is for catalogues up to 30,000 items.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from recs.engine.artifact import Artifact, array, read_artifact, write_artifact
from recs.engine.evaluation import evaluate
from recs.engine.interactions import (
    POSITIVE_KINDS,
    FloatArray,
    HeldOut,
    History,
    IntArray,
    Interactions,
    Items,
)
from recs.engine.recommender import Budget, Progress, ProgressCallback, Recommendations, top_k
from recs.engine.recommenders.popularity import popularity

MOST_ITEMS = 30_000
PENALTIES = (50.0, 200.0, 800.0)
DECAYS = (1.0, 0.8, 0.6)
"""Tried on validation: λ, and the weight of an interaction against the next newer one."""
VALIDATION_ROWS = 2_000


class Ease:
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
        self.popular = popularity(interactions, items.count)
        gram = _gram(interactions, items.count)
        judged = validation.sample(VALIDATION_ROWS, seed=seed) if validation and len(validation) else None
        self.penalty, self.decay = PENALTIES[1], DECAYS[1]
        if judged is None:
            self.weights = _solve(gram, self.penalty)
            return
        best = -1.0
        chosen = (self.penalty, self.decay, gram)
        for number, penalty in enumerate(PENALTIES):
            self.weights = _solve(gram, penalty)
            for decay in DECAYS:
                self.decay = decay
                ndcg = evaluate(self, judged, item_count=items.count, depth=10).ndcg_10
                if ndcg > best:
                    best, chosen = ndcg, (penalty, decay, self.weights)
            if progress:
                progress(Progress("closed form", (number + 1) / len(PENALTIES), {"ndcg@10": best}))
        self.penalty, self.decay, self.weights = chosen

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        scores = np.empty((len(histories), len(self.popular)), dtype=np.float32)
        for row, history in enumerate(histories):
            items, weights = self._weighted(history)
            scores[row] = weights @ self.weights[items] if len(items) else self.popular
        return top_k(scores, k, exclude=exclude, among=among)

    def explain(self, history: History, item: int) -> FloatArray:
        """The summands of the score; of an item that stands twice only the newest counts."""
        items, weights = self._weighted(history)
        result = np.zeros(len(history), dtype=np.float32)
        for position, weight in zip(items, weights, strict=True):
            newest = int(np.flatnonzero(history.item == position)[-1])
            result[newest] = weight * self.weights[position, item]
        return result

    def save(self, folder: Path) -> str:
        config = {"penalty": self.penalty, "decay": self.decay}
        arrays = {"weights": self.weights, "popular": self.popular}
        return write_artifact(folder, Artifact(self.name, config, arrays))

    def load(self, folder: Path) -> None:
        artifact = read_artifact(folder, recommender=self.name)
        self.weights, self.popular = array(artifact, "weights"), array(artifact, "popular")
        self.penalty, self.decay = artifact.config["penalty"], artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return self.weights.size

    def _weighted(self, history: History) -> tuple[IntArray, FloatArray]:
        """Each item once, newest first, and its weight."""
        newest_first = history.item[history.item >= 0][::-1]
        _, first = np.unique(newest_first, return_index=True)
        items = newest_first[np.sort(first)]
        return items, (self.decay ** np.arange(len(items))).astype(np.float32)


def _gram(interactions: Interactions, item_count: int) -> FloatArray:
    positive = np.isin(interactions.kind, POSITIVE_KINDS) & (interactions.item >= 0)
    seen = sparse.csr_matrix(
        (
            np.ones(int(positive.sum()), dtype=np.float32),
            (interactions.user[positive], interactions.item[positive]),
        ),
        shape=(interactions.user_count, item_count),
    )
    seen.data[:] = 1.0
    return np.asarray((seen.T @ seen).todense(), dtype=np.float32)


def _solve(gram: FloatArray, penalty: float) -> FloatArray:
    """By Cholesky in torch, whose LAPACK uses every core."""
    matrix = torch.from_numpy(gram).clone()
    matrix.diagonal().add_(penalty)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
    weights = inverse / -inverse.diagonal()
    weights.fill_diagonal_(0.0)
    return weights.numpy()
