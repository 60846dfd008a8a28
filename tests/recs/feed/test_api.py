"""GET /api/v1/feed and POST /api/v1/rerank, as other programs see them."""

import uuid

import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.feed.scenarios import SCENARIOS
from recs.models import Recommendation
from recs.popularity import refresh_popularity
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
FEED, RERANK = "/api/v1/feed", "/api/v1/rerank"


@pytest.fixture(autouse=True)
def shop() -> list[Product]:
    bags = CategoryFactory()
    made = [
        ProductFactory(code=f"2238{number}", name=f"Lunch bag {number}", category=bags) for number in range(5)
    ]
    refresh_popularity()
    return made


@pytest.fixture
def shopper() -> Shopper:
    return Shopper.objects.create()


@pytest.fixture
def client() -> APIClient:
    """An app without cookies; its shopper is the newest one."""
    token = APIClient().post("/api/v1/shoppers").json()["token"]
    return APIClient(headers={"Authorization": f"Shopper {token}"})


def staff() -> APIClient:
    token = AuthToken.objects.create(UserFactory(is_staff=True))[1]
    return APIClient(headers={"Authorization": f"Token {token}"})


def ids(body):
    return [item["product"]["id"] for item in body["items"]]


def problems(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code == 400
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def test_a_feed_has_the_shape_that_is_documented(client, shop):
    response = client.get(FEED, {"scenario": "similar", "product": "22380", "count": "2"})

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private, no-store"
    body = response.json()
    assert set(body) == {"recommendation", "scenario", "model_version", "seq", "items"}
    assert (body["scenario"], body["model_version"], body["seq"], len(body["items"])) == (
        "similar",
        None,
        0,
        2,
    )
    assert str(Recommendation.objects.get().uuid) == body["recommendation"]
    item = body["items"][0]
    assert set(item) == {"product", "score", "sources", "reason"}
    assert set(item["product"]) >= {"id", "name", "url", "image", "price", "category", "available"}
    assert item["product"]["price"] == {"amount": "1.95", "currency": "GBP"}
    assert set(item["reason"]) == {"code", "text", "product"}


def test_who_is_not_known_gets_a_feed_too():
    body = APIClient().get(FEED).json()

    assert (body["scenario"], body["seq"], len(body["items"])) == ("home", 0, 5)
    assert {item["reason"]["code"] for item in body["items"]} <= {"trending", "new"}


def test_a_feed_has_seen_every_interaction_that_was_acknowledged(client):
    def post(**entry):
        body = {"id": str(uuid.uuid4()), **entry}
        return client.post("/api/v1/interactions", body, format="json").json()["seq"]

    for entry in (
        {"kind": "view", "product": "22381"},
        {"kind": "hide", "product": "22382"},
        {"kind": "search", "query": "lunch"},
    ):
        seq = post(**entry)
        assert client.get(FEED).json()["seq"] == seq

    assert "22382" not in ids(client.get(FEED).json())


def test_what_was_bought_is_left_out_unless_seen_is_asked_for(client, shop):
    shopper = Shopper.objects.latest("pk")
    InteractionFactory(shopper=shopper, product=shop[3], kind=int(Kind.PURCHASE))

    assert "22383" not in ids(client.get(FEED).json())
    assert "22383" in ids(client.get(FEED, {"seen": "1"}).json())


def test_an_empty_shop_is_an_empty_feed_and_no_error():
    Product.objects.all().delete()

    for scenario in ("home", "trending", "new", "cart"):
        response = APIClient().get(FEED, {"scenario": scenario})
        assert (response.status_code, response.json()["items"]) == (200, [])


def test_every_bad_parameter_is_named_at_once():
    found = problems(APIClient().get(FEED, {"scenario": "house", "count": "0", "seen": "yes", "debug": "2"}))

    assert found == {
        "/scenario": f"must be one of {', '.join(SCENARIOS)}.",
        "/count": "must be a whole number from 1 to 100.",
        "/seen": "must be 0 or 1.",
        "/debug": "must be 0 or 1.",
    }


@pytest.mark.parametrize(
    "count", ["", "-1", "0", "101", "1.5", "1e1", "٣", "99999999999999999999", "abc", " 5"]
)
def test_count_is_a_whole_number_from_1_to_100(count):
    assert list(problems(APIClient().get(FEED, {"count": count}))) == ["/count"]


@pytest.mark.parametrize("count", ["1", "100"])
def test_the_bounds_of_count_belong_to_it(count):
    assert len(APIClient().get(FEED, {"count": count}).json()["items"]) == min(int(count), 5)


@pytest.mark.parametrize("scenario", ["similar", "bought_together"])
@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({}, "is needed by the scenario {}."),
        ({"product": ""}, "is needed by the scenario {}."),
        ({"product": "no-such"}, "There is no product 'no-such'."),
        ({"product": "a\0b"}, "There is no product 'a\\x00b'."),
    ],
)
def test_a_feed_about_a_product_needs_one_of_the_shop(scenario, query, detail):
    found = problems(APIClient().get(FEED, {"scenario": scenario, **query}))

    assert found == {"/product": detail.format(scenario)}


