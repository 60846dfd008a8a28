"""A shopper's own data: shown, taken back one by one, exported and erased."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.identity import create_token_shopper, remember
from accounts.models import Cart, Consent, Order, Shopper, User
from recs.engine.interactions import Kind
from recs.models import Interaction, ModelVersion, Recommendation
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db
ME = "/api/v1/shoppers/me"


@pytest.fixture
def shopper() -> Shopper:
    return create_token_shopper()[0]


@pytest.fixture
def client(shopper: Shopper) -> APIClient:
    """A browser with the shopper's cookie."""
    response = HttpResponse()
    remember(response, shopper)
    client = APIClient()
    client.cookies.update(response.cookies)
    return client


def test_a_shopper_sees_who_they_are(client: APIClient, shopper: Shopper):
    InteractionFactory(shopper=shopper)

    body = client.get(ME).json()

    assert (body["id"], body["seq"], body["email"]) == (str(shopper.uuid), 1, None)
    assert body["consent"] == {"personalisation": True}


def test_a_shopper_refuses_personalised_feeds_and_grants_them_again(client: APIClient, shopper: Shopper):
    for granted in (False, True):
        body = {"consent": {"personalisation": granted}}
        assert client.patch(ME, body, format="json").json()["consent"] == {"personalisation": granted}
        assert client.get(ME).json()["consent"] == {"personalisation": granted}
        assert Consent.objects.get().granted is granted


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/consent"),
        ({"consent": True}, "/consent"),
        ({"consent": {"personalisation": "perhaps"}}, "/consent/personalisation"),
        ({"consent": {"personalisation": None}}, "/consent/personalisation"),
        ({"consent": {"personalisation": 0}}, "/consent/personalisation"),
        ([], ""),
    ],
)
def test_a_consent_that_says_nothing_is_named(client: APIClient, body: object, where: str):
    response = client.patch(ME, body, format="json")

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [where]


def test_the_history_is_newest_first_and_paged(client: APIClient, shopper: Shopper):
    product = ProductFactory(code="22386")
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for minute in range(30):
        InteractionFactory(shopper=shopper, product=product, occurred_at=start + timedelta(minutes=minute))
    InteractionFactory()

    first = client.get(f"{ME}/history").json()
    second = client.get(first["next"]).json()

    assert (first["count"], first["previous"], second["next"]) == (30, None, None)
    assert [row["seq"] for row in first["results"] + second["results"]] == list(range(30, 0, -1))
    assert first["results"][0]["kind"] == "view"
    assert first["results"][0]["product"]["id"] == "22386"
    assert first["results"][0]["occurred_at"] == "2026-11-01T00:29:00Z"
    assert client.get(f"{ME}/history?page=3").status_code == 404


def test_a_search_in_the_history_has_a_query_instead_of_a_product(client: APIClient, shopper: Shopper):
    InteractionFactory(shopper=shopper, kind=int(Kind.SEARCH), product=None, query="lunch bag")

    (row,) = client.get(f"{ME}/history").json()["results"]

    assert (row["kind"], row["product"], row["query"]) == ("search", None, "lunch bag")


def test_an_interaction_is_taken_back_once(client: APIClient, shopper: Shopper):
    interaction = InteractionFactory(shopper=shopper)
    address = f"{ME}/history/{interaction.uuid}"

    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 404
    assert client.get(ME).json()["seq"] == 2


@pytest.mark.parametrize("id", ["no-uuid", "5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e", "%00"])
def test_an_unknown_interaction_is_not_found(client: APIClient, id: str):
    response = client.delete(f"{ME}/history/{id}")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_the_interaction_of_another_shopper_is_not_found(client: APIClient):
    interaction = InteractionFactory()

    assert client.delete(f"{ME}/history/{interaction.uuid}").status_code == 404
    assert Interaction.objects.count() == 1


