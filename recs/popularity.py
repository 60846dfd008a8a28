"""How much each product is wanted: all in all, and lately. Counted in SQL, read by trending and popular sources."""

from __future__ import annotations

from django.db import connection

from recs.engine.interactions import Kind

WEIGHTS = {
    Kind.VIEW: 1.0,
    Kind.CLICK: 1.0,
    Kind.CART_ADD: 3.0,
    Kind.PURCHASE: 5.0,
    Kind.LIKE: 3.0,
}
HALF_LIFE_SHARE = 0.05
HALF_LIFE_LEAST = 500
"""A wish counts half as much in the trend for every so many that came after it: this share of all, at least so many.

Counted in wishes and not in days, the trend of a shop with only an old history stands until as much happens anew, and
no single shopper, whatever times a client claims, can turn it over.
"""

REFRESH = """
WITH weight (kind, value) AS (SELECT * FROM unnest(%(kinds)s::int[], %(weights)s::float8[])),
wish AS (
    -- A shopper counts once per product, by the most that they did: who reloads a page makes no trend.
    SELECT interaction.product_id, max(weight.value) AS value,
           max(interaction.occurred_at) AS at, min(interaction.occurred_at) AS first_at
    FROM recs_interaction interaction JOIN weight USING (kind)
    WHERE interaction.product_id IS NOT NULL
    GROUP BY interaction.product_id, interaction.shopper_id
),
aged AS (
    SELECT product_id, value, first_at,
           (rank() OVER (ORDER BY at DESC) - 1)
               / greatest(%(least)s, %(share)s * count(*) OVER ())::float8 AS half_lives
    FROM wish
),
summed AS (
    SELECT product_id, sum(value) AS total, min(first_at) AS first_at,
           sum(value * power(2::float8, -half_lives)) AS trending
    FROM aged GROUP BY product_id
)
INSERT INTO recs_productpopularity (product_id, trending, total, first_at, updated_at)
SELECT product.id, coalesce(summed.trending, 0), coalesce(summed.total, 0), summed.first_at, now()
FROM catalog_product product LEFT JOIN summed ON summed.product_id = product.id
ON CONFLICT (product_id) DO UPDATE
SET trending = excluded.trending, total = excluded.total, first_at = excluded.first_at,
    updated_at = excluded.updated_at
WHERE (recs_productpopularity.trending, recs_productpopularity.total, recs_productpopularity.first_at)
    IS DISTINCT FROM (excluded.trending, excluded.total, excluded.first_at)
"""


def refresh_popularity() -> int:
    """Counts anew; returns how many products changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            REFRESH,
            {
                "kinds": [int(kind) for kind in WEIGHTS],
                "weights": list(WEIGHTS.values()),
                "share": HALF_LIFE_SHARE,
                "least": HALF_LIFE_LEAST,
            },
        )
        return cursor.rowcount
