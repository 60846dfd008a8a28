"""What every page of the shop shows of the catalogue."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from catalog.models import Category


def shop(request: HttpRequest) -> dict[str, Any]:
    """``categories`` is asked for by the pages that show it only: a queryset is lazy."""
    return {"shop_name": settings.SHOP_NAME, "categories": Category.objects.all()}
