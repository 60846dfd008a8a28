"""How sure a figure is, and a difference between two recommenders asked the same questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recs.engine.interactions import FloatArray, IntArray

ROUNDS = 1_000
"""Bootstrap samples: the ends of a 95 % interval then move by about a thirtieth of its width with the seed."""
FLIPS = 10_000
"""Sign flips of the paired test: the smallest p-value it can give is 1 / 10,001."""
AT_ONCE = 8_000_000
"""Random numbers held at once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """95 %, both ends in the figure's own unit."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of the differences row by row, first minus second; ``p_value`` of there being none, two-sided."""

    difference: float
    interval: Interval
    p_value: float


def mean_interval(rows: np.ndarray, *, groups: IntArray | None = None, seed: int = 0) -> Interval:
    """Bootstrap interval (Efron 1979) of the mean of ``rows`` [n]. Raises ValueError without a row.

    ``groups`` int64 [n]: rows of one shopper are not independent, so whole groups are drawn.
    """
    sums, sizes = _by_group(rows, groups)
    return _interval(lambda weights: (weights @ sums) / (weights @ sizes), len(sums), seed)


def ratio_interval(
    above: FloatArray, below: FloatArray, *, groups: IntArray | None = None, seed: int = 0
) -> Interval:
    """Bootstrap interval of mean(above) / mean(below) of the same rows; an end may be infinite.

    Samples with nothing in either say nothing; NaN where all are such.
    """
    over, _ = _by_group(above, groups)
    under, _ = _by_group(below, groups)

    def ratio(weights: np.ndarray) -> float:
        top, bottom = float(weights @ over), float(weights @ under)
        if bottom > 0:
            return top / bottom
        return np.inf if top > 0 else np.nan

    return _interval(ratio, len(over), seed)


def paired(first: FloatArray, second: FloatArray, *, groups: IntArray | None = None, seed: int = 0) -> Paired:
    """Both [n], row i of both about the same question. Raises ValueError if they differ in length.

    The p-value is of the randomisation test (Fisher 1935; for retrieval Smucker et al. 2007): how often do
    differences of random sign lie as far from nothing as these.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} rows cannot be paired with {len(second)}")
    rows = first.astype(np.float64) - second.astype(np.float64)
    sums, sizes = _by_group(rows, groups)
    return Paired(
        float(sums.sum() / sizes.sum()),
        mean_interval(rows, groups=groups, seed=seed),
        _sign_flip(sums, np.random.default_rng(seed)),
    )


def _by_group(rows: np.ndarray, groups: IntArray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the rows of each group; a row is a group of its own where none are given."""
    if not len(rows):
        raise ValueError("nothing was measured: there is no interval of it")
    if groups is None:
        return rows.astype(np.float64), np.ones(len(rows))
    _, group = np.unique(groups, return_inverse=True)
    return np.bincount(group, weights=rows), np.bincount(group).astype(np.float64)


def _interval(figure: Callable[[np.ndarray], float], size: int, seed: int) -> Interval:
    """A sample with replacement is a weight per row: how often it was drawn. Figures that are NaN are left out."""
    rng = np.random.default_rng(seed)
    figures = [
        figure(np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64))
        for _ in range(ROUNDS)
    ]
    known = [one for one in figures if not np.isnan(one)] or [np.nan]
    low, high = np.quantile(known, [0.025, 0.975], method="nearest")
    return Interval(float(low), float(high))


def _sign_flip(differences: np.ndarray, rng: np.random.Generator) -> float:
    """Rows without a difference change no sum, whatever their sign, and are left out."""
    rows = differences[differences != 0]
    if not len(rows):
        return 1.0
    observed = abs(rows.sum())
    step = max(1, AT_ONCE // len(rows))
    as_far = 0
    for start in range(0, FLIPS, step):
        signs = rng.integers(0, 2, size=(min(step, FLIPS - start), len(rows)), dtype=np.int8)
        sums = 2.0 * (signs @ rows) - rows.sum()
        as_far += int((np.abs(sums) >= observed - 1e-9).sum())
    return (as_far + 1) / (FLIPS + 1)
