"""POST /api/v1/interactions, as other programs see it."""

import uuid
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Shopper
from recs.engine.interactions import Kind
from recs.ingest import api
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/interactions"


def view(code: str = "22386", **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "kind": "view", "product": code} | fields


def token_client() -> APIClient:
    """A client without cookies, as an app is."""
    client = APIClient()
    token = client.post("/api/v1/shoppers").json()["token"]
    return APIClient(headers={"Authorization": f"Shopper {token}"})


def service_client() -> APIClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_interaction"))
    return APIClient(headers={"Authorization": f"Token {AuthToken.objects.create(user)[1]}"})


@pytest.fixture(autouse=True)
def jumbo_bag() -> None:
    ProductFactory(code="22386")


def test_an_interaction_sent_twice_is_stored_once():
    client, body = token_client(), view()

    first = client.post(URL, body, format="json")
    second = client.post(URL, body, format="json")

    assert (first.status_code, first.json()) == (201, {"stored": 1, "duplicates": 0, "seq": 1})
    assert (second.status_code, second.json()) == (201, {"stored": 0, "duplicates": 1, "seq": 1})


def test_a_batch_is_stored_in_its_order():
    client = token_client()
    batch = [view(), view(kind="cart_add"), {"id": str(uuid.uuid4()), "kind": "search", "query": "bag"}]

    response = client.post(URL, {"interactions": batch}, format="json")

    assert response.json() == {"stored": 3, "duplicates": 0, "seq": 3}
    kinds = Interaction.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == [Kind.VIEW, Kind.CART_ADD, Kind.SEARCH]


def test_a_batch_with_one_bad_entry_stores_nothing():
    client = token_client()

    response = client.post(URL, {"interactions": [view(), view("none"), view(kind="buy")]}, format="json")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert {error["pointer"] for error in problem["errors"]} == {
        "/interactions/1/product",
        "/interactions/2/kind",
    }
    assert Interaction.objects.count() == 0


def test_a_browser_without_a_cookie_becomes_a_shopper_and_stays_the_same():
    browser = APIClient(headers={"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"})

    first = browser.post(URL, view(), format="json")
    second = browser.post(URL, view(), format="json")

    cookie = first.cookies[settings.SHOPPER_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert second.json()["seq"] == 2
    assert Shopper.objects.count() == 1


def test_a_bad_request_of_a_stranger_makes_no_shopper():
    response = APIClient().post(URL, {}, format="json")

    assert response.status_code == 400
    assert settings.SHOPPER_COOKIE_NAME not in response.cookies
    assert Shopper.objects.count() == 0


def test_a_person_signed_in_is_the_shopper_and_gets_no_cookie():
    user = UserFactory()
    client = APIClient()
    client.force_login(user)

    response = client.post(URL, view(), format="json")

    assert response.status_code == 201
    assert settings.SHOPPER_COOKIE_NAME not in response.cookies
    assert Interaction.objects.get().shopper.user == user


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://testserver:8000"},
    ],
)
def test_a_page_of_another_site_cannot_write_with_the_shoppers_cookie(headers: dict[str, str]):
    browser = APIClient()
    browser.post(URL, view(), format="json")

    response = browser.post(URL, view(), format="json", headers=headers)

    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert Interaction.objects.count() == 1


def test_a_token_counts_from_any_site():
    client = token_client()

    response = client.post(URL, view(), format="json", headers={"Origin": "https://app.example"})

    assert response.status_code == 201


@pytest.mark.parametrize("kind", ["purchase", "rating"])
def test_purchases_and_ratings_come_from_a_service_only(kind: str):
    shopper = ShopperFactory()
    body = view(kind=kind, value=3)

    refused = token_client().post(URL, body, format="json")
    stored = service_client().post(URL, body | {"shopper": str(shopper.uuid)}, format="json")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/kind"
    assert stored.json() == {"stored": 1, "duplicates": 0, "seq": 1}
    assert Interaction.objects.get().shopper == shopper


def test_staff_without_the_permission_are_no_service():
    token = AuthToken.objects.create(UserFactory(is_staff=True))[1]
    client = APIClient(headers={"Authorization": f"Token {token}"})

    response = client.post(URL, view(kind="purchase", value=1), format="json")

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/kind"


def test_a_service_stores_for_several_shoppers_at_once_or_for_none():
    client, (one, two) = service_client(), ShopperFactory.create_batch(2)
    batch = [view(shopper=str(one.uuid)), view(shopper=str(two.uuid)), view(shopper=str(one.uuid))]

    stored = client.post(URL, {"interactions": batch}, format="json")
    batch = [view(), view(shopper=str(uuid.uuid4()))]
    unknown = client.post(URL, {"shopper": str(one.uuid), "interactions": batch}, format="json")

    assert stored.json() == {"stored": 3, "duplicates": 0, "seq": None}
    assert [one.interactions.count(), two.interactions.count()] == [2, 1]
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["pointer"] == "/interactions/1/shopper"
    assert Interaction.objects.count() == 3


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"view"', "application/json", 400),
        (b'{"id": NaN}', "application/json", 400),
        (b'{"value": 1e999}', "application/json", 400),
        (b'{"value": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"product": "\\u0000", "kind": "view"}', "application/json", 400),
        (b'{"product": "\\ud800", "kind": "view"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b"{}", "application/json; charset=klingon", 400),
        (b"kind=view", "application/x-www-form-urlencoded", 415),
        (b'{"kind": "view"}', "text/plain", 415),
        (b"{}" + b" " * (2 * 1024 * 1024), "application/json", 413),
    ],
)
def test_whatever_is_sent_the_answer_is_a_problem(body: bytes, content_type: str, status: int):
    response = token_client().post(URL, body, content_type=content_type)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["detail"]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_a_problem(method: str):
    response = getattr(token_client(), method)(URL)

    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_a_product_deleted_between_check_and_commit_is_named(monkeypatch: pytest.MonkeyPatch):
    client = token_client()
    parse = api.parse_entries

    def parse_then_lose_the_product(*args: Any, **kwargs: Any) -> Any:
        entries = parse(*args, **kwargs)
        Interaction.objects.all().delete()
        ProductFactory._meta.model.objects.all().delete()
        return entries

    monkeypatch.setattr(api, "parse_entries", parse_then_lose_the_product)

    response = client.post(URL, view(), format="json")

    assert response.status_code == 400
    assert response.json()["errors"] == [{"pointer": "/product", "detail": "There is no product '22386'."}]
