"""What the shop says of candidates and of the shopper, in one query each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from accounts.models import Shopper
from recs import product_vectors
from recs.engine.interactions import Kind
from recs.feed.candidates import Facts
from recs.registry import ActiveVersion


def product_facts(product_ids: Sequence[int], version: ActiveVersion | None) -> dict[int, Facts]:
    """By key; a product that is gone is missing."""
    vectors = product_vectors.vectors(version=version, product_ids=product_ids) if version else {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.id, product.visible AND product.stock > 0, product.name, product.category_id,"
            "       coalesce(category.name, ''), coalesce(popularity.total, 0)"
            " FROM catalog_product product"
            " LEFT JOIN catalog_category category ON category.id = product.category_id"
            " LEFT JOIN recs_productpopularity popularity ON popularity.product_id = product.id"
            " WHERE product.id = ANY(%s)",
            [list(product_ids)],
        )
        return {
            product_id: Facts(available, name, category_id, category, popularity, vectors.get(product_id))
            for product_id, available, name, category_id, category, popularity in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class ShopperFacts:
    """What the shopper bought, hid, and has in the basket, as of now."""

    bought: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    in_cart: tuple[int, ...] = ()


def shopper_facts(shopper: Shopper | None) -> ShopperFacts:
    if shopper is None:
        return ShopperFacts()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT kind::int, product_id FROM recs_interaction"
            " WHERE shopper_id = %(shopper)s AND kind = ANY(%(kinds)s)"
            " UNION ALL"
            " SELECT 0, line.product_id FROM accounts_cartline line"
            " JOIN accounts_cart cart ON cart.id = line.cart_id WHERE cart.shopper_id = %(shopper)s",
            {"shopper": shopper.pk, "kinds": [int(Kind.PURCHASE), int(Kind.HIDE)]},
        )
        rows = cursor.fetchall()
    of: dict[int, list[int]] = {}
    for kind, product_id in rows:
        of.setdefault(kind, []).append(product_id)
    return ShopperFacts(
        bought=frozenset(of.get(int(Kind.PURCHASE), [])),
        hidden=frozenset(of.get(int(Kind.HIDE), [])),
        in_cart=tuple(of.get(0, [])),
    )
