"""The contract that every recommender passes (tests/contracts/test_recommender_contract.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a fit, for progress bars and learning curves.

    ``done`` in 0 … 1 of the budget or of the work, whichever ends first; ``figures`` e.g. ``{"loss": 3.1,
    "ndcg@10": 0.051}``. What learns by epochs tells the ``seconds`` that it took until then, and what goes on from a
    checkpoint those that were ``restored``, after it has told all earlier epochs again.
    """

    stage: str
    done: float
    figures: dict[str, float]


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a fit may spend. ``seconds`` of wall time; ``checkpoint``: a folder to resume from and save to."""

    seconds: float = 600.0
    checkpoint: Path | None = None

    def spent(self, seconds: float) -> float:
        """Which share of it such a time is, 0 … 1; of one that others have used up, all."""
        return 1.0 if seconds >= self.seconds else seconds / self.seconds


@dataclass(frozen=True, slots=True)
class Recommendations:
    """``items`` int64 ``[histories, k]`` best first, -1 where fewer than k remain; ``scores`` float32 alike."""

    items: IntArray
    scores: FloatArray


class CannotLearn(ValueError):
    """There is nothing in the data that such a recommender could learn from; the message says what is missing."""


class Recommender(Protocol):
    """``f``: history → ranked items.

    ``fit`` learns; the same seed gives the same answer; what can be chosen is chosen on ``validation``.
    ``recommend`` ranks the catalogue for each history: ``exclude[i]`` are items never returned for history
    ``i`` (None: nothing is excluded); ``among`` restricts the answer to those items. An empty history is
    answered (by popularity, or what the method has); items outside the catalogue (-1) are ignored.
    """

    name: str

    def fit(
        self,
        interactions: Interactions,
        items: Items,
        *,
        budget: Budget,
        seed: int,
        validation: HeldOut | None = None,
        progress: ProgressCallback | None = None,
    ) -> None: ...

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations: ...

    def explain(self, history: History, item: int) -> FloatArray:
        """float32 ``[len(history)]``: the item's score minus its score without each interaction of the history; a
        history without a wish scores nothing. Zeros for an item outside the catalogue."""
        ...

    def save(self, folder: Path) -> str:
        """Writes an artifact, all or nothing; returns the SHA-256 of its manifest."""
        ...

    def load(self, folder: Path) -> None: ...

    @property
    def parameters(self) -> int:
        """How many numbers the fitted model holds."""
        ...


@runtime_checkable
class VectorRecommender(Protocol):
    """A recommender whose score is one inner product: ``p(u, c) = <encode(u), item_vectors(c)>``."""

    dimension: int

    def encode(self, histories: Sequence[History]) -> FloatArray:
        """float32 ``[histories, dimension]``."""
        ...

    def item_vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """float32 ``[items.count, dimension]``; ``known[i]`` is the trained index of row i, -1 for a new item."""
        ...


def top_k(
    scores: FloatArray, k: int, *, exclude: Sequence[IntArray] | None, among: IntArray | None
) -> Recommendations:
    """Best k of dense scores ``[histories, items]``; ties go to the lower index, so answers are repeatable.

    The array is written to: excluded entries become -inf. Ids outside the catalogue change nothing, neither those of
    ``exclude`` nor of ``among``. Raises ValueError where ``exclude`` is not one for each history.
    """
    if exclude is not None and len(exclude) != len(scores):
        raise ValueError(f"exclude is for {len(exclude)} histories, expected {len(scores)}")
    columns = scores.shape[1]
    if among is not None:
        outside = np.ones(columns, dtype=bool)
        outside[inside(among, columns)] = False
        scores[:, outside] = -np.inf
    if exclude is not None:
        for row, items in enumerate(exclude):
            scores[row, inside(items, columns)] = -np.inf
    width = min(k, columns)
    order = best_places(scores, width)
    top = scores[np.arange(len(scores))[:, None], order]
    result = np.full((scores.shape[0], k), -1, dtype=np.int64)
    values = np.full((scores.shape[0], k), -np.inf, dtype=np.float32)
    found = np.isfinite(top)
    result[:, :width] = np.where(found, order, -1)
    values[:, :width] = np.where(found, top, -np.inf)
    return Recommendations(result, values)


def inside(items: IntArray, count: int) -> IntArray:
    """Those of a catalogue of so many."""
    return items[(items >= 0) & (items < count)]


GROUPS = 8
"""Groups of columns for each of the best that are wanted: with so many, few of the best share a group.
4 to 32 take the same time."""


def best_places(scores: FloatArray, width: int) -> IntArray:
    """int64 [rows, width]: where the best of each row stand, best first, of equals the lower place."""
    places = np.empty((len(scores), width), dtype=np.int64)
    if width:
        for row, own in enumerate(scores):
            places[row] = _best_of(own, width)
    return places


def _best_of(scores: FloatArray, width: int) -> IntArray:
    """Of one row [columns]. The width-th best of the maxima of groups is no better than the width-th best of all, so
    the best are among the few that reach it: 0.04 ms for 60 of 12,000 scores all different where a selection took
    0.08, at the speed of memory for a million. No number (NaN) is worse than any."""
    height = max(1, len(scores) // (GROUPS * width))
    groups = len(scores) // height
    maxima = scores[: height * groups].reshape(height, groups).max(axis=0)
    # Negated: where most are equal and least, such as zeros, it takes a tenth of the time.
    reached = -np.partition(-maxima, width - 1)[width - 1]
    if np.isnan(reached):
        return _best_of(np.where(np.isnan(scores), -np.inf, scores), width)
    better = np.flatnonzero(scores > reached)
    better = better[np.argsort(-scores[better], kind="stable")[:width]]
    # Many may be equal, such as all that nobody bought: they stand in order already.
    equal = np.flatnonzero(scores == reached)[: width - len(better)]
    return np.concatenate([better, equal])
