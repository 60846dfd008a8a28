"""What products say and show, as unit vectors: encoders with pluggable weights behind one small contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from recs.engine.interactions import FloatArray

Input = TypeVar("Input", contravariant=True)


class ContentEncoder(Protocol[Input]):
    """``name`` identifies model and preparation: a vector of another name is out of date."""

    name: str

    def encode(self, inputs: Sequence[Input]) -> FloatArray:
        """float32 unit vectors [inputs, d]."""
        ...


def unit(vectors: np.ndarray) -> FloatArray:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
