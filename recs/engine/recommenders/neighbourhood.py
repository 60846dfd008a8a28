"""Keeping only the strongest neighbours of each row of a sparse matrix of similarities."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def strongest(block: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    """The ``keep`` largest entries of each row, float32; the block is written to."""
    for row in np.flatnonzero(np.diff(block.indptr) > keep):
        values = block.data[block.indptr[row] : block.indptr[row + 1]]
        values[np.argpartition(values, -keep)[:-keep]] = 0.0
    block.eliminate_zeros()
    return block.astype(np.float32)
