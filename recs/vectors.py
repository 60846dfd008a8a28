"""halfvec between Postgres and numpy, in binary: pgvector's Django field would send text and return lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]

HEADER = 4
"""Bytes before the numbers: dimension and a reserved word, 16 bits each."""


def from_binary(rows: Sequence[bytes], dimension: int) -> FloatMatrix:
    """float32 [rows, dimension] of what ``halfvec_send(vector)`` returned."""
    packed = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), HEADER + 2 * dimension)
    return packed[:, HEADER:].copy().view(">f2").astype(np.float32)


def to_text(vector: NDArray[np.floating]) -> str:
    """A literal for ``%s::halfvec``: six digits are more than half precision holds."""
    return "[" + ",".join(f"{number:.6g}" for number in vector.tolist()) + "]"
