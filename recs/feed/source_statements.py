"""The statements of the sources. Rows are product, score and the product that led to it; of likeness to several the
two best scores and the products that led to them, best first."""

from __future__ import annotations

from recs.engine.interactions import Kind

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
SELECT near.product_id, (array_agg(near.likeness ORDER BY near.likeness DESC, near.seed))[1:2],
       (array_agg(near.seed ORDER BY near.likeness DESC, near.seed))[1:2]
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
GROUP BY near.product_id ORDER BY max(near.likeness) DESC, near.product_id
"""
NEWCOMERS = """
WITH learnt AS (
    SELECT coalesce((SELECT min(started_at) FROM recs_trainingrun WHERE version_id = %(version)s),
                    (SELECT created_at FROM recs_modelversion WHERE id = %(version)s)) AS at
)
SELECT product.id, (array_agg(-(content.text <#> seed.text) ORDER BY content.text <#> seed.text, seed.product_id))[1:2],
       (array_agg(seed.product_id ORDER BY content.text <#> seed.text, seed.product_id))[1:2]
FROM learnt CROSS JOIN catalog_product product
JOIN recs_productcontent content ON content.product_id = product.id AND content.text IS NOT NULL
LEFT JOIN recs_productpopularity popularity ON popularity.product_id = product.id
JOIN recs_productcontent seed ON seed.product_id = ANY(%(seeds)s) AND seed.text IS NOT NULL
WHERE (popularity.first_at IS NULL OR popularity.first_at > learnt.at)
    AND product.visible AND product.stock > 0 AND product.id <> ALL(%(unwanted)s)
    AND -(content.text <#> seed.text) >= %(least)s
GROUP BY product.id ORDER BY min(content.text <#> seed.text), product.id LIMIT %(limit)s
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
