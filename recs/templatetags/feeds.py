"""Feeds inside pages of other apps: ``{% feed "similar" product=product count=12 as similar %}``."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.identity import shopper_for
from catalog.models import Product
from recs.feed.scenarios import Feed, serve_feed

register = template.Library()


@register.simple_tag(takes_context=True)
def feed(context: dict[str, Any], scenario: str, product: Product | None = None, count: int = 12) -> Feed:
    """Serves a feed for whoever the request is from."""
    shopper = shopper_for(context["request"])
    return serve_feed(scenario=scenario, shopper=shopper, product=product, count=count)
