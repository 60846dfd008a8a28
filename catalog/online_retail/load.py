"""Products, pictures and shelves of Online Retail into the shop; what is there already stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from catalog.models import Category
from catalog.online_retail.categories import SHELVES
from catalog.online_retail.cleaning import DATA
from catalog.online_retail.products import RawProduct
from catalog.services import Imported, NewProduct, products_import

CURRENCY = "GBP"


def load_categories() -> None:
    """The shelves by slug, with their pictures; an owner's changes to them stay."""
    _copy_art({shelf.art for shelf in SHELVES}, "categories")
    Category.objects.bulk_create(
        [
            Category(
                slug=shelf.slug,
                name=shelf.name,
                description=shelf.examples[:300],
                position=place,
                image=f"categories/{shelf.art}.webp",
            )
            for place, shelf in enumerate(SHELVES, start=1)
        ],
        ignore_conflicts=True,
    )


def load_pictures(products: list[RawProduct]) -> None:
    """Copies each different picture once; products share it."""
    _copy_art({product.art for product in products if product.art}, "products")


def load_products(products: list[RawProduct]) -> Imported:
    """Adds products that the shop does not have; never changes one that it has."""
    return products_import(
        products=[
            NewProduct(
                code=product.code,
                name=product.name,
                price=product.price,
                currency=CURRENCY,
                stock=product.stock,
                image=f"products/{product.art}.webp" if product.art else "",
                created_at=product.created_at,
            )
            for product in products
        ],
        update=False,
    )


def _copy_art(names: set[str], folder_name: str) -> None:
    folder = Path(settings.MEDIA_ROOT) / folder_name
    folder.mkdir(parents=True, exist_ok=True)
    for art in names:
        target = folder / f"{art}.webp"
        if not target.exists():
            partial = folder / f".{art}.partial"
            shutil.copyfile(DATA / "product_art" / f"{art}.webp", partial)
            partial.replace(target)
