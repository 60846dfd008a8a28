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


def novelty(ranked: IntArray, counts: IntArray, k: int) -> float:
    """Mean self-information, in bits, of what stands in the first k (Zhou et al. 2010, PNAS 107).

    ``-log2 p(i)`` with ``p(i) = (n_i + 1) / (sum of n + items)``: one is added, so that an item that nobody
    has touched yet is very new and not infinitely so. ``counts`` int64 [items]: interactions of each.
    """
    shown = ranked[:, :k]
    shown = shown[shown >= 0]
    if not len(shown):
        return 0.0
    share = (counts + 1.0) / (counts.sum() + len(counts))
    return float(-np.log2(share[shown]).mean())


def gini(ranked: IntArray, item_count: int, k: int) -> float:
    """How unequally the catalogue is shown in the first k: 0 all items equally often, towards 1 one item alone."""
    shown = ranked[:, :k]
    times = np.sort(np.bincount(shown[shown >= 0], minlength=item_count))
    if not times.sum():
        return 0.0
    place = np.arange(1, item_count + 1)
    return float(((2 * place - item_count - 1) * times).sum() / (item_count * times.sum()))
