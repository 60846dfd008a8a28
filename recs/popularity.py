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
HALF_LIFE_DAYS = 14.0
"""Counted from the newest interaction of the shop, so that a shop with only an old history has a trend too."""
MOST_HALF_LIVES = 900.0
"""2^-900 is still a number: what is older keeps its order by the bound of a double."""

REFRESH = """
WITH weight (kind, value) AS (SELECT * FROM unnest(%(kinds)s::int[], %(weights)s::float8[])),
newest AS (SELECT max(occurred_at) AS at FROM recs_interaction),
counted AS (
    SELECT interaction.product_id, interaction.shopper_id, interaction.kind,
           -- A shopper counts once per product, kind and day: one who reloads makes no trend.
           max(interaction.occurred_at) AS at, max(weight.value) AS value
    FROM recs_interaction interaction JOIN weight USING (kind)
    WHERE interaction.product_id IS NOT NULL
    GROUP BY interaction.product_id, interaction.shopper_id, interaction.kind,
             date_trunc('day', interaction.occurred_at)
),
summed AS (
    SELECT product_id, sum(value) AS total,
           sum(value * power(2::float8, -least(%(most)s,
               extract(epoch FROM newest.at - counted.at) / 86400 / %(half_life)s))) AS trending
    FROM counted CROSS JOIN newest GROUP BY product_id
)
INSERT INTO recs_productpopularity (product_id, trending, total, updated_at)
SELECT product.id, coalesce(summed.trending, 0), coalesce(summed.total, 0), now()
FROM catalog_product product LEFT JOIN summed ON summed.product_id = product.id
ON CONFLICT (product_id) DO UPDATE
SET trending = excluded.trending, total = excluded.total, updated_at = excluded.updated_at
WHERE recs_productpopularity.trending <> excluded.trending OR recs_productpopularity.total <> excluded.total
"""


def refresh_popularity() -> int:
    """Counts anew; returns how many products changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            REFRESH,
            {
                "kinds": [int(kind) for kind in WEIGHTS],
                "weights": list(WEIGHTS.values()),
                "half_life": HALF_LIFE_DAYS,
                "most": MOST_HALF_LIVES,
            },
        )
        return cursor.rowcount
