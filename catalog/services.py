"""Products in bulk: what imports, whatever their source, write through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from catalog.models import Category, product_slug

ANALYZE_FROM = 1_000
"""Rows written at once from which Postgres is told anew what the table holds."""


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product as an import brings it. None: a product that exists keeps what it has, a new one gets the default.

    ``category`` is a name or slug, made if the shop has none such; empty takes the product off its shelf.
    ``image`` is a path below MEDIA_ROOT.
    """

    code: str
    name: str
    price: Decimal
    currency: str | None = None
    description: str | None = None
    category: str | None = None
    stock: int | None = None
    visible: bool | None = None
    image: str | None = None
    attributes: dict[str, Any] | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    created: int
    updated: int


COLUMNS = {
    "code": "text",
    "name": "text",
    "slug": "text",
    "price": "numeric",
    "currency": "text",
    "description": "text",
    "reshelved": "bool",
    "category_id": "bigint",
    "stock": "integer",
    "visible": "bool",
    "image": "text",
    "attributes": "jsonb",
    "created_at": "timestamptz",
}
CREATE = """
INSERT INTO catalog_product (code, name, slug, description, category_id, attributes, price, currency, stock,
                             visible, image, created_at, updated_at)
SELECT code, name, slug, coalesce(description, ''), category_id, coalesce(attributes, '{}'), price,
       coalesce(currency, %(currency)s), coalesce(stock, 0), coalesce(visible, true), coalesce(image, ''),
       coalesce(created_at, %(now)s), %(now)s
FROM bulk_product ORDER BY code
ON CONFLICT (code) DO NOTHING
"""
# A product that would not change is not written: updated_at is what tells the workers to encode it anew.
UPDATE = """
UPDATE catalog_product product
SET name = wanted.name, slug = wanted.slug, description = wanted.description,
    category_id = wanted.category_id, attributes = wanted.attributes, price = wanted.price,
    currency = wanted.currency, stock = wanted.stock, visible = wanted.visible, image = wanted.image,
    created_at = wanted.created_at, updated_at = %(now)s
FROM (
    SELECT known.id, bulk.name, bulk.slug, bulk.price,
           coalesce(bulk.description, known.description) AS description,
           CASE WHEN bulk.reshelved THEN bulk.category_id ELSE known.category_id END AS category_id,
           coalesce(bulk.attributes, known.attributes) AS attributes,
           coalesce(bulk.currency, known.currency) AS currency, coalesce(bulk.stock, known.stock) AS stock,
           coalesce(bulk.visible, known.visible) AS visible, coalesce(bulk.image, known.image) AS image,
           coalesce(bulk.created_at, known.created_at) AS created_at
    FROM bulk_product bulk JOIN catalog_product known ON known.code = bulk.code
) wanted
WHERE product.id = wanted.id AND
    (product.name, product.slug, product.description, product.category_id, product.attributes, product.price,
     product.currency, product.stock, product.visible, product.image, product.created_at)
    IS DISTINCT FROM
    (wanted.name, wanted.slug, wanted.description, wanted.category_id, wanted.attributes, wanted.price,
     wanted.currency, wanted.stock, wanted.visible, wanted.image, wanted.created_at)
"""


def products_import(*, products: Sequence[NewProduct], update: bool) -> Imported:
    """Creates products by code, all or nothing, by COPY; those that exist are updated, or with ``update`` False
    left alone. Of two with one code the first counts."""
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        categories = _categories({product.category for product in products if product.category})
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        cursor.execute(f"CREATE TEMPORARY TABLE bulk_product ({columns}) ON COMMIT DROP")
        with cursor.copy(f"COPY bulk_product ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in _rows(products, categories):
                copy.write_row(row)
        cursor.execute(CREATE, {"currency": settings.SHOP_CURRENCY, "now": now})
        created = cursor.rowcount
        updated = 0
        if update:
            cursor.execute(UPDATE, {"now": now})
            updated = cursor.rowcount
        cursor.execute("DROP TABLE bulk_product")
        if created + updated >= ANALYZE_FROM:
            cursor.execute("ANALYZE catalog_product")
    return Imported(created=created, updated=updated)


def _rows(products: Iterable[NewProduct], categories: dict[str, int]) -> Iterable[tuple[Any, ...]]:
    """In the order of COLUMNS."""
    seen: set[str] = set()
    for one in products:
        if one.code in seen:
            continue
        seen.add(one.code)
        yield (
            one.code,
            one.name,
            product_slug(one.name),
            one.price,
            one.currency,
            one.description,
            one.category is not None,
            categories.get(one.category or ""),
            one.stock,
            one.visible,
            one.image,
            None if one.attributes is None else json.dumps(one.attributes),
            one.created_at,
        )


def _categories(words: set[str]) -> dict[str, int]:
    """Primary keys by the word that the import used. New shelves come after those that stand."""
    keys: dict[str, int] = {}
    position = (Category.objects.aggregate(last=Max("position"))["last"] or 0) + 1
    for word in sorted(words):
        slug = slugify(word)[:80] or "category"
        found = Category.objects.filter(name=word).first() or Category.objects.filter(slug=slug).first()
        if found is None:
            found = Category.objects.create(name=word[:80], slug=slug, position=position)
            position += 1
        keys[word] = found.pk
    return keys
