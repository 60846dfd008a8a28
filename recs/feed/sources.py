"""Where candidates come from. Each is one look, all but one into Postgres, and proposes; none decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from recs import product_vectors, search
from recs.feed import candidates
from recs.feed.candidates import FeedRequest, Proposal
from recs.feed.source_statements import (
    ALIKE_IN_WORDS,
    BOUGHT_TOGETHER,
    NEW,
    NEWCOMERS,
    POPULAR_IN_CATEGORY,
    TRENDING,
)
from recs.registry import ActiveVersion

NEAREST = 150
PER_RECENT = 30
"""Neighbours of each recent product; the newest few recent products count."""
WORD_SEEDS = 3
"""Recent products whose texts are compared: each reads every text vector, 3 ms for 3,657 products."""
LEAST_ALIKE = 0.35
"""Likeness of two names below which a newcomer suits nobody: a watering can of zinc and other things of zinc have
0.36 to 0.44, a teapot with bluebirds and other teapots 0.7, a cookery book and mugs 0.26, a garden gnome and lunch
bags 0.24."""
NEWCOMERS_MOST = 12
RECENT_SEEDS = 5
SHORT_LIST = 40
BASKETS = 300
"""Newest purchases of a product whose baskets are looked into. Of the ten best by all baskets of the demo's shop,
300 found 99 %, 200 95 % and 100 81 %, all in about the same time."""
FEWEST_BASKETS = 30
"""Per product of a full cart, which shares ``BASKETS`` among its products."""
CATEGORIES = 3

Look = Callable[[FeedRequest], Sequence[Proposal]]


@dataclass(frozen=True, slots=True)
class Source:
    """A look with the name that trace and reasons know it by."""

    name: str
    look: Look

    def __call__(self, request: FeedRequest) -> Sequence[Proposal]:
        return self.look(request)


def recommended() -> Source:
    """What the recommender puts first that ranks in place of the vectors, where the version has one."""

    def look(request: FeedRequest) -> list[Proposal]:
        if request.scores is None:
            return []
        found = request.scores.best(NEAREST, exclude=request.unwanted)
        return [Proposal(product_id, score) for product_id, score in found]

    return Source("recommended", look)


def nearest(version: ActiveVersion | None) -> Source:
    """Nearest to the shopper's own vector."""

    def look(request: FeedRequest) -> list[Proposal]:
        if version is None or request.vector is None:
            return []
        found = product_vectors.nearest(
            version=version, vector=request.vector, limit=NEAREST, exclude=sorted(request.unwanted)
        )
        return [Proposal(product_id, score) for product_id, score in found]

    return Source("nearest", look)


def similar_to_recent(version: ActiveVersion | None) -> Source:
    """Neighbours of the products that the shopper dealt with last."""

    def look(request: FeedRequest) -> list[Proposal]:
        seeds = [recent.product_id for recent in request.recent[:RECENT_SEEDS]]
        return _neighbours(version, seeds, PER_RECENT) if request.personal else []

    return Source("similar_to_recent", look)


def alike_in_words() -> Source:
    """What is named like the products that the shopper dealt with last: no model learns that faster."""

    def look(request: FeedRequest) -> list[Proposal]:
        seeds = [recent.product_id for recent in request.recent[:WORD_SEEDS]]
        return _likenesses(ALIKE_IN_WORDS, {"seeds": seeds, "each": PER_RECENT}) if seeds else []

    return Source("alike_in_words", look)


def newcomers(version: ActiveVersion | None) -> Source:
    """What came into the shop since the model learnt, and is named like what the shopper dealt with last.

    Established products have neighbours, buyers and places that a new one cannot have yet: here it stands apart.
    """

    def look(request: FeedRequest) -> list[Proposal]:
        seeds = [recent.product_id for recent in request.recent[:WORD_SEEDS]]
        if version is None or not seeds:
            return []
        values = {
            "seeds": seeds,
            "version": version.id,
            "least": LEAST_ALIKE,
            "unwanted": sorted({*request.unwanted, *seeds}),
            "limit": NEWCOMERS_MOST,
        }
        return _likenesses(NEWCOMERS, values)

    return Source(candidates.NEWCOMERS, look)


