"""Products by the API: only what may be seen, searched and paged."""

from urllib.parse import quote

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/products"


def ids(query: str = "") -> list[str]:
    return [product["id"] for product in APIClient().get(f"{URL}?{query}").json()["results"]]


def test_a_product_is_shown_as_the_feeds_show_it():
    bags = CategoryFactory(slug="bags")
    ProductFactory(code="22386", name="Jumbo bag pink polkadot", category=bags, image="products/22386.webp")

    (product,) = APIClient().get(URL).json()["results"]

    assert product == {
        "id": "22386",
        "name": "Jumbo bag pink polkadot",
        "url": "/p/22386/jumbo-bag-pink-polkadot",
        "image": "/media/products/22386.webp",
        "price": {"amount": "1.95", "currency": "GBP"},
        "category": "bags",
        "available": True,
    }


def test_a_single_product_has_its_description_and_attributes():
    ProductFactory(code="22386", category=None, description="Roomy.", attributes={"colour": "pink"}, stock=0)

    product = APIClient().get(f"{URL}/22386").json()

    assert (product["description"], product["attributes"]) == ("Roomy.", {"colour": "pink"})
    assert (product["category"], product["image"], product["available"]) == (None, None, False)


@pytest.mark.parametrize("code", ["A/1", "gift 0001_20", "ä?", "a%b"])
def test_a_code_may_hold_any_sign(code: str):
    ProductFactory(code=code)

    assert APIClient().get(f"{URL}/{quote(code)}").json()["id"] == code


@pytest.mark.parametrize("code", ["none", "%00", "x" * 500, "hidden"])
def test_an_unknown_or_hidden_product_is_not_found(code: str):
    ProductFactory(code="hidden", visible=False)

    response = APIClient().get(f"{URL}/{code}")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_hidden_products_are_not_listed_and_those_out_of_stock_are():
    ProductFactory(code="hidden", visible=False)
    ProductFactory(code="sold-out", stock=0)

    assert ids() == ["sold-out"]


def test_products_come_24_a_page():
    ProductFactory.create_batch(30)

    first = APIClient().get(URL).json()
    second = APIClient().get(first["next"]).json()

    assert set(first) == {"count", "next", "previous", "results"}
    assert (first["count"], len(first["results"]), len(second["results"])) == (30, 24, 6)
    assert second["previous"].endswith(URL)
    assert len({product["id"] for product in first["results"] + second["results"]}) == 30


@pytest.mark.parametrize("page", ["", "0", "3", "-1", "two", "last", "9" * 5000, "%00"])
def test_a_page_that_does_not_exist_is_not_found(page: str):
    response = APIClient().get(f"{URL}?page={page}")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_a_category_lists_its_own():
    bags = CategoryFactory(slug="bags")
    ProductFactory(code="bag", category=bags)
    ProductFactory(code="cup")

    assert ids("category=bags") == ["bag"]
    assert ids("category=bags&search=nothing") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("category=none", "/category"),
        ("category=%00", "/category"),
        ("search=%00", "/search"),
        ("search=" + "x" * 201, "/search"),
    ],
)
def test_a_bad_parameter_is_named(query: str, pointer: str):
    response = APIClient().get(f"{URL}?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


def test_a_list_costs_two_queries(django_assert_num_queries: DjangoAssertNumQueries):
    ProductFactory.create_batch(5)

    with django_assert_num_queries(2):
        ids()
