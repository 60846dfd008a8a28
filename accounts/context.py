"""What every page of the shop shows of its shopper."""

from functools import cache
from typing import Any

from django.http import HttpRequest

from accounts import identity
from accounts.cart import count_items
from accounts.models import Shopper


def shopper(request: HttpRequest) -> dict[str, Any]:
    """Functions, which a template calls when it shows them: pages that do not, such as the admin's, ask nothing."""

    @cache
    def current_shopper() -> Shopper | None:
        return identity.shopper_for(request)

    @cache
    def cart_count() -> int:
        return count_items(current_shopper())

    @cache
    def shopping_as() -> Shopper | None:
        """The customer that this member of staff shops as."""
        return current_shopper() if identity.shopping_as(request) else None

    return {"current_shopper": current_shopper, "cart_count": cart_count, "shopping_as": shopping_as}
