"""Leading singular directions of a large matrix, by randomised subspace iteration (Halko, Martinsson and Tropp 2011,
arXiv:0909.4061)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recs.engine.interactions import FloatArray

EXTRA = 16
ROUNDS = 4
"""Directions beyond those asked for, and passes over the matrix: with twice as many nothing gets better."""
NOISE = 1e-5
"""Length that single precision gives to what has none."""


def leading_directions(
    matrix: sparse.csr_matrix | FloatArray, count: int, *, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Right singular vectors float32 [columns, k] and singular values [k], largest first; k is ``count`` or fewer."""
    columns = matrix.shape[1]
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((columns, min(count + EXTRA, columns))).astype(np.float32)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(torch.from_numpy(matrix.T @ (matrix @ basis))).Q.numpy()
    _, values, turn = torch.linalg.svd(torch.from_numpy(matrix @ basis), full_matrices=False)
    return (basis @ turn.T.numpy())[:, :count], values[:count].numpy()


def unit_or_nothing(vectors: FloatArray) -> FloatArray:
    """float32, rows of unit length; zeros for one that is shorter than ``NOISE``, which has no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > NOISE, vectors / np.maximum(lengths, NOISE), 0.0).astype(np.float32)
