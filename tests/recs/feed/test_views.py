import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse

from recs.engine.interactions import Kind
from recs.models import Recommendation
from recs.popularity import refresh_popularity
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop():
    bags = CategoryFactory()
    made = [ProductFactory(name=f"Lunch bag {number}", category=bags) for number in range(4)]
    refresh_popularity()
    return made


@pytest.mark.parametrize("path", ["/", "/feed/home", "/search", "/search?q=lunch"])
def test_a_page_of_feeds_answers_anybody_and_is_nobody_elses(path, client):
    response = client.get(path)

    assert response.status_code == 200
    assert {"private", "no-store"} <= set(response.headers["Cache-Control"].split(", "))


def test_the_addresses_have_their_names():
    assert [reverse("recs:home"), reverse("recs:search")] == ["/", "/search"]
    assert reverse("recs:feed", args=["home"]) == "/feed/home"


def test_the_home_page_shows_products_and_sections(client, shop):
    response = client.get("/")

    assert {item.product for item in response.context["feed"].items} == {*shop}
    assert response.context["trending"].scenario == "trending"
    assert response.context["new"].scenario == "new"
    assert "Lunch bag 3" in response.content.decode()


def test_the_rows_of_the_home_page_stand_outside_of_the_feed_that_renews_itself(client):
    for number in range(50):
        InteractionFactory(product=ProductFactory(name=f"Candle {number}"))
    refresh_popularity()

    page, fragment = client.get("/"), client.get("/feed/home")

    for row in ('id="trending"', 'id="new"'):
        assert row in page.content.decode()
        assert row not in fragment.content.decode()
    parts = [{item.product for item in page.context[name].items} for name in ("feed", "trending", "new")]
    assert [len(part) for part in parts] == [24, 8, 8]
    assert len(set().union(*parts)) == 40


def test_only_the_feeds_that_the_page_shows_are_logged_as_served(client, shop):
    page = client.get("/").content.decode()

    assert 'id="trending"' not in page
    assert 'id="new"' not in page
    assert [served.scenario for served in Recommendation.objects.all()] == ["home"]


def test_an_empty_shop_has_a_home_page(client, shop):
    type(shop[0]).objects.all().delete()

    assert client.get("/").status_code == 200


def test_the_fragment_is_the_feed_alone_and_follows_the_shopper(shop):
    user = UserFactory()
    shopper, client = ShopperFactory(user=user), Client()
    client.force_login(user)
    first = client.get("/feed/home")

    InteractionFactory(shopper=shopper, product=shop[0], kind=int(Kind.HIDE))
    after = client.get("/feed/home")

    assert "<html" not in first.content.decode()
    assert (first.context["feed"].seq, after.context["feed"].seq) == (0, 1)
    assert shop[0].name in first.content.decode()
    assert shop[0].name not in after.content.decode()
    assert 'data-seq="1"' in after.content.decode()


@pytest.mark.parametrize("scenario", ["similar", "search", "no-such"])
def test_a_fragment_that_no_page_renews_is_not_found(scenario, client):
    assert client.get(f"/feed/{scenario}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/search", "/feed/home"])
def test_pages_of_feeds_are_only_read(path, client):
    assert client.post(path).status_code == 405


def test_a_search_shows_what_matches(client, shop):
    ProductFactory(name="Candle")

    response = client.get("/search", {"q": " lunch bag "})

    assert response.context["query"] == "lunch bag"
    assert {item.product for item in response.context["feed"].items} == {*shop}


@pytest.mark.parametrize("query", ["", "\0", "'; --", "<script>alert(1)</script>", "x" * 5_000, "&|!:*"])
def test_no_search_is_an_error(query, client):
    response = client.get("/search", {"q": query})

    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def test_the_tag_serves_a_feed_into_any_page(shop):
    request = RequestFactory().get("/p/x")
    page = Template(
        '{% load feeds %}{% feed "similar" product=product count=2 as alike %}'
        "{{ alike.scenario }} {{ alike.items|length }} {{ alike.recommendation }}"
    )

    shown = page.render(Context({"request": request, "product": shop[0]}))

    assert shown == f"similar 2 {Recommendation.objects.get().uuid}"
