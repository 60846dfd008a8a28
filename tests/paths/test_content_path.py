"""A product added in the admin is recommended to those it suits within seconds, before any retraining."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalog.models import Product
from recs.content import encode_content
from recs.models import ProductVector
from tests.factories import UserFactory
from tests.paths.client import names, new_shopper
from tests.paths.shop import publish_a_model, stock_the_shop

SECONDS = 60.0
"""Most of it is the worker's first import of the text encoder on a busy machine."""
FIRST = 12
"""Places among 49 products: as many as stand on a shelf."""


NEW = {"NEW1": "Lunch bag with a fox", "NEW2": "Lunch bag with an owl"}
"""The first stands on a shelf, the second has no category."""


def test_products_added_in_the_admin_reach_those_they_suit(server, client, celery_worker_process):
    shelves = stock_the_shop()
    encode_content()
    publish_a_model()
    worker = celery_worker_process("default")
    shopper = new_shopper(server)
    shopper.interact("view", *[bag.code for bag in shelves["Lunch bag"][:3]])
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    for (code, name), category in zip(NEW.items(), (shelves["Lunch bag"][0].category_id, ""), strict=True):
        form = {
            "code": code,
            "name": name,
            "category": category,
            "price": "1.95",
            "currency": "GBP",
            "stock": "5",
            "visible": "on",
            "attributes": "{}",
            "created_at_0": "2026-11-01",
            "created_at_1": "12:00:00",
            "images-TOTAL_FORMS": "0",
            "images-INITIAL_FORMS": "0",
        }
        answer = client.post(reverse("admin:catalog_product_add"), form)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        placed = ProductVector.objects.filter(product=Product.objects.get(code=code))
        worker.wait_for(placed.exists, what="placing the new product", seconds=SECONDS)

    feed = shopper.feed(scenario="home", count=FIRST)
    alike = shopper.feed(scenario="similar", product=shelves["Lunch bag"][0].code, count=FIRST)

    for code, name in NEW.items():
        assert name in names(feed)
        assert name in names(alike)
        item = next(item for item in feed["items"] if item["product"]["id"] == code)
        assert "nearest" in item["sources"]
        assert item["reason"]["code"] == "because_you_viewed"


@pytest.mark.django_db
def test_content_is_computed_once_until_it_changes():
    shelves = stock_the_shop()
    assert encode_content() == 48

    assert encode_content() == 0
    Product.objects.filter(pk=shelves["Mug"][0].pk).update(name="Mug with a fox")
    assert encode_content() == 1
