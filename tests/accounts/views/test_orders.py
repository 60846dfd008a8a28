"""From the basket to an order, and whose it is."""

import re
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.cart import add_to_cart, read_cart
from accounts.models import Order, Shopper
from accounts.orders import place_order
from tests.accounts.views.visitors import signed_in
from tests.factories import ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db
ADDRESS = {"name": "Ada Lovelace", "email": "ada@example.com", "address": "12 St James's Square, London"}


def _form(client: Client) -> dict[str, str]:
    page = client.get(reverse("accounts:checkout")).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(token|total)" value="([^"]*)"', page))
    return {**ADDRESS, **hidden}


def test_a_newcomer_orders_without_an_account(client):
    product = ProductFactory(price=Decimal("1.95"))
    client.post(reverse("accounts:cart-add"), {"product": product.code, "quantity": 2})

    response = client.post(reverse("accounts:checkout"), _form(client))

    order = Order.objects.get()
    assert response["Location"] == f"/orders/{order.number}"
    assert order.total == Decimal("3.90")
    page = client.get(response["Location"]).content.decode()
    assert "Thank you." in page
    assert "£3.90" in page


def test_the_form_sent_twice_shows_the_same_order(client):
    client.post(reverse("accounts:cart-add"), {"product": ProductFactory().code})
    form = _form(client)

    first = client.post(reverse("accounts:checkout"), form)
    second = client.post(reverse("accounts:checkout"), form)

    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_a_new_price_is_shown_before_it_is_ordered(client):
    product = ProductFactory(price=Decimal("1.95"))
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    form = _form(client)
    product.price = Decimal("2.95")
    product.save()

    page = client.post(reverse("accounts:checkout"), form).content.decode()

    assert "Prices have changed" in page
    assert "£2.95" in page
    assert 'name="total" value="2.95"' in page
    assert 'value="Ada Lovelace"' in page
    assert not Order.objects.exists()


def test_what_is_sold_out_meanwhile_is_marked_and_nothing_is_lost(client):
    product = ProductFactory(name="Lantern")
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    form = _form(client)
    product.stock = 0
    product.save()

    page = client.post(reverse("accounts:checkout"), form).content.decode()

    assert "Sold out: please take it out of your basket." in page
    assert "12 St James&#x27;s Square" in page
    assert [line.product.name for line in read_cart(Shopper.objects.get()).lines] == ["Lantern"]


def test_an_empty_cart_has_no_checkout(client):
    assert client.get(reverse("accounts:checkout"))["Location"] == "/cart"


def test_fields_left_empty_are_named(client):
    client.post(reverse("accounts:cart-add"), {"product": ProductFactory().code})

    page = client.post(
        reverse("accounts:checkout"), {**_form(client), "email": "no address"}
    ).content.decode()

    assert "Enter a valid email address." in page
    assert not Order.objects.exists()


def test_somebody_elses_order_does_not_exist(client):
    owner = ShopperFactory()
    add_to_cart(shopper=owner, product=ProductFactory())
    order = place_order(shopper=owner, token=uuid.uuid4(), **ADDRESS)
    signed_in(client)

    assert client.get(order.get_absolute_url()).status_code == 404
    assert client.get("/orders/%00").status_code == 404
    assert order.number not in client.get(reverse("accounts:orders")).content.decode()
