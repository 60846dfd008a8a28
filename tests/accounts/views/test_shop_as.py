"""Staff who shop as a customer."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Shopper, User
from recs.engine.interactions import Kind
from tests.accounts.views.visitors import signed_in
from tests.factories import InteractionFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


def _staff(client: Client) -> User:
    user = UserFactory(is_staff=True)
    client.force_login(user)
    return user


def test_staff_find_a_customer_and_shop_as_them(client):
    _staff(client)
    customer = ShopperFactory(code="17850")
    ShopperFactory(code="12347")
    InteractionFactory(shopper=customer, kind=int(Kind.PURCHASE))

    found = client.get(reverse("accounts:shop-as"), {"q": "178"}).content.decode()
    assert "Customer 17850" in found
    assert "1 purchase<" in found.replace("\n", "")
    assert "Customer 12347" not in found

    client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)})
    home = client.get("/").content.decode()
    assert "You are shopping as <strong>Customer 17850</strong>" in home

    client.post(reverse("accounts:shop-as-stop"))
    assert "You are shopping as" not in client.get("/").content.decode()


def test_staff_who_shop_as_a_customer_neither_erase_nor_consent_for_them(client):
    _staff(client)
    customer = ShopperFactory(code="17850")
    client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)})

    assert client.post(reverse("accounts:erase"), {"sure": "on"}).status_code == 403
    assert client.post(reverse("accounts:consent"), {"granted": "off"}).status_code == 403
    assert Shopper.objects.filter(pk=customer.pk).exists()


@pytest.mark.parametrize("shopper", ["", "nonsense", "60dbc4cc-8dde-47e9-97a4-1f3375ef154b"])
def test_a_customer_who_is_not_there_cannot_be_chosen(client, shopper):
    _staff(client)

    assert client.post(reverse("accounts:shop-as"), {"shopper": shopper}).status_code == 404


def test_to_everybody_else_shopping_as_a_customer_does_not_exist(client):
    customer = ShopperFactory(code="17850")
    assert client.get(reverse("accounts:shop-as")).status_code == 404

    signed_in(client)
    assert client.get(reverse("accounts:shop-as")).status_code == 404
    assert client.post(reverse("accounts:shop-as"), {"shopper": str(customer.uuid)}).status_code == 404
