"""Recommending by the neighbours of each item, of whatever kind: a sparse matrix, the strongest of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import AGAINST, FloatArray, History
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.wishes import Wishes, read_wishes


def popular_behind(scores: FloatArray, wishes: Wishes, popular: FloatArray) -> FloatArray:
    """``scores`` [histories, items], written into: what no neighbour speaks for comes after all that one does, most
    popular first, and is all that is said of an empty history."""
    scores += 1e-9 * popular / max(1.0, float(popular.max(initial=0)))
    scores[wishes.empty] = popular
    return scores


class ByNeighbours(ScoringRecommender):
    """``p(h, c) = sum over i of h, newest first, of decay^age s(i, c)``; a complaint counts against.

    ``neighbours`` float32 [items, items] holds ``s``, ``popular`` [items] decides where no neighbour speaks.
    """

    neighbours: sparse.csr_matrix
    popular: FloatArray
    decay: float

    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = read_wishes(histories, len(self.popular), decay=self.decay, once=False, against=AGAINST)
        scores: FloatArray = (wishes.matrix() @ self.neighbours).toarray()
        return popular_behind(scores, wishes, self.popular)

    def pack(self) -> Artifact:
        arrays = {
            "data": self.neighbours.data,
            "indices": self.neighbours.indices,
            "indptr": self.neighbours.indptr,
            "popular": self.popular,
        }
        return Artifact(self.name, {"decay": self.decay}, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "popular")
        size = len(self.popular)
        parts = (array(artifact, "data"), array(artifact, "indices"), array(artifact, "indptr"))
        self.neighbours = sparse.csr_matrix(parts, shape=(size, size))
        self.decay = artifact.config["decay"]

    @property
    def parameters(self) -> int:
        return self.neighbours.nnz


def strongest(block: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    """The ``keep`` largest entries of each row, float32; the block is written to."""
    for row in np.flatnonzero(np.diff(block.indptr) > keep):
        values = block.data[block.indptr[row] : block.indptr[row + 1]]
        values[np.argpartition(values, -keep)[:-keep]] = 0.0
    block.eliminate_zeros()
    return block.astype(np.float32)
