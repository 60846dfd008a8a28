"""Item-based neighbours: what those who wanted this also wanted.

Cosine between items with shrinkage (Sarwar et al. 2001; Koren 2008): ``s(i, j) = n_ij / (sqrt(n_i n_j) + λ)``,
where a user with a long history counts less for each pair; scores sum over the history, newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
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

NEIGHBOURS = 200
"""Kept per item."""
ROWS = 2_048
"""Items whose neighbours are computed at once."""
SHRINKAGES = (5.0, 20.0, 80.0)
DECAYS = (1.0, 0.9, 0.7)
"""Tried on validation: λ, and the weight of an interaction against the next newer one."""
VALIDATION_ROWS = 2_000


class ItemKnn:
    name = "item_knn"

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
        seen = _seen(interactions, items.count)
        judged = validation.sample(VALIDATION_ROWS, seed=seed) if validation and len(validation) else None
        best = -1.0
        tried = 0
        self.shrinkage, self.decay = SHRINKAGES[1], DECAYS[1]
        if judged is None:
            self.neighbours = _neighbours(seen, self.shrinkage)
            return
        chosen: tuple[float, float, sparse.csr_matrix] | None = None
        for shrinkage in SHRINKAGES:
            self.neighbours = _neighbours(seen, shrinkage)
            for decay in DECAYS:
                self.decay = decay
                ndcg = evaluate(self, judged, item_count=items.count, depth=10).ndcg_10
                tried += 1
                if ndcg > best:
                    best, chosen = ndcg, (shrinkage, decay, self.neighbours)
                if progress:
                    done = tried / (len(SHRINKAGES) * len(DECAYS))
                    progress(Progress("neighbours", done, {"ndcg@10": best}))
        if chosen:
            self.shrinkage, self.decay, self.neighbours = chosen

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        scores = np.asarray((self._weights(histories) @ self.neighbours).todense(), dtype=np.float32)
        # What no neighbour speaks for comes after all that one does, most popular first.
        scores += 1e-9 * self.popular / max(1.0, float(self.popular.max(initial=0)))
        empty = [not (history.item >= 0).any() for history in histories]
        scores[empty] = self.popular
        return top_k(scores, k, exclude=exclude, among=among)

    def explain(self, history: History, item: int) -> FloatArray:
        """The summands of the score."""
        known = history.item >= 0
        result = np.zeros(len(history), dtype=np.float32)
        column = np.asarray(self.neighbours[history.item[known], item].todense()).ravel()
        result[known] = column * _recency(int(known.sum()), self.decay)
        return result

    def save(self, folder: Path) -> str:
        config = {"shrinkage": self.shrinkage, "decay": self.decay}
        arrays = {
            "data": self.neighbours.data,
            "indices": self.neighbours.indices,
            "indptr": self.neighbours.indptr,
            "popular": self.popular,
        }
        return write_artifact(folder, Artifact(self.name, config, arrays))

    def load(self, folder: Path) -> None:
        artifact = read_artifact(folder, recommender=self.name)
        self.popular = array(artifact, "popular")
        size = len(self.popular)
        parts = (array(artifact, "data"), array(artifact, "indices"), array(artifact, "indptr"))
        self.neighbours = sparse.csr_matrix(parts, shape=(size, size))
        self.shrinkage, self.decay = artifact.config["shrinkage"], artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return self.neighbours.nnz

    def _weights(self, histories: Sequence[History]) -> sparse.csr_matrix:
        items = [history.item[history.item >= 0] for history in histories]
        counts = np.array([len(row) for row in items])
        weights = [_recency(len(row), self.decay) for row in items]
        return sparse.csr_matrix(
            (
                np.concatenate(weights) if items else np.zeros(0),
                np.concatenate(items) if items else np.zeros(0, dtype=np.int64),
                np.concatenate([[0], np.cumsum(counts)]),
            ),
            shape=(len(items), len(self.popular)),
        )


def _recency(size: int, decay: float) -> FloatArray:
    """1 for the newest, ``decay`` for the one before, and so on."""
    return (decay ** np.arange(size - 1, -1, -1)).astype(np.float32)


def _seen(interactions: Interactions, item_count: int) -> sparse.csr_matrix:
    """users × items, 1 where a user wanted an item, divided by the root of the length of the history."""
    positive = np.isin(interactions.kind, POSITIVE_KINDS) & (interactions.item >= 0)
    ones = np.ones(int(positive.sum()), dtype=np.float32)
    seen = sparse.csr_matrix(
        (ones, (interactions.user[positive], interactions.item[positive])),
        shape=(interactions.user_count, item_count),
    )
    seen.data[:] = 1.0
    lengths = np.maximum(seen.getnnz(axis=1), 1)
    return sparse.diags((1.0 / np.sqrt(lengths)).astype(np.float32)) @ seen


def _neighbours(seen: sparse.csr_matrix, shrinkage: float) -> sparse.csr_matrix:
    columns = seen.tocsc()
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel())
    transposed = columns.T.tocsr()
    blocks = []
    for start in range(0, transposed.shape[0], ROWS):
        block = (transposed[start : start + ROWS] @ columns).tocsr()
        rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        block.data /= norms[start + rows] * norms[block.indices] + shrinkage * _PAIR
        block.data[start + rows == block.indices] = 0.0
        blocks.append(_strongest(block, NEIGHBOURS))
    return sparse.vstack(blocks, format="csr")


_PAIR = 0.1
"""A pair of one user counts 1 / length of their history, about a tenth: shrinkage is in users."""


def _strongest(block: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    for row in range(block.shape[0]):
        values = block.data[block.indptr[row] : block.indptr[row + 1]]
        if len(values) > keep:
            values[np.argpartition(values, -keep)[:-keep]] = 0.0
    block.eliminate_zeros()
    return block.astype(np.float32)
