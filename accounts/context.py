"""What every page of the shop shows of its shopper."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from accounts import identity
from accounts.cart import count_items
from accounts.models import Shopper


class CartCount(NamedTuple):
    """Pieces in the basket, and a moment before they were counted: of two answers that come to one page, the one
    asked for first may come last, and the one counted last is right."""

    at: datetime
    pieces: int


def shopper(request: HttpRequest) -> dict[str, Any]:
    """Functions, which a template calls when it shows them: pages that do not, such as the admin's, ask nothing."""

    @cache
    def current_shopper() -> Shopper | None:
        return identity.shopper_for(request)

    @cache
    def cart_count() -> CartCount:
        return CartCount(at=timezone.now(), pieces=count_items(current_shopper()))

    @cache
    def shopping_as() -> Shopper | None:
        """The customer that this member of staff shops as."""
        return current_shopper() if identity.shopping_as(request) else None

    return {"current_shopper": current_shopper, "cart_count": cart_count, "shopping_as": shopping_as}
