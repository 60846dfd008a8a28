"""The order of the page: what suits best first, but not the same thing over and over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.feed.candidates import Candidate, FeedRequest

SAMENESS = 0.4
"""What a product loses that equals one above it: with less, three lunch bags filled a page of 24 with lunch
bags; with more, the third one looked at no longer brought any to the top row."""
SAME_SHELF = 0.25
"""Likeness of two products of one category where nothing finer is known. Of the twelve products on top after
three lunch bags, ten were bags with 0.15, six with 0.25, and one with 0.5."""
POOL = 6
"""Candidates per place that are looked at: those below never reach the page."""


def best_first(candidates: Sequence[Candidate], request: FeedRequest) -> list[Candidate]:
    return list(candidates[: request.count])


def diverse(candidates: Sequence[Candidate], request: FeedRequest) -> list[Candidate]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) over the product vectors.

    Takes the candidate with the highest score less ``SAMENESS`` times its likeness to the most like one
    taken before; without vectors, products of one category count as somewhat alike.
    """
    pool = list(candidates[: POOL * request.count])
    if not pool:
        return []
    likeness = _likeness(pool)
    scores = np.array([one.score for one in pool])
    nearest = np.zeros(len(pool))
    free = np.ones(len(pool), dtype=bool)
    chosen = []
    for _ in range(min(request.count, len(pool))):
        value = np.where(free, scores - SAMENESS * nearest, -np.inf)
        best = int(value.argmax())
        chosen.append(pool[best])
        free[best] = False
        nearest = np.maximum(nearest, likeness[best])
    return chosen


def _likeness(pool: list[Candidate]) -> np.ndarray:
    """[pool, pool] in 0 … 1."""
    category = np.array([one.facts.category_id or -1 if one.facts else -1 for one in pool])
    likeness = SAME_SHELF * ((category[:, None] == category[None, :]) & (category[:, None] >= 0))
    placed = [row for row, one in enumerate(pool) if one.facts and one.facts.vector is not None]
    if placed:
        vectors = np.stack([pool[row].facts.vector for row in placed])  # type: ignore[union-attr, misc]
        likeness[np.ix_(placed, placed)] = np.clip(vectors @ vectors.T, 0.0, 1.0)
    return likeness
