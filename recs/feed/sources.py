"""Where candidates come from. Each is one look, all but one into Postgres, and proposes; none decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from recs import product_vectors, search
from recs.engine.interactions import Kind
from recs.feed.candidates import FeedRequest, Proposal
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
"""Newest purchases of a product whose baskets are looked into. Of the ten best by all baskets of Online Retail,
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
        return _rows(ALIKE_IN_WORDS, {"seeds": seeds, "each": PER_RECENT}) if seeds else []

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
        return _rows(NEWCOMERS, values)

    return Source("newcomers", look)


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


BOUGHT_TOGETHER = f"""
WITH basket AS MATERIALIZED (
    SELECT seed.id AS seed, newest.shopper_id, newest.occurred_at
    FROM unnest(%(seeds)s::bigint[]) AS seed (id) CROSS JOIN LATERAL (
        SELECT shopper_id, occurred_at FROM recs_interaction
        WHERE product_id = seed.id AND kind = {int(Kind.PURCHASE)} ORDER BY occurred_at DESC LIMIT %(baskets)s
    ) newest
),
pair AS MATERIALIZED (
    SELECT other.product_id, basket.seed, count(*)::int AS times
    FROM basket JOIN recs_interaction other ON other.shopper_id = basket.shopper_id
        AND other.occurred_at = basket.occurred_at AND other.kind = {int(Kind.PURCHASE)}
    GROUP BY other.product_id, basket.seed
),
together AS MATERIALIZED (
    SELECT product_id, sum(times) AS times, (array_agg(seed ORDER BY times DESC, seed))[1] AS seed
    FROM pair WHERE product_id <> ALL(%(unwanted)s) GROUP BY product_id HAVING sum(times) > 1
)
SELECT together.product_id, together.times / sqrt(20 + coalesce(popularity.total, 0)) AS score, together.seed
FROM together LEFT JOIN recs_productpopularity popularity USING (product_id)
ORDER BY score DESC, together.product_id LIMIT %(limit)s
"""
TRENDING = """
SELECT product.id, popularity.trending, NULL FROM recs_productpopularity popularity
JOIN catalog_product product ON product.id = popularity.product_id AND product.visible AND product.stock > 0
WHERE popularity.total > 0 AND product.id <> ALL(%(unwanted)s)
ORDER BY popularity.trending DESC, product.id LIMIT %(limit)s
"""
NEW = """
SELECT id, extract(epoch FROM created_at)::float8, NULL FROM catalog_product
WHERE visible AND stock > 0 AND id <> ALL(%(unwanted)s)
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
ALIKE_IN_WORDS = """
SELECT near.product_id, max(near.likeness) AS score, (array_agg(near.seed ORDER BY near.likeness DESC))[1]
FROM (
    SELECT seed.product_id AS seed, found.product_id, -found.distance AS likeness
    FROM recs_productcontent seed CROSS JOIN LATERAL (
        SELECT other.product_id, other.text <#> seed.text AS distance
        FROM recs_productcontent other
        JOIN catalog_product product ON product.id = other.product_id AND product.visible AND product.stock > 0
        WHERE other.text IS NOT NULL AND other.product_id <> ALL(%(seeds)s)
        ORDER BY distance LIMIT %(each)s
    ) found
    WHERE seed.product_id = ANY(%(seeds)s) AND seed.text IS NOT NULL
) near
GROUP BY near.product_id ORDER BY score DESC, near.product_id
"""
NEWCOMERS = """
WITH learnt AS (
    SELECT coalesce((SELECT min(started_at) FROM recs_trainingrun WHERE version_id = %(version)s),
                    (SELECT created_at FROM recs_modelversion WHERE id = %(version)s)) AS at
)
SELECT product.id, max(-(content.text <#> seed.text)) AS likeness,
       (array_agg(seed.product_id ORDER BY content.text <#> seed.text))[1]
FROM learnt CROSS JOIN catalog_product product
JOIN recs_productcontent content ON content.product_id = product.id AND content.text IS NOT NULL
LEFT JOIN recs_productpopularity popularity ON popularity.product_id = product.id
JOIN recs_productcontent seed ON seed.product_id = ANY(%(seeds)s) AND seed.text IS NOT NULL
WHERE (popularity.first_at IS NULL OR popularity.first_at > learnt.at)
    AND product.visible AND product.stock > 0 AND product.id <> ALL(%(unwanted)s)
GROUP BY product.id HAVING max(-(content.text <#> seed.text)) >= %(least)s
ORDER BY likeness DESC, product.id LIMIT %(limit)s
"""
POPULAR_IN_CATEGORY = """
SELECT best.id, best.total, NULL FROM (
    SELECT category_id, count(*) AS times FROM catalog_product
    WHERE id = ANY(%(about)s) AND category_id IS NOT NULL GROUP BY category_id ORDER BY times DESC LIMIT %(most)s
) chosen CROSS JOIN LATERAL (
    SELECT product.id, popularity.total FROM catalog_product product
    JOIN recs_productpopularity popularity ON popularity.product_id = product.id
    WHERE product.category_id = chosen.category_id AND product.visible AND product.stock > 0
        AND product.id <> ALL(%(unwanted)s)
    ORDER BY popularity.total DESC, product.id LIMIT %(each)s
) best
"""


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
    best: dict[int, Proposal] = {}
    for found in product_vectors.similar(version=version, product_ids=seeds, limit=limit):
        # Best first: of several seeds, the nearest one is why.
        best.setdefault(found.product_id, Proposal(found.product_id, found.score, found.because))
    return list(best.values())


def _rows(statement: str, values: dict[str, Any]) -> list[Proposal]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [
            Proposal(product_id, float(score), because) for product_id, score, because in cursor.fetchall()
        ]


def _enough(request: FeedRequest) -> int:
    """So many that what is named alike, and what goes while the feed is made, leave a page."""
    return max(SHORT_LIST, 2 * request.count)
