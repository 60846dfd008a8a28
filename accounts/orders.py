"""From a basket to an order: stock checked under locks, one order however often the button is pressed."""

from __future__ import annotations

import base64
import hashlib
import uuid as uuids
from decimal import Decimal

from django.db import transaction

from accounts.cart import line_problem
from accounts.models import CartLine, Order, OrderLine, Shopper
from catalog.models import Product
from recs.ingest.record import lock_shopper, record_purchase


class EmptyCart(Exception):
    """There is nothing to order."""


class CartChanged(Exception):
    """The order would not be the one that the shopper saw. Nothing is lost: the basket stays as it is.

    ``problems``: product code → what keeps its line from being ordered. ``total``: what it would cost now,
    where that alone is different.
    """

    def __init__(self, *, problems: dict[str, str], total: Decimal) -> None:
        super().__init__("; ".join(problems.values()) or f"the total is {total} now")
        self.problems = problems
        self.total = total


def order_number(*, shopper: Shopper, token: uuids.UUID) -> str:
    """The same for the same shopper and form, so a second submit finds the order of the first.

    50 bits of a hash in base 32: ``K3QF7-MX2AB``.
    """
    digest = hashlib.sha256(f"{shopper.uuid}:{token}".encode()).digest()
    letters = base64.b32encode(digest).decode()
    return f"{letters[:5]}-{letters[5:10]}"


def place_order(
    *,
    shopper: Shopper,
    name: str,
    email: str,
    address: str,
    token: uuids.UUID,
    expected_total: Decimal | None = None,
) -> Order:
    """Orders all that is in the basket, or raises EmptyCart or CartChanged.

    ``token`` is made with the form. ``expected_total`` is what the shopper saw; None accepts any price.
    Locks are taken in one order everywhere: the shopper, then products by primary key.
    """
    with transaction.atomic():
        lock_shopper(shopper)
        number = order_number(shopper=shopper, token=token)
        placed = Order.objects.filter(number=number, shopper=shopper).first()
        if placed:
            return placed
        lines = list(CartLine.objects.filter(cart__shopper=shopper).order_by("pk"))
        if not lines:
            raise EmptyCart
        products = _lock_products(lines)
        total = sum((products[line.product_id].price * line.quantity for line in lines), Decimal(0))
        _require_unchanged(lines, products, total, expected_total)
        order = Order.objects.create(
            number=number,
            shopper=shopper,
            name=name,
            email=email,
            address=address,
            total=total,
            currency=products[lines[0].product_id].currency,
        )
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                product=products[line.product_id],
                code=products[line.product_id].code,
                name=products[line.product_id].name,
                quantity=line.quantity,
                unit_price=products[line.product_id].price,
            )
            for line in lines
        )
        for line in lines:
            product = products[line.product_id]
            product.stock -= line.quantity
        Product.objects.bulk_update(products.values(), ["stock"])
        CartLine.objects.filter(pk__in=[line.pk for line in lines]).delete()
        record_purchase(
            shopper=shopper,
            lines=[(products[line.product_id], line.quantity, line.recommendation) for line in lines],
        )
    return order


def _lock_products(lines: list[CartLine]) -> dict[int, Product]:
    # NO KEY: interactions with these products, which refer to their rows, need not wait.
    rows = Product.objects.select_for_update(no_key=True).filter(pk__in=[line.product_id for line in lines])
    return {product.pk: product for product in rows.order_by("pk")}


def _require_unchanged(
    lines: list[CartLine], products: dict[int, Product], total: Decimal, expected_total: Decimal | None
) -> None:
    problems = {}
    for line in lines:
        product = products[line.product_id]
        problem = line_problem(product, line.quantity)
        if problem:
            problems[product.code] = problem
    if problems or (expected_total is not None and total != expected_total):
        raise CartChanged(problems=problems, total=total)
