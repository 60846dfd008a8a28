"""User-based neighbours: what those who are like this user wanted.

Cosine with shrinkage between a history and the users of training (Herlocker et al. 1999; sequence weights after
STAN, Garg et al. 2019): ``s(h, v) = <a_h, a_v> / (|a_h| |a_v| + λ)`` with ``a = weight · idf``, where wishes of a
history weigh less the older they are and ``idf(i) = log(1 + users / users who wanted i)``. Scores are
``sum over the N most similar v of s(h, v) r_vi``, ``r_v`` being v's wishes, divided by the root of their number.
Users are folded in from their history alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.neighbourhood import popular_behind, strongest
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import Wishes, read_wishes, wanted_matrix

ROWS = 256
"""Histories whose neighbours are computed at once: a popular item makes a row of them long."""
NEIGHBOURS = (200, 50, 1_000)
SHRINKAGES = (1.0, 0.1, 10.0)
DECAYS = (0.8, 1.0, 0.6, 0.4)
"""Tried on validation, one after the other: N, λ, and the weight of a wish against the next newer one."""


class UserKnn(ScoringRecommender):
    name = "user_knn"

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
        seen = wanted_matrix(interactions, items.count)
        self._use(sparse.csr_matrix(seen[seen.getnnz(axis=1) > 0]))
        self.neighbours, self.shrinkage, self.decay = NEIGHBOURS[0], SHRINKAGES[0], DECAYS[0]
        if not validation:
            return
        judge = Judge(self, validation, items.count, seed=seed)

        def decays() -> Iterator[float]:
            for self.decay in DECAYS:
                yield self.decay

        def shrinkages() -> Iterator[float]:
            for self.shrinkage in SHRINKAGES:
                yield self.shrinkage

        def sizes() -> Iterator[int]:
            for self.neighbours in NEIGHBOURS:
                yield self.neighbours

        self.decay = choose(
            decays(), judge, stage="recency", count=len(DECAYS), until=until, progress=progress
        )
        self.shrinkage = choose(
            shrinkages(), judge, stage="shrinkage", count=len(SHRINKAGES), until=until, progress=progress
        )
        self.neighbours = choose(
            sizes(), judge, stage="neighbours", count=len(NEIGHBOURS), until=until, progress=progress
        )

    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores: FloatArray = (self._similar(wishes) @ self.votes).toarray()
        return popular_behind(scores, wishes, self.popular)

    def pack(self) -> Artifact:
        config = {"neighbours": self.neighbours, "shrinkage": self.shrinkage, "decay": self.decay}
        arrays = {"indices": self.seen.indices, "indptr": self.seen.indptr, "popular": self.popular}
        return Artifact(self.name, config, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "popular")
        indices, indptr = array(artifact, "indices"), array(artifact, "indptr")
        ones = np.ones(len(indices), dtype=np.float32)
        shape = (len(indptr) - 1, len(self.popular))
        self._use(sparse.csr_matrix((ones, indices, indptr), shape=shape))
        self.neighbours, self.shrinkage = artifact.config["neighbours"], artifact.config["shrinkage"]
        self.decay = artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return self.seen.nnz

    def _use(self, seen: sparse.csr_matrix) -> None:
        """What follows from users × items, 1 where a user wanted an item."""
        self.seen = seen
        wanting = np.maximum(seen.getnnz(axis=0), 1)
        self.idf = np.log1p(seen.shape[0] / wanting).astype(np.float32)
        weighted = seen @ sparse.diags(self.idf)
        self.lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        self.weighted = sparse.csc_matrix(weighted).T.tocsr()
        counts = np.maximum(seen.getnnz(axis=1), 1)
        self.votes = sparse.csr_matrix(sparse.diags((1.0 / np.sqrt(counts)).astype(np.float32)) @ seen)

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.decay)

    def _similar(self, wishes: Wishes) -> sparse.csr_matrix:
        """[histories, users of training], the N strongest of each row."""
        asked = sparse.csr_matrix(wishes.matrix() @ sparse.diags(self.idf))
        own = np.sqrt(np.asarray(asked.multiply(asked).sum(axis=1)).ravel())
        blocks = []
        # A block at least: there is nothing to put together where nobody asks.
        for start in range(0, max(1, asked.shape[0]), ROWS):
            block = (asked[start : start + ROWS] @ self.weighted).tocsr()
            rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            block.data /= own[start + rows] * self.lengths[block.indices] + self.shrinkage
            blocks.append(strongest(block, self.neighbours))
        return sparse.vstack(blocks, format="csr")
