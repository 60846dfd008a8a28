"""Signing up, in and out, as a browser does it."""

import pytest
from django.urls import reverse

from accounts.cart import add_to_cart, read_cart
from accounts.models import Shopper, User
from recs.engine.interactions import Kind
from tests.accounts.views.visitors import signed_in
from tests.factories import PASSWORD, InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_signing_up_makes_an_account_that_keeps_what_the_newcomer_did(client):
    product = ProductFactory()
    client.post(reverse("accounts:cart-add"), {"product": product.code})

    response = client.post(
        reverse("accounts:sign-up"),
        {"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD},
    )

    assert response.status_code == 302
    assert response["Location"] == "/"
    user = User.objects.get(email="ada@example.com")
    assert [line.product for line in read_cart(user.shopper).lines] == [product]
    assert [one.kind for one in user.shopper.interactions.all()] == [Kind.CART_ADD]
    assert Shopper.objects.count() == 1


def test_an_address_has_one_account_whatever_its_case(client):
    UserFactory(email="ada@example.com")

    response = client.post(
        reverse("accounts:sign-up"), {"name": "Ada", "email": "ADA@example.com", "password": PASSWORD}
    )

    assert "There is an account with this address already" in response.content.decode()
    assert User.objects.count() == 1


def test_a_weak_password_is_refused_with_the_reason(client):
    response = client.post(
        reverse("accounts:sign-up"), {"name": "Ada", "email": "ada@example.com", "password": "1234567890"}
    )

    assert "too common" in response.content.decode()
    assert not User.objects.exists()


def test_signing_in_merges_the_anonymous_history_and_goes_where_one_was_going(client):
    user = UserFactory(email="ada@example.com")
    shopper = ShopperFactory(user=user)
    InteractionFactory(shopper=shopper)
    product = ProductFactory()
    client.post(reverse("accounts:opinion"), {"opinion": f"like:{product.code}"})

    response = client.post(
        reverse("accounts:sign-in"),
        {"username": "ADA@example.com", "password": PASSWORD, "next": "/my-data?page=1"},
    )

    assert response["Location"] == "/my-data?page=1"
    assert [one.get_kind_display() for one in shopper.interactions.order_by("seq")] == ["view", "like"]


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(client, elsewhere):
    UserFactory(email="ada@example.com")

    response = client.post(
        reverse("accounts:sign-in"), {"username": "ada@example.com", "password": PASSWORD, "next": elsewhere}
    )

    assert response["Location"] == "/"


def test_a_wrong_password_says_so_and_keeps_the_address(client):
    UserFactory(email="ada@example.com")

    page = client.post(
        reverse("accounts:sign-in"), {"username": "ada@example.com", "password": "wrong"}
    ).content.decode()

    assert "do not belong together" in page
    assert 'value="ada@example.com"' in page


def test_signing_out_forgets_who_shops(client):
    shopper = signed_in(client)
    add_to_cart(shopper=shopper, product=ProductFactory(name="Lantern"))

    client.post(reverse("accounts:sign-out"))

    assert "Lantern" not in client.get(reverse("accounts:cart")).content.decode()


def test_too_many_wrong_passwords_close_the_door_for_a_while(client, settings):
    UserFactory(email="ada@example.com")
    address, wrong = reverse("accounts:sign-in"), {"username": "ada@example.com", "password": "wrong"}

    answers = [client.post(address, wrong) for _ in range(settings.AXES_FAILURE_LIMIT)]

    assert [answer.status_code for answer in answers[:-1]] == [200] * (settings.AXES_FAILURE_LIMIT - 1)
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()
