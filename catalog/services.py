"""Products in bulk: what imports, whatever their source, write through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from catalog.models import Category, Product, product_slug

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product as an import brings it; ``category`` is a name or slug, made if the shop has none such."""

    code: str
    name: str
    price: Decimal
    currency: str
    description: str = ""
    category: str = ""
    stock: int = 0
    visible: bool = True
    image: str = ""
    attributes: dict[str, Any] | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    created: int
    updated: int


def products_import(*, products: Sequence[NewProduct], update: bool) -> Imported:
    """Creates products by code, all or nothing; those that exist are updated, or with ``update`` False left alone."""
    with transaction.atomic():
        categories = _categories({product.category for product in products if product.category})
        known = dict(Product.objects.with_codes([one.code for one in products]).values_list("code", "pk"))
        rows = [_row(one, categories.get(one.category)) for one in products]
        fresh = [row for row in rows if row.code not in known]
        Product.objects.bulk_create(fresh, batch_size=BATCH)
        old = [row for row in rows if row.code in known] if update else []
        for row in old:
            row.pk = known[row.code]
        Product.objects.bulk_update(old, UPDATED, batch_size=BATCH)
    return Imported(created=len(fresh), updated=len(old))


UPDATED = (
    "name", "slug", "description", "category", "attributes", "price", "currency", "stock", "visible", "image",
    "updated_at",
)


def _row(one: NewProduct, category: Category | None) -> Product:
    now = timezone.now()
    return Product(
        code=one.code,
        name=one.name,
        slug=product_slug(one.name),
        description=one.description,
        category=category,
        attributes=one.attributes or {},
        price=one.price,
        currency=one.currency,
        stock=one.stock,
        visible=one.visible,
        image=one.image,
        created_at=one.created_at or now,
        updated_at=now,
    )


def _categories(names: set[str]) -> dict[str, Category]:
    """By the word that the import used."""
    found: dict[str, Category] = {}
    for name in sorted(names):
        slug = slugify(name)[:80] or "category"
        category = Category.objects.filter(slug=slug).first() or Category.objects.filter(name=name).first()
        found[name] = category or Category.objects.create(name=name[:80], slug=slug)
    return found
