"""The basket, with and without scripts."""

import json
import re

import pytest
from django.urls import reverse

from accounts.cart import read_cart
from accounts.models import Shopper
from recs.models import Interaction
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_adding_without_javascript_leads_back_with_a_message(client):
    product = ProductFactory(name="Lantern")
    page = f"http://testserver{product.get_absolute_url()}"

    response = client.post(reverse("accounts:cart-add"), {"product": product.code}, HTTP_REFERER=page)

    assert response["Location"] == product.get_absolute_url()
    assert "Lantern is in your basket." in client.get(response["Location"]).content.decode()


def test_adding_with_htmx_answers_with_the_count_a_note_and_the_sequence_number(client):
    product = ProductFactory(name="Lantern")

    response = client.post(
        reverse("accounts:cart-add"), {"product": product.code, "quantity": 3}, headers=HTMX
    )

    page = response.content.decode()
    assert re.search(r'class="count">\s*3', page)
    assert "Lantern is in your basket." in page
    assert json.loads(response["HX-Trigger"]) == {"interaction-stored": {"seq": 1}}


def test_a_refusal_says_why_and_changes_nothing(client):
    product = ProductFactory(name="Lantern", stock=2)

    response = client.post(
        reverse("accounts:cart-add"), {"product": product.code, "quantity": 3}, headers=HTMX
    )

    assert "There are only 2 of Lantern left." in response.content.decode()
    assert not Interaction.objects.exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"product": "no such"}, "does not have this product"),
        ({"product": "\x00"}, "does not have this product"),
        ({}, "does not have this product"),
        ({"product": "P", "quantity": "many"}, "whole number from 1 to 999"),
        ({"product": "P", "quantity": "0"}, "from 1 to 999"),
        ({"product": "P", "quantity": "-4"}, "whole number from 1 to 999"),
    ],
)
def test_what_cannot_be_read_is_answered_in_words(client, fields, text):
    ProductFactory(code="P")

    response = client.post(reverse("accounts:cart-add"), fields, headers=HTMX)

    assert response.status_code == 200
    assert text in response.content.decode()


def test_a_line_can_be_changed_and_removed(client):
    product = ProductFactory()
    client.post(reverse("accounts:cart-add"), {"product": product.code})
    change = reverse("accounts:cart-change")

    client.post(change, {"product": product.code, "quantity": 4})
    shopper = Shopper.objects.get()
    assert [line.quantity for line in read_cart(shopper).lines] == [4]

    client.post(change, {"product": product.code, "quantity": 4, "remove": "yes"})
    assert read_cart(shopper).lines == ()


def test_a_cart_page_without_anything_says_so(client):
    assert "There is nothing in it yet." in client.get(reverse("accounts:cart")).content.decode()
