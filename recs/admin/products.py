"""A product saved in the admin is placed among the recommendations within seconds, without a training."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from catalog.admin import ProductAdmin
from catalog.models import Product

PLACING_FIELDS = frozenset({"name", "description", "category", "price", "image", "attributes"})
"""What a product's vector is computed from: stock and visibility are none of it."""


@admin.register(Product)
class PlacedProductAdmin(ProductAdmin):
    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or PLACING_FIELDS & set(form.changed_data):
            # Imported late: the tasks know the engine, which web processes load only when they need it.
            from recs.tasks import encode_product_content

            # Robust: with Redis away the product is saved all the same, and the sweep places it later.
            transaction.on_commit(partial(encode_product_content.delay, obj.pk), robust=True)
