"""How products look: prices, tints of the tiles behind pictures, the departments of the home page."""

from dataclasses import dataclass
from decimal import Decimal

from django import template
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db.models import OuterRef, Subquery

from catalog.models import Category, Product

register = template.Library()

SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
DEPARTMENTS_KEPT = 60
"""Seconds."""
TINTS = 12
"""Hues that products.css has: ``tint-0`` to ``tint-11``."""


@dataclass(frozen=True, slots=True)
class Department:
    category: Category
    picture: str


@register.filter
def price(amount: Decimal, currency: str) -> str:
    """``£1,249.00``; currencies without a sign here come as ``1,249.00 CHF``."""
    sign = SIGNS.get(currency)
    return f"{sign}{amount:,.2f}" if sign else f"{amount:,.2f} {currency}"


@register.filter
def tint(category_id: object) -> str:
    """The class that gives a category's tiles their hue; neighbours in the shop differ clearly.

    Anything but a number is no category: a template has an empty text where a product is gone.
    """
    return f"tint-{category_id * 5 % TINTS}" if isinstance(category_id, int) else "tint-none"


@register.simple_tag
def departments() -> list[Department]:
    """Every category that has something to sell, with its picture, or that of what is wanted most in it.

    Kept for a while: it sorts all products, and would be the home page's slowest query.
    """
    kept: list[Department] | None = cache.get("departments")
    if kept is None:
        kept = _departments()
        cache.set("departments", kept, DEPARTMENTS_KEPT)
    return kept


def _departments() -> list[Department]:
    wanted = Product.objects.purchasable().filter(category=OuterRef("pk")).exclude(image="")
    pictures = wanted.order_by("-popularity__trending", "pk").values("image")[:1]
    categories = Category.objects.annotate(picture=Subquery(pictures)).exclude(picture=None)
    return [
        Department(category, default_storage.url(category.image.name or category.picture))
        for category in categories
    ]
