"""What the engine knows of products: content vectors, category, price and attributes as its columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection

from recs.engine.interactions import FloatArray, Items
from recs.vectors import from_binary

ATTRIBUTES = 2_048
"""Numbers that attributes are hashed to (Weinberger et al. 2009, arXiv:0902.2206): the same in training and in serving,
also of a value that comes up later."""


def content_items(product_ids: Sequence[int]) -> Items:
    """What the engine knows of these products, in this order.

    Categories are numbered by their key, which stays the same between training and serving.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.category_id, product.price, halfvec_send(content.text), halfvec_send(content.image),"
            "  product.attributes::text"
            " FROM unnest(%s::bigint[]) WITH ORDINALITY AS wanted (id, place)"
            " LEFT JOIN catalog_product product ON product.id = wanted.id"
            " LEFT JOIN recs_productcontent content ON content.product_id = wanted.id ORDER BY place",
            [list(product_ids)],
        )
        rows = cursor.fetchall()
    attributes = [attribute_numbers(json.loads(row[4] or "{}")) for row in rows]
    return Items(
        count=len(rows),
        text=_stacked([row[2] for row in rows]),
        image=_stacked([row[3] for row in rows]),
        category=np.array([-1 if row[0] is None else row[0] for row in rows], dtype=np.int64),
        price=np.array([np.nan if row[1] is None else float(row[1]) for row in rows], dtype=np.float32),
        attribute_ids=np.array([number for some in attributes for number in some], dtype=np.int64),
        attribute_offsets=np.cumsum([0, *map(len, attributes)], dtype=np.int64),
    )


def attribute_numbers(attributes: Any) -> list[int]:
    """Of each ``name=value``, one for each value of a list, in ascending order; none of what is no object."""
    if not isinstance(attributes, dict):
        return []
    words = {
        f"{name}={value if isinstance(value, str) else json.dumps(value, sort_keys=True)}".casefold()
        for name, given in attributes.items()
        for value in (given if isinstance(given, list) else [given])
        if value not in (None, "")
    }
    return sorted({int.from_bytes(hashlib.sha256(word.encode()).digest()[:8]) % ATTRIBUTES for word in words})


def _stacked(packed: list[bytes | None]) -> FloatArray | None:
    """float32 [rows, d], NaN where a product has none; None where no product has any."""
    first = next((row for row in packed if row), None)
    if first is None:
        return None
    dimension = int.from_bytes(first[:2], "big")
    result = np.full((len(packed), dimension), np.nan, dtype=np.float32)
    there = [place for place, row in enumerate(packed) if row and len(row) == len(first)]
    result[there] = from_binary([packed[place] or b"" for place in there], dimension)
    return result
