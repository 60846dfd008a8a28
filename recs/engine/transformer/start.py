"""Where item vectors start: near to those that the same users wanted.

The leading right singular vectors of the users × items matrix, normalised on both sides as in spectral clustering
(Ng, Jordan and Weiss 2001) and found by randomised subspace iteration (Halko, Martinsson and Tropp 2011,
arXiv:0909.4061). A user tower whose blocks add nothing yet then recommends the neighbours of the last item, and
training goes on from there: on a public file of 22,000 users validation NDCG@10 is .047 before the first step,
and .049 after one epoch instead of .014.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recs.engine.interactions import FloatArray

EXTRA = 16
ROUNDS = 4
"""Directions beyond those asked for, and passes over the matrix: with twice as many nothing gets better."""
SMOOTHING = 2.0
"""Users added to those of an item, so that one with a single user leads nowhere by itself."""


def spectral_vectors(wanted: sparse.csr_matrix, *, dimension: int, seed: int) -> FloatArray:
    """float32 unit vectors [items, dimension] from ``wanted`` [users, items]; zeros for items that nobody wanted."""
    seen = wanted.astype(np.float32, copy=True)
    item_count = seen.shape[1]
    per_user = np.maximum(seen.getnnz(axis=1), 1)
    per_item = seen.getnnz(axis=0) + SMOOTHING
    seen.data /= np.sqrt(np.repeat(per_user, np.diff(seen.indptr)) * per_item[seen.indices])
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((item_count, min(dimension + EXTRA, item_count))).astype(np.float32)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(torch.from_numpy(seen.T @ (seen @ basis))).Q.numpy()
    _, strengths, turn = torch.linalg.svd(torch.from_numpy(seen @ basis), full_matrices=False)
    found = (basis @ (turn.T * strengths).numpy())[:, :dimension]
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    vectors = np.zeros((item_count, dimension), dtype=np.float32)
    # Below float32's noise a row has no direction.
    vectors[:, : found.shape[1]] = np.where(lengths > 1e-5, found / np.maximum(lengths, 1e-5), 0.0)
    return vectors
