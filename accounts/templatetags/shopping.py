"""What a shopper thinks of the products on a page."""

from django import template
from django.http import HttpRequest
from django.template import Context

from accounts.identity import shopper_for
from accounts.opinions import liked_products as liked_by
from accounts.opinions import opinion_of as opinion_by
from catalog.models import Product

register = template.Library()


@register.simple_tag(takes_context=True)
def opinion_of(context: Context, product: Product) -> str:
    """``like``, ``hide`` or nothing."""
    opinion = opinion_by(shopper_for(context["request"]), product)
    return opinion.name.lower() if opinion else ""


@register.simple_tag(takes_context=True)
def liked_products(context: Context) -> frozenset[int]:
    """Primary keys of what the shopper likes; asked for once per page, however many feeds it has."""
    request: HttpRequest = context["request"]
    if not hasattr(request, "_liked_products"):
        request._liked_products = liked_by(shopper_for(request))  # type: ignore[attr-defined]
    return request._liked_products  # type: ignore[attr-defined]
