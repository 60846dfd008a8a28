"""Search: full text and meaning, fused by reciprocal rank in one statement.

Full text finds the words, the query's vector what means the same (recs/queries.py says how a web process
comes by it). Reciprocal rank fusion (Cormack et al. 2009) needs no common scale: ``sum of 1 / (60 + rank)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection

from recs.queries import query_vector
from recs.vectors import to_text

DEPTH = 200
"""Places of each ranking that take part."""
LEAST_LIKENESS = 0.35
"""Cosine below which a text does not mean what was asked: without it every query would find the whole shop."""
EXACT = re.compile(r'(^|\s)-\w|"')
"""Who puts words into quotes or excludes one by a minus speaks of words: meaning would bring them back."""

SEARCH = """
WITH asked AS (SELECT websearch_to_tsquery('english', %(query)s) AS words),
by_words AS (
    SELECT product.id, row_number() OVER (ORDER BY ts_rank(product.document, asked.words) DESC, product.id) AS place
    FROM catalog_product product, asked
    WHERE product.document @@ asked.words AND product.visible AND product.stock > 0
    ORDER BY place LIMIT %(depth)s
),
by_meaning AS (
    SELECT near.id, row_number() OVER (ORDER BY near.distance, near.id) AS place FROM (
        -- A text that another encoder read, of another dimension, waits for the next sweep.
        SELECT product.id, CASE WHEN vector_dims(content.text) = %(dimension)s
                                THEN content.text <#> %(vector)s::halfvec END AS distance
        FROM recs_productcontent content JOIN catalog_product product ON product.id = content.product_id
        WHERE content.text IS NOT NULL AND product.visible AND product.stock > 0
        ORDER BY distance LIMIT %(depth)s
    ) near WHERE near.distance < -%(least)s
)
SELECT id, sum(1.0 / (60 + place))::float8 AS score
FROM (SELECT * FROM by_words UNION ALL SELECT * FROM by_meaning) found
GROUP BY id ORDER BY score DESC, id LIMIT %(limit)s
"""
BY_WORDS = """
SELECT product.id, ts_rank(product.document, asked)::float8 AS score
FROM catalog_product product, websearch_to_tsquery('english', %(query)s) asked
WHERE product.document @@ asked AND product.visible AND product.stock > 0
ORDER BY score DESC, product.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Match:
    product_id: int
    score: float


def search_products(*, query: str, limit: int) -> list[Match]:
    """Purchasable products that match, best first; by full text alone where no query vector is to be had."""
    cleaned = query.replace("\0", " ").strip()
    if not cleaned:
        return []
    vector = None if EXACT.search(cleaned) else query_vector(cleaned)
    values: dict[str, str | int | float] = {
        "query": cleaned,
        "limit": limit,
        "depth": DEPTH,
        "least": LEAST_LIKENESS,
    }
    statement = BY_WORDS
    if vector is not None:
        statement = SEARCH
        values |= {"vector": to_text(vector), "dimension": len(vector)}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Match(product_id, score) for product_id, score in cursor.fetchall()]
