"""Item-based neighbours: what those who wanted this also wanted.

Cosine between items with shrinkage (Sarwar et al. 2001; Koren 2008): ``s(i, j) = n_ij / (sqrt(n_i n_j) + λ)``,
where a user with a long history counts less for each pair; scores sum over the history, newest first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from recs.engine.interactions import HeldOut, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.neighbourhood import ByNeighbours, strongest
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import wanted_matrix

NEIGHBOURS = 200
"""Kept per item."""
ROWS = 2_048
"""Items whose neighbours are computed at once."""
SHRINKAGES = (20.0, 5.0, 80.0)
DECAYS = (0.9, 1.0, 0.7)
"""Tried on validation: λ, and the weight of an interaction against the next newer one; without it, or without time for
it, the first."""


class ItemKnn(ByNeighbours):
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
        until = time.monotonic() + budget.seconds
        self.popular = popularity(interactions, items.count)
        seen = _balanced(wanted_matrix(interactions, items.count))
        self.decay = DECAYS[0]
        if not validation:
            self.neighbours = _neighbours(seen, SHRINKAGES[0])
            return

        def candidates() -> Iterator[tuple[float, sparse.csr_matrix]]:
            for shrinkage in SHRINKAGES:
                self.neighbours = _neighbours(seen, shrinkage)
                for self.decay in DECAYS:
                    yield self.decay, self.neighbours

        self.decay, self.neighbours = choose(
            candidates(),
            Judge(self, validation, items.count, seed=seed),
            stage="neighbours",
            count=len(SHRINKAGES) * len(DECAYS),
            until=until,
            progress=progress,
        )


def _balanced(seen: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each user's row divided by the root of its length: who wants everything says little about each."""
    lengths = np.maximum(seen.getnnz(axis=1), 1)
    return sparse.csr_matrix(sparse.diags((1.0 / np.sqrt(lengths)).astype(np.float32)) @ seen)


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
        blocks.append(strongest(block, NEIGHBOURS))
    return sparse.vstack(blocks, format="csr")


_PAIR = 0.1
"""A pair of one user counts 1 / length of their history, about a tenth: shrinkage is in users."""
