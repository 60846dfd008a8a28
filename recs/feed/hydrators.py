"""What the shop says of candidates and of the shopper, each in one statement, so in one state of the shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from accounts.models import Consent, Shopper
from recs.engine.interactions import LEAST_WANTED, Kind
from recs.feed.candidates import Facts, Vector
from recs.registry import ActiveVersion
from recs.vectors import from_binary

PRODUCTS = """
SELECT product.id, product.visible, product.visible AND product.stock > 0, product.name, product.category_id,
       coalesce(category.name, ''), coalesce(popularity.total, 0), halfvec_send(placed.vector)
FROM catalog_product product
LEFT JOIN catalog_category category ON category.id = product.category_id
LEFT JOIN recs_productpopularity popularity ON popularity.product_id = product.id
LEFT JOIN recs_productvector placed ON placed.version_id = %(version)s AND placed.product_id = product.id
WHERE product.id = ANY(%(products)s)
"""
# A client that keeps the basket itself says by interactions what lies in it.
SHOPPER = f"""
SELECT shopper.last_seq,
       NOT EXISTS (SELECT FROM accounts_consent consent WHERE consent.shopper_id = shopper.id
                   AND consent.purpose = '{Consent.Purpose.PERSONALISATION.value}' AND NOT consent.granted),
       ARRAY(SELECT DISTINCT product_id FROM recs_interaction
             WHERE shopper_id = shopper.id AND kind = {int(Kind.PURCHASE)} AND product_id IS NOT NULL),
       ARRAY(SELECT DISTINCT product_id FROM recs_interaction complaint
             WHERE shopper_id = shopper.id AND product_id IS NOT NULL
               AND (kind = {int(Kind.HIDE)} OR kind = {int(Kind.RATING)} AND value < {LEAST_WANTED}
                    AND NOT EXISTS (SELECT FROM recs_interaction later
                                    WHERE later.shopper_id = shopper.id AND later.product_id = complaint.product_id
                                      AND later.kind = {int(Kind.RATING)} AND later.value >= {LEAST_WANTED}
                                      AND later.seq > complaint.seq))),
       CASE WHEN EXISTS (SELECT FROM accounts_cart cart WHERE cart.shopper_id = shopper.id)
            THEN ARRAY(SELECT line.product_id FROM accounts_cartline line
                       JOIN accounts_cart cart ON cart.id = line.cart_id
                       WHERE cart.shopper_id = shopper.id ORDER BY line.id)
            ELSE ARRAY(SELECT latest.product_id FROM (
                           SELECT DISTINCT ON (product_id) product_id, kind, seq FROM recs_interaction
                           WHERE shopper_id = shopper.id AND product_id IS NOT NULL
                               AND kind IN ({int(Kind.CART_ADD)}, {int(Kind.CART_REMOVE)}, {int(Kind.PURCHASE)})
                           ORDER BY product_id, seq DESC) latest
                       WHERE latest.kind = {int(Kind.CART_ADD)} ORDER BY latest.seq) END
FROM accounts_shopper shopper WHERE shopper.id = %s
"""


def product_facts(product_ids: Sequence[int], version: ActiveVersion | None) -> dict[int, Facts]:
    """By key; a product that is gone is missing."""
    with connection.cursor() as cursor:
        cursor.execute(PRODUCTS, {"products": list(product_ids), "version": version.id if version else None})
        rows = cursor.fetchall()
    placed = _vectors({row[0]: row[7] for row in rows if row[7] is not None}, version)
    return {
        product_id: Facts(available, name, category_id, category, popularity, placed.get(product_id), visible)
        for product_id, visible, available, name, category_id, category, popularity, _ in rows
    }


@dataclass(frozen=True, slots=True)
class ShopperFacts:
    """What the shopper bought, hid, and has in the basket, as of interaction number ``seq``."""

    seq: int = 0
    wants_personal: bool = False
    bought: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    in_cart: tuple[int, ...] = ()


def shopper_facts(shopper: Shopper | None) -> ShopperFacts:
    """Of nobody, or of a shopper who was erased meanwhile, nothing."""
    if shopper is None:
        return ShopperFacts()
    with connection.cursor() as cursor:
        cursor.execute(SHOPPER, [shopper.pk])
        row = cursor.fetchone()
    if row is None:
        return ShopperFacts()
    seq, wants_personal, bought, hidden, in_cart = row
    return ShopperFacts(seq, wants_personal, frozenset(bought), frozenset(hidden), tuple(in_cart))


def _vectors(packed: dict[int, bytes], version: ActiveVersion | None) -> dict[int, Vector]:
    """One unpacking for all rows: hundreds of small ones cost more than the query."""
    if version is None or not packed:
        return {}
    return dict(zip(packed, from_binary(list(packed.values()), version.dimension), strict=True))
