import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from catalog.templatetags.shop import departments, price, tint
from recs.models import ProductPopularity
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db


def _names(page: str) -> list[str]:
    return re.findall(r"data-product=\"[^\"]*\"[^>]*>([^<]+)</a>", page)


def test_a_category_shows_what_can_be_bought_in_it(client):
    bags = CategoryFactory(name="Bags", slug="bags")
    ProductFactory(name="Lunch bag", category=bags)
    ProductFactory(name="Sold out bag", category=bags, stock=0)
    ProductFactory(name="Hidden bag", category=bags, visible=False)
    ProductFactory(name="Lantern")

    page = client.get("/c/bags").content.decode()

    assert _names(page) == ["Lunch bag"]
    assert "1 product" in page


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["B", "A", "C"]),
        ("popular", ["B", "A", "C"]),
        ("newest", ["C", "B", "A"]),
        ("price", ["C", "A", "B"]),
        ("price-down", ["B", "A", "C"]),
        ("name", ["A", "B", "C"]),
        ("nonsense", ["B", "A", "C"]),
    ],
)
def test_a_category_is_sorted_as_asked(client, sort, names):
    bags = CategoryFactory(slug="bags")
    for day, (name, amount, total) in enumerate((("A", "2.00", 5), ("B", "3.00", 9), ("C", "1.00", 1)), 1):
        product = ProductFactory(
            name=name,
            category=bags,
            price=Decimal(amount),
            created_at=datetime(2026, 11, day, tzinfo=UTC),
        )
        ProductPopularity.objects.create(product=product, total=total)

    assert _names(client.get("/c/bags", {"sort": sort}).content.decode()) == names


def test_a_category_has_pages_that_keep_the_sort(client):
    bags = CategoryFactory(slug="bags")
    for number in range(25):
        ProductFactory(name=f"Bag {number:02}", category=bags)

    first = client.get("/c/bags", {"sort": "name"}).content.decode()
    second = client.get("/c/bags", {"sort": "name", "page": 2}).content.decode()

    assert len(_names(first)) == 24
    assert "?sort=name&amp;page=2" in first
    assert _names(second) == ["Bag 24"]


@pytest.mark.parametrize("page", ["0", "99", "x", ""])
def test_a_page_that_is_not_there_is_one_that_is(client, page):
    CategoryFactory(slug="bags")

    assert client.get("/c/bags", {"page": page}).status_code == 200


def test_a_category_that_is_not_there_is_not_found(client):
    response = client.get("/c/nonsense")

    assert response.status_code == 404
    assert "not on any shelf" in response.content.decode()


def test_a_product_has_one_address(client):
    product = ProductFactory(code="22386", name="Jumbo bag")

    assert client.get("/p/22386/jumbo-bag").status_code == 200
    for address in ("/p/22386", "/p/22386/another?from=mail"):
        response = client.get(address)
        assert response.status_code == 301
        assert response["Location"].partition("?")[0] == product.get_absolute_url()
    assert response["Location"].endswith("?from=mail")


def test_a_code_may_hold_any_character(client):
    for code in ("a/b", "ä ö", "50%", "c?d#e"):
        product = ProductFactory(code=code, name="Thing")
        assert client.get(product.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("address", ["/p/nonsense", "/p/nonsense/at-all", "/p/%00/x", "/p/%00"])
def test_a_product_that_is_not_there_is_not_found(client, address):
    assert client.get(address).status_code == 404


def test_a_hidden_product_is_not_found(client):
    product = ProductFactory(visible=False)

    assert client.get(product.get_absolute_url()).status_code == 404


def test_a_product_that_is_sold_out_is_shown_but_not_sold(client):
    product = ProductFactory(name="Lantern", stock=0)

    page = client.get(product.get_absolute_url()).content.decode()

    assert "Sold out at the moment" in page
    assert 'class="buy"' not in page


def test_the_last_pieces_are_counted(client):
    page = client.get(ProductFactory(stock=3).get_absolute_url()).content.decode()

    assert "Only 3 left" in page
    assert 'max="3"' in page


def test_names_are_never_taken_for_markup(client):
    product = ProductFactory(name='<script>alert("x")</script>', description="<b>bold</b>")

    page = client.get(product.get_absolute_url()).content.decode()

    assert "<script>alert" not in page
    assert "<b>bold" not in page


def test_every_form_of_a_product_page_needs_its_token():
    product = ProductFactory()
    strict = Client(enforce_csrf_checks=True)

    response = strict.post(reverse("accounts:cart-add"), {"product": product.code})

    assert response.status_code == 403
    assert "reload the page" in response.content.decode()


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1.95", "GBP", "£1.95"),
        ("1249", "GBP", "£1,249.00"),
        ("0", "EUR", "€0.00"),
        ("12.5", "CHF", "12.50 CHF"),
    ],
)
def test_prices_are_shown_with_their_sign(amount, currency, text):
    assert price(Decimal(amount), currency) == text


def test_every_category_has_a_tint():
    assert {tint(number) for number in range(100)} == {f"tint-{number}" for number in range(12)}
    assert tint(None) == "tint-none"


def test_a_department_shows_what_is_wanted_most_in_it():
    cache.clear()
    bags, empty = CategoryFactory(), CategoryFactory()
    dull = ProductFactory(category=bags, image="products/dull.webp")
    wanted = ProductFactory(category=bags, image="products/wanted.webp")
    ProductFactory(category=empty)
    for product, trending in ((dull, 1.0), (wanted, 2.0)):
        ProductPopularity.objects.create(product=product, trending=trending)

    shown = departments()

    assert [(one.category, one.picture) for one in shown] == [(bags, "/media/products/wanted.webp")]
    assert Product.objects.count() == 3


def test_a_department_with_a_picture_of_its_own_shows_that():
    cache.clear()
    bags = CategoryFactory(image="categories/bag.webp")
    ProductFactory(category=bags, image="products/toilet-roll.webp")

    assert [one.picture for one in departments()] == ["/media/categories/bag.webp"]


def test_no_shared_cache_keeps_a_page_that_shows_a_basket(client):
    product = ProductFactory(category=CategoryFactory(slug="bags"))

    for address in ("/c/bags", product.get_absolute_url()):
        assert client.get(address)["Cache-Control"] == "private, no-cache"
