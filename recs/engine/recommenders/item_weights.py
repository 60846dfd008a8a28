"""A linear item-item model's weights: whole while items² fit into memory, of low rank beyond."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from recs.engine.interactions import FloatArray
from recs.engine.recommender import CannotLearn
from recs.engine.recommenders.inner_products import inner_products

MOST_ITEMS = 30_000
"""Beyond, a dense matrix would take more than 3.6 GB, and while the best of several is chosen two stand."""
RANK = 512
SOON_SOLVED, TRIED = 4_096, 2_048
"""Items whose matrix is solved in a second or so, and the size by which a larger one is judged."""
STRIPE = 512
"""Rows of a matrix that are mirrored at once."""


class ItemWeights(Protocol):
    """``B`` float32 [items, items], its diagonal 0, in whatever form."""

    def scores(self, wishes: sparse.csr_matrix) -> FloatArray:
        """``wishes B``, float32 [histories, items]."""
        ...

    def arrays(self) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True, slots=True)
class Dense:
    weights: FloatArray

    def scores(self, wishes: sparse.csr_matrix) -> FloatArray:
        return np.asarray(wishes @ self.weights)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights}


@dataclass(frozen=True, slots=True)
class LowRank:
    """``B = V diag(s) V' `` without its ``diagonal``; ``basis`` V float32 [items, rank], ``strength`` s [rank]."""

    basis: FloatArray
    strength: FloatArray
    diagonal: FloatArray

    def scores(self, wishes: sparse.csr_matrix) -> FloatArray:
        scores = inner_products((wishes @ self.basis) * self.strength, self.basis)
        own = wishes.multiply(self.diagonal[None, :]).tocoo()
        scores[own.row, own.col] -= own.data
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        return {"basis": self.basis, "strength": self.strength, "diagonal": self.diagonal}


def ease_weights(gram: sparse.csr_matrix, penalty: float) -> Dense:
    """``I - P diag(1 / diag(P))`` with ``P = (X'X + λ I)^-1`` from ``gram`` X'X.

    In place: one dense matrix of items² stands at a time. LAPACK's lower triangle by columns is the upper one by rows,
    and rows are how products with a sparse history read it.
    """
    matrix = gram.toarray()
    matrix[np.diag_indices_from(matrix)] += penalty
    factor, failed = lapack.spotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise CannotLearn(f"the items' matrix cannot be inverted with a penalty of {penalty}")
    inverse = factor.T
    _mirror(inverse)
    inverse /= -inverse.diagonal().copy()
    np.fill_diagonal(inverse, 0.0)
    return Dense(inverse)


def seconds_to_solve(items: int) -> float:
    """What ``ease_weights`` is expected to take here and now; nothing where that is next to nothing."""
    if items <= SOON_SOLVED:
        return 0.0
    began = time.monotonic()
    ease_weights(sparse.csr_matrix((TRIED, TRIED), dtype=np.float32), 1.0)
    return (time.monotonic() - began) * (items / TRIED) ** 3


def _mirror(matrix: FloatArray) -> None:
    """Fills what stands below the diagonal from above it."""
    for start in range(0, len(matrix), STRIPE):
        stop = min(start + STRIPE, len(matrix))
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
        block = matrix[start:stop, start:stop]
        block[:] = np.triu(block) + np.triu(block, 1).T


def ridge_weights(directions: FloatArray, values: FloatArray, penalty: float) -> LowRank:
    """``V diag(σ² / (σ² + λ)) V'`` of the leading directions of X, its diagonal taken out afterwards."""
    strength = (values**2 / (values**2 + penalty)).astype(np.float32)
    return LowRank(directions, strength, ((directions**2) @ strength).astype(np.float32))


def restored(arrays: dict[str, np.ndarray]) -> ItemWeights:
    """From what ``arrays`` gave. Raises KeyError."""
    if "weights" in arrays:
        return Dense(arrays["weights"])
    return LowRank(arrays["basis"], arrays["strength"], arrays["diagonal"])
