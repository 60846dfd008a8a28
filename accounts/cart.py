"""The basket. What is put in and taken out is recorded here, so that pages and API cannot forget it."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from accounts.models import Cart, CartLine, Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, lock_shopper, record_interactions

MAX_QUANTITY = 999
"""Of one product in one basket."""


class NotPossible(Exception):
    """The basket cannot take this; the text is for the shopper."""


@dataclass(frozen=True, slots=True)
class ContentsLine:
    """``problem`` says, for the shopper, what keeps the line from being ordered; empty if nothing does."""

    product: Product
    quantity: int
    recommendation: uuids.UUID | None
    total: Decimal
    limit: int
    problem: str


@dataclass(frozen=True, slots=True)
class CartContents:
    """A cart as its shopper sees it, at the prices of this moment."""

    lines: tuple[ContentsLine, ...] = ()

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def currency(self) -> str:
        return self.lines[0].product.currency if self.lines else settings.SHOP_CURRENCY

    @property
    def has_problems(self) -> bool:
        return any(line.problem for line in self.lines)


def read_cart(shopper: Shopper | None) -> CartContents:
    """In the order of adding, in one query."""
    if shopper is None:
        return CartContents()
    lines = CartLine.objects.filter(cart__shopper=shopper).select_related("product__category")
    return CartContents(tuple(_contents_line(line) for line in lines))


def count_items(shopper: Shopper | None) -> int:
    """How many pieces are in the basket."""
    if shopper is None:
        return 0
    found = CartLine.objects.filter(cart__shopper=shopper).aggregate(pieces=Sum("quantity"))
    return found["pieces"] or 0


def add_to_cart(
    *, shopper: Shopper, product: Product, quantity: int = 1, recommendation: uuids.UUID | None = None
) -> CartLine:
    """Adds pieces to what is in the basket already; raises NotPossible where there are not as many."""
    _require_quantity(quantity)
    with transaction.atomic():
        cart = _lock_cart(shopper)
        stocked = Product.objects.get(pk=product.pk)
        line = cart.lines.filter(product=stocked).first() or CartLine(cart=cart, product=stocked, quantity=0)
        _require_stock(stocked, wanted=line.quantity + quantity, already=line.quantity)
        line.quantity += quantity
        line.recommendation = recommendation or line.recommendation
        line.save()
        _record(shopper, Kind.CART_ADD, stocked, recommendation)
    return line


def set_quantity(*, shopper: Shopper, product: Product, quantity: int) -> None:
    """Pieces of a product that is in the basket; 0 takes it out. Does nothing for one that is not there.

    Raises NotPossible where there are not as many. Other numbers of the same thing say nothing new about
    what somebody wants, so only taking it out is recorded.
    """
    if quantity == 0:
        remove_from_cart(shopper=shopper, product=product)
        return
    _require_quantity(quantity)
    with transaction.atomic():
        cart = _lock_cart(shopper)
        stocked = Product.objects.get(pk=product.pk)
        if not cart.lines.filter(product=stocked).exists():
            return
        _require_stock(stocked, wanted=quantity, already=0)
        cart.lines.filter(product=stocked).update(quantity=quantity)


def remove_from_cart(*, shopper: Shopper, product: Product) -> None:
    """Takes a product out of the basket, however many; does nothing if it is not there."""
    with transaction.atomic():
        line = _lock_cart(shopper).lines.filter(product=product).first()
        if line:
            line.delete()
            _record(shopper, Kind.CART_REMOVE, product, line.recommendation)


def line_problem(product: Product, quantity: int) -> str:
    """What keeps so many pieces from being ordered, in the shopper's words; empty if nothing does."""
    if not product.available:
        return "Sold out: please take it out of your basket."
    if quantity > product.stock:
        return f"Only {product.stock} left: please take fewer."
    if quantity > MAX_QUANTITY:
        return f"At most {MAX_QUANTITY} of one product."
    return ""


def _contents_line(line: CartLine) -> ContentsLine:
    return ContentsLine(
        product=line.product,
        quantity=line.quantity,
        recommendation=line.recommendation,
        total=line.total,
        limit=min(line.product.stock, MAX_QUANTITY),
        problem=line_problem(line.product, line.quantity),
    )


def _lock_cart(shopper: Shopper) -> Cart:
    """The shopper's row is locked first, as everywhere: one basket changes one step at a time."""
    shopper.last_seq = lock_shopper(shopper)
    cart, _ = Cart.objects.get_or_create(shopper=shopper)
    return cart


def _record(shopper: Shopper, kind: Kind, product: Product, recommendation: uuids.UUID | None) -> None:
    interaction = NewInteraction(kind=kind, product_id=product.pk, recommendation=recommendation)
    record_interactions(shopper=shopper, interactions=[interaction])


def _require_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise NotPossible(f"Please choose a quantity from 1 to {MAX_QUANTITY}.")


def _require_stock(product: Product, *, wanted: int, already: int) -> None:
    if not product.available:
        raise NotPossible(f"{product.name} is sold out.")
    if wanted > product.stock:
        held = f", and you have {already} in your basket" if already else ""
        raise NotPossible(f"There are only {product.stock} of {product.name} left{held}.")
    if wanted > MAX_QUANTITY:
        raise NotPossible(f"At most {MAX_QUANTITY} of one product, and you have {already} in your basket.")