def fill(shopper: Shopper) -> None:
    """One row of everything that can be held about a shopper."""
    bag = ProductFactory(code="22386")
    InteractionFactory(shopper=shopper, product=bag, occurred_at=datetime(2026, 11, 1, tzinfo=UTC))
    Recommendation.objects.create(shopper=shopper, scenario="home", items=[{"product": "22386"}])
    Cart.objects.create(shopper=shopper).lines.create(product=bag, quantity=2)
    Consent.objects.create(shopper=shopper, purpose="personalisation", granted=False)
    order = Order.objects.create(
        shopper=shopper, number="A1", name="Ada", email="ada@example.com", address="1 Mill Lane", total="3.90"
    )
    order.lines.create(product=bag, code="22386", name="Jumbo bag", quantity=2, unit_price="1.95")
    version = ModelVersion.objects.create(name="v1", dimension=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO recs_shoppervector (shopper_id, version_id, seq, vector)"
            " VALUES (%s, %s, 1, '[1,0]')",
            [shopper.pk, version.pk],
        )


def test_the_export_holds_everything(client: APIClient, shopper: Shopper):
    fill(shopper)

    response = client.get(f"{ME}/export")

    assert response["Content-Type"] == "application/json"
    body = json.loads(b"".join(response.streaming_content))
    assert body["shopper"]["id"] == str(shopper.uuid)
    assert body["shopper"]["consent"] == {"personalisation": False}
    assert [(row["kind"], row["product"]) for row in body["interactions"]] == [("view", "22386")]
    assert [row["scenario"] for row in body["recommendations"]] == ["home"]
    assert body["cart"] == [{"product": "22386", "quantity": 2, "recommendation": None}]
    assert body["orders"][0]["address"] == "1 Mill Lane"
    assert body["orders"][0]["lines"][0]["unit_price"] == "1.95"
    assert body["vectors"][0]["vector"] == [1, 0]


def test_the_export_of_a_newcomer_is_valid_json(client: APIClient):
    body = json.loads(b"".join(client.get(f"{ME}/export").streaming_content))

    assert (body["interactions"], body["orders"], body["vectors"]) == ([], [], [])


def test_erasing_leaves_nothing_but_the_books(client: APIClient, shopper: Shopper):
    fill(shopper)

    response = client.delete(ME)

    assert response.status_code == 204
    assert response.cookies[settings.SHOPPER_COOKIE_NAME]["max-age"] == 0
    assert not Shopper.objects.exists()
    assert not Interaction.objects.exists()
    assert not Recommendation.objects.exists()
    assert not Cart.objects.exists()
    assert not Consent.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recs_shoppervector")
        assert cursor.fetchone() == (0,)
    order = Order.objects.get()
    assert (order.shopper, order.name, order.email, order.address) == (None, "", "", "")
    assert order.lines.count() == 1


def test_token_and_cookie_are_dead_after_erasing(client: APIClient):
    cookies = client.cookies.copy()
    _, token = create_token_shopper()
    by_token = APIClient(headers={"Authorization": f"Shopper {token}"})
    by_token.delete(ME)
    client.delete(ME)
    client.cookies = cookies

    assert by_token.get(ME).status_code == 401
    assert by_token.post("/api/v1/interactions", {}, format="json").status_code == 401
    assert client.get(ME).status_code == 401


def test_erasing_a_person_signed_in_removes_the_account():
    user = UserFactory()
    ShopperFactory(user=user)
    AuthToken.objects.create(user)
    browser = APIClient()
    browser.force_login(user)

    assert browser.delete(ME).status_code == 204
    assert not User.objects.exists()
    assert not AuthToken.objects.exists()
    assert browser.get(ME).status_code == 401


def test_the_account_of_staff_outlives_their_shopping():
    staff = UserFactory(is_staff=True)
    ShopperFactory(user=staff)
    browser = APIClient()
    browser.force_login(staff)

    assert browser.delete(ME).status_code == 204
    assert User.objects.get() == staff
    assert not Shopper.objects.exists()


def test_staff_neither_erase_nor_consent_for_the_customer_they_shop_as():
    customer = ShopperFactory(code="17850")
    browser = APIClient()
    browser.force_login(UserFactory(is_staff=True))
    session = browser.session
    session["shop_as"] = str(customer.uuid)
    session.save()

    assert browser.get(ME).json()["id"] == str(customer.uuid)
    assert browser.delete(ME).status_code == 403
    assert browser.patch(ME, {"consent": {"personalisation": False}}, format="json").status_code == 403
    assert Shopper.objects.get() == customer
