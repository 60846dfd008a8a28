"""What products say and show, as unit vectors."""

from __future__ import annotations

import numpy as np

from recs.engine.interactions import FloatArray


def unit(vectors: np.ndarray) -> FloatArray:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
