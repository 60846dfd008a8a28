"""How the API knows who is asking."""

import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Shopper
from tests.factories import InteractionFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db
ME = "/api/v1/shoppers/me"


def test_a_client_without_cookies_gets_an_opaque_token():
    response = APIClient().post("/api/v1/shoppers")

    assert response.status_code == 201
    assert set(response.json()) == {"id", "token"}
    client = APIClient(headers={"Authorization": f"Shopper {response.json()['token']}"})
    assert client.get(ME).json()["id"] == response.json()["id"] == str(Shopper.objects.get().uuid)


@pytest.mark.parametrize(
    "header",
    [
        "Shopper",
        "Shopper ",
        "Shopper none",
        "Token none",
        "Token",
        "Token a b",
        "Bearer x",
        "Shoppers x",
    ],
)
def test_a_token_that_is_not_valid_is_refused(header: str):
    response = APIClient(headers={"Authorization": header}).get("/api/v1/products")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Shopper realm="shop"'
    assert response["Content-Type"] == "application/problem+json"


def test_the_password_of_a_proxy_is_none_of_the_shops_business():
    response = APIClient(headers={"Authorization": "Basic dXNlcjpwYXNz"}).get("/api/v1/products")

    assert response.status_code == 200


def test_a_dead_token_is_not_replaced_by_a_living_cookie():
    browser = APIClient()
    search = {"id": "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e", "kind": "search", "query": "bag"}
    browser.post("/api/v1/interactions", search, format="json")

    assert browser.get(ME).status_code == 200
    assert browser.get(ME, headers={"Authorization": "Shopper dead"}).status_code == 401


def test_the_scheme_may_be_written_in_any_case():
    token = APIClient().post("/api/v1/shoppers").json()["token"]

    assert APIClient(headers={"Authorization": f"shopper {token}"}).get(ME).status_code == 200


def test_a_persons_token_names_their_shopper():
    shopper = ShopperFactory(user=UserFactory(email="ada@example.com"))
    token = AuthToken.objects.create(shopper.user)[1]

    response = APIClient(headers={"Authorization": f"Token {token}"}).get(ME)

    assert response.json()["email"] == "ada@example.com"


def test_the_token_of_a_person_who_was_barred_is_refused():
    user = UserFactory(is_active=False)
    token = AuthToken.objects.create(user)[1]

    response = APIClient(headers={"Authorization": f"Token {token}"}).get(ME)

    assert response.status_code == 401


def test_a_stranger_has_no_data():
    for address in (ME, f"{ME}/history", f"{ME}/export"):
        assert APIClient().get(address).status_code == 401
    assert APIClient().delete(ME).status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_cannot_erase_a_person_signed_in(origin: str):
    shopper = InteractionFactory(shopper__user=UserFactory()).shopper
    browser = APIClient()
    browser.force_login(shopper.user)

    assert browser.delete(ME, headers={"Origin": origin}).status_code == 403
    assert browser.get(ME, headers={"Origin": origin}).status_code == 200
    assert Shopper.objects.count() == 1


def test_a_trusted_site_may_use_the_session(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example"]
    shopper = ShopperFactory(user=UserFactory())
    browser = APIClient()
    browser.force_login(shopper.user)

    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "same-site"}
    assert browser.delete(ME, headers=headers).status_code == 204
