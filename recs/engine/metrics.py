"""Ranking metrics over top-k lists; the definitions of the field, with several targets allowed.

Tested against numbers worked out by hand (tests/recs/engine/test_metrics.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.engine.interactions import FloatArray, IntArray


def hits(ranked: IntArray, targets: Sequence[IntArray]) -> np.ndarray:
    """bool [n, k]: whether the item at each place is among the row's targets."""
    return np.stack([np.isin(row, target) for row, target in zip(ranked, targets, strict=True)])


def hit_rate(hit: np.ndarray, k: int) -> FloatArray:
    """HR@k per row: 1 where any of the first k is a target. With one target the same as recall@k."""
    return np.asarray(hit[:, :k].any(axis=1), dtype=np.float32)


def ndcg(hit: np.ndarray, target_counts: IntArray, k: int) -> FloatArray:
    """NDCG@k per row, binary relevance: DCG over that of the best possible list."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(target_counts, k)]
    gain = hit[:, :k] @ discount[: hit[:, :k].shape[1]]
    return np.divide(gain, np.where(ideal > 0, ideal, 1.0), dtype=np.float64).astype(np.float32)


def reciprocal_rank(hit: np.ndarray) -> FloatArray:
    """1 / place of the first target per row, 0 where it is not in the list."""
    first = hit.argmax(axis=1)
    return np.where(hit.any(axis=1), 1.0 / (first + 1), 0.0).astype(np.float32)


def coverage(ranked: IntArray, item_count: int, k: int) -> float:
    """Share of the catalogue that stands in at least one row's first k."""
    shown = ranked[:, :k]
    return len(np.unique(shown[shown >= 0])) / max(1, item_count)
