"""Puts products without a category on the shelf that their text is nearest to."""

from __future__ import annotations

import functools

import numpy as np
from django.db import connection

from catalog.models import Category
from catalog.online_retail.categories import SHELVES, example_phrases, shelf_of
from recs.content import text_encoder
from recs.engine.content.text import TextEncoder
from recs.vectors import from_binary


def categorise_products() -> int:
    """Zero-shot, by the text vectors that are stored; returns how many products got a category.

    Only for a shop that has the shelves of the demo: a shop of one's own brings its categories along.
    """
    shelves = dict(
        Category.objects.filter(slug__in=[shelf.slug for shelf in SHELVES]).values_list("slug", "pk")
    )
    if len(shelves) < len(SHELVES):
        return 0
    product_ids, vectors = _uncategorised()
    if not product_ids:
        return 0
    chosen = shelf_of(vectors, *_examples(text_encoder()))
    with connection.cursor() as cursor:
        cursor.execute(
            # updated_at stays: neither words nor picture change, so nothing is to be encoded anew.
            "UPDATE catalog_product SET category_id = chosen.category"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS chosen (product, category)"
            " WHERE catalog_product.id = chosen.product AND catalog_product.category_id IS NULL",
            [product_ids, [shelves[SHELVES[number].slug] for number in chosen]],
        )
        return cursor.rowcount


@functools.cache
def _examples(encoder: TextEncoder) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the shelves' example phrases, and whose they are: a second of work, once per encoder."""
    phrases, owner = example_phrases()
    return encoder.encode(phrases), owner


def _uncategorised() -> tuple[list[int], np.ndarray]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.id, halfvec_send(content.text) FROM catalog_product product"
            " JOIN recs_productcontent content ON content.product_id = product.id"
            " WHERE product.category_id IS NULL AND content.text IS NOT NULL ORDER BY product.id"
        )
        rows = cursor.fetchall()
    if not rows:
        return [], np.zeros((0, 0), dtype=np.float32)
    dimension = int.from_bytes(rows[0][1][:2], "big")
    return [row[0] for row in rows], from_binary([row[1] for row in rows], dimension)