def similar(version: ActiveVersion | None) -> Source:
    """Neighbours of what the feed is about."""

    def look(request: FeedRequest) -> list[Proposal]:
        seeds = list(request.seeds)
        return _neighbours(version, seeds, max(PER_RECENT, 3 * SHORT_LIST // max(1, len(seeds))))

    return Source("similar", look)


def bought_together() -> Source:
    """What stands in the same orders as what the feed is about, against how often it is bought anyway."""
    return Source("bought_together", lambda request: _bought_with(list(request.seeds), request))


def bought_with_recent() -> Source:
    """The same for the products that the shopper dealt with last."""

    def look(request: FeedRequest) -> list[Proposal]:
        return _bought_with([recent.product_id for recent in request.recent[:RECENT_SEEDS]], request)

    return Source("bought_together", look)


def trending() -> Source:
    def look(request: FeedRequest) -> list[Proposal]:
        return _rows(TRENDING, {"limit": _enough(request), "unwanted": sorted(request.unwanted)})

    return Source("trending", look)


def new() -> Source:
    def look(request: FeedRequest) -> list[Proposal]:
        return _rows(NEW, {"limit": _enough(request), "unwanted": sorted(request.unwanted)})

    return Source("new", look)


def popular_in_category() -> Source:
    """The most wanted of the categories of the recent products, or of what the feed is about."""

    def look(request: FeedRequest) -> list[Proposal]:
        about = list(request.seeds)
        if request.personal and not about:
            about = [recent.product_id for recent in request.recent[:RECENT_SEEDS]]
        if not about:
            return []
        values = {
            "about": about,
            "each": SHORT_LIST,
            "most": CATEGORIES,
            "unwanted": sorted(request.unwanted),
        }
        return _rows(POPULAR_IN_CATEGORY, values)

    return Source("popular_in_category", look)


def matches() -> Source:
    """Full text and meaning, fused: see recs/search.py."""

    def look(request: FeedRequest) -> list[Proposal]:
        found = search.search_products(query=request.query, limit=4 * request.count)
        return [Proposal(match.product_id, match.score) for match in found]

    return Source("matches", look)


def _bought_with(seeds: list[int], request: FeedRequest) -> list[Proposal]:
    if not seeds:
        return []
    values = {
        "seeds": seeds,
        "baskets": max(FEWEST_BASKETS, BASKETS // len(seeds)),
        "unwanted": sorted({*request.unwanted, *seeds}),
        "limit": _enough(request),
    }
    return _rows(BOUGHT_TOGETHER, values)


def _neighbours(version: ActiveVersion | None, seeds: list[int], limit: int) -> list[Proposal]:
    if version is None or not seeds:
        return []
    ways: dict[int, list[tuple[float, int]]] = {}
    for found in product_vectors.similar(version=version, product_ids=seeds, limit=limit):
        ways.setdefault(found.product_id, []).append((found.score, found.because))
    return [_nearest_why(product_id, led) for product_id, led in ways.items()]


def _likenesses(statement: str, values: dict[str, Any]) -> list[Proposal]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [
            _nearest_why(product_id, list(zip(scores, seeds, strict=True)))
            for product_id, scores, seeds in cursor.fetchall()
        ]


def _nearest_why(product_id: int, ways: Sequence[tuple[float, int]]) -> Proposal:
    """Of several products that lead to it, with their likenesses, best first, the nearest one is why."""
    (score, because), *others = ways
    otherwise = Proposal(product_id, *others[0]) if others else None
    return Proposal(product_id, score, because, otherwise)


def _rows(statement: str, values: dict[str, Any]) -> list[Proposal]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [
            Proposal(product_id, float(score), because) for product_id, score, because in cursor.fetchall()
        ]


def _enough(request: FeedRequest) -> int:
    """So many that what is named alike, and what goes while the feed is made, leave a page."""
    return max(SHORT_LIST, 2 * request.count)