def test_a_product_that_is_not_shown_is_none_of_the_shop(shop):
    Product.objects.filter(pk=shop[0].pk).update(visible=False)

    found = problems(APIClient().get(FEED, {"scenario": "similar", "product": "22380"}))

    assert found == {"/product": "There is no product '22380'."}


@pytest.mark.parametrize("query", ["", "  ", "x" * 201, "a\0b"])
def test_a_search_needs_words(query):
    assert "/query" in problems(APIClient().get(FEED, {"scenario": "search", "query": query}))


def test_parameters_that_nobody_knows_are_passed_over():
    assert APIClient().get(FEED, {"utm_source": "letter"}).status_code == 200


def test_the_trace_is_for_staff(client):
    for somebody in (APIClient(), client):
        response = somebody.get(FEED, {"debug": "1"})
        assert response.status_code == 403
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "trace is for staff" in response.json()["detail"]


def test_the_trace_says_what_each_stage_proposed_and_dropped(shop):
    Product.objects.filter(pk=shop[4].pk).update(name="Lunch bag 3")

    trace = staff().get(FEED, {"debug": "1"}).json()["trace"]

    by_name = {stage["name"]: stage for stage in trace}
    assert set(trace[0]) == {"kind", "name", "milliseconds", "in", "out", "proposed", "dropped", "error"}
    assert sorted(by_name["new"]["proposed"]) == ["22380", "22381", "22382", "22383", "22384"]
    (dropped,) = by_name["first_of_a_name"]["dropped"]
    assert dropped["product"] in {"22383", "22384"}
    assert dropped["why"] == "same name as another candidate"
    assert all(stage["error"] is None and stage["milliseconds"] >= 0 for stage in trace)


def test_reranking_returns_the_same_products_each_once(client, shop):
    Product.objects.filter(pk=shop[1].pk).update(stock=0)
    asked = ["22383", "22381", "no-such", "22383", "22380", "nor-this"]

    response = client.post(RERANK, {"products": asked}, format="json")

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private, no-store"
    body = response.json()
    assert sorted(ids(body)) == ["22380", "22381", "22383"]
    assert body["unknown"] == ["no-such", "nor-this"]


def test_reranking_only_unknown_products_returns_none():
    body = APIClient().post(RERANK, {"products": ["no-such"]}, format="json").json()

    assert body == {"items": [], "unknown": ["no-such"]}


def test_a_thousand_products_can_be_reranked_and_no_more():
    codes = ["22380", *(f"x{number}" for number in range(999))]

    assert len(APIClient().post(RERANK, {"products": codes}, format="json").json()["unknown"]) == 999
    found = problems(APIClient().post(RERANK, {"products": [*codes, "one-more"]}, format="json"))
    assert found == {"/products": "must be a list of 1 to 1000 product ids."}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({}, ["/products"]),
        ({"products": []}, ["/products"]),
        ({"products": "22380"}, ["/products"]),
        (
            {"products": ["22380", 7, "", "a\0", None]},
            ["/products/1", "/products/2", "/products/3", "/products/4"],
        ),
        ({"products": ["22380"], "count": 3}, ["/count"]),
    ],
)
def test_a_bad_list_is_named_by_place(body, pointers):
    assert list(problems(APIClient().post(RERANK, body, format="json"))) == pointers
