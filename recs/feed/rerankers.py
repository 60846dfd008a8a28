"""The order of the page: what suits best first, but not the same thing over and over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.feed.candidates import Candidate, FeedRequest

SAMENESS = 0.4
"""What a product loses that equals one above it. On the demo's shop 0.25 gave the same pages."""
SHELF_SHARE = 0.5
"""What a product loses where its category fills the page. After three lunch bags, of 24 products 19 were bags with
0, 13 with 0.5, 12 with 1 and 10 with 1.5; of the first six 6, 5, 4 and 3. After three mugs 24, 21, 14 and 11 were
of that shelf, at the price of a mean score of 1.46, 1.40, 1.26 and 1.18."""
SAME_SHELF = 0.25
"""Likeness of two products of one category where nothing finer is known. Of the twelve products on top after
three lunch bags, ten were bags with 0.15, six with 0.25, and one with 0.5."""
NEWCOMER_PLACES = (5, 11, 17)
"""Counted from 0: the ends of a wide screen's first rows."""
POOL = 6
"""Candidates per place that are looked at: those below never reach the page."""


def best_first(candidates: Sequence[Candidate], request: FeedRequest) -> list[Candidate]:
    return list(candidates[: request.count])


def diverse(candidates: Sequence[Candidate], request: FeedRequest) -> list[Candidate]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) over the product vectors.

    Takes the candidate with the highest score less ``SAMENESS`` times its likeness to the most like one
    taken before, and less ``SHELF_SHARE`` times the share of the page that its category has by then; without
    vectors, products of one category count as somewhat alike.
    """
    pool = list(candidates[: POOL * request.count])
    if not pool:
        return []
    likeness = _likeness(pool)
    scores = np.array([one.score for one in pool])
    shelf = _shelves(pool)
    nearest = np.zeros(len(pool))
    beside = np.zeros(len(pool))
    free = np.ones(len(pool), dtype=bool)
    chosen = []
    for _ in range(min(request.count, len(pool))):
        lost = SAMENESS * nearest + SHELF_SHARE * beside / request.count
        value = np.where(free, scores - lost, -np.inf)
        best = int(value.argmax())
        chosen.append(pool[best])
        free[best] = False
        nearest = np.maximum(nearest, likeness[best])
        beside += (shelf == shelf[best]) & (shelf >= 0)
    return chosen


def diverse_with_newcomers(candidates: Sequence[Candidate], request: FeedRequest) -> list[Candidate]:
    """``diverse``, and as many of the best newcomers that suit as there are places for them.

    A product that is never shown never gets the clicks that would carry it: a few places of a page are what meeting
    it costs. Newcomers that came onto the page by themselves stay on it and count among these.
    """
    chosen = diverse(candidates, request)
    there = {one.product_id for one in chosen if one.newcomer}
    waiting = [one for one in candidates if one.newcomer and one.product_id not in there]
    for place, newcomer in zip(NEWCOMER_PLACES[len(there) :], waiting, strict=False):
        giving_way = [number for number, one in enumerate(chosen) if not one.newcomer]
        if place < len(chosen) and giving_way:
            del chosen[giving_way[-1]]
            chosen.insert(place, newcomer)
    return chosen


def _likeness(pool: list[Candidate]) -> np.ndarray:
    """[pool, pool] in 0 … 1."""
    shelf = _shelves(pool)
    likeness = SAME_SHELF * ((shelf[:, None] == shelf[None, :]) & (shelf[:, None] >= 0))
    placed = {
        row: one.facts.vector for row, one in enumerate(pool) if one.facts and one.facts.vector is not None
    }
    if placed:
        rows, vectors = list(placed), np.stack(list(placed.values()))
        likeness[np.ix_(rows, rows)] = np.clip(vectors @ vectors.T, 0.0, 1.0)
    return likeness


def _shelves(pool: list[Candidate]) -> np.ndarray:
    """Key of each candidate's category, -1 for none."""
    return np.array([(one.facts.category_id if one.facts else None) or -1 for one in pool])
