"""Where item vectors start: near to those that the same users wanted.

The leading right singular vectors of the users × items matrix, normalised on both sides as in spectral clustering
(Ng, Jordan and Weiss 2001). A user tower whose blocks add nothing yet then recommends the neighbours of the last
item, and training goes on from there: on a public file of 22,000 users, when this was chosen, validation NDCG@10 was
.047 before the first step, and .049 after one epoch instead of .014.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recs.engine.directions import leading_directions, unit_or_nothing
from recs.engine.interactions import FloatArray

SMOOTHING = 2.0
"""Users added to those of an item, so that one with a single user leads nowhere by itself."""


def spectral_vectors(wanted: sparse.csr_matrix, *, dimension: int, seed: int) -> FloatArray:
    """float32 unit vectors [items, dimension] from ``wanted`` [users, items]; zeros for items that nobody wanted."""
    seen = wanted.astype(np.float32, copy=True)
    item_count = seen.shape[1]
    per_user = np.maximum(seen.getnnz(axis=1), 1)
    per_item = seen.getnnz(axis=0) + SMOOTHING
    seen.data /= np.sqrt(np.repeat(per_user, np.diff(seen.indptr)) * per_item[seen.indices])
    directions, strengths = leading_directions(seen, dimension, seed=seed)
    found = directions * strengths
    vectors = np.zeros((item_count, dimension), dtype=np.float32)
    vectors[:, : found.shape[1]] = unit_or_nothing(found)
    return vectors
