import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recs.models import Recommendation
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    """Somebody who may look at recommendations, and at nothing else."""
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_recommendation"))
    client.force_login(user)
    return client


def page(client: Client, **question: str):
    return client.get(reverse("admin:recs_shopper_feed"), question)


def test_staff_without_the_permission_see_no_feed(client):
    client.force_login(UserFactory(is_staff=True))

    assert page(client).status_code == 403


def test_the_page_offers_customers_to_look_at(staff):
    ShopperFactory(code="12345", last_seq=3)

    assert "?shopper=12345" in page(staff).content.decode()


def test_an_unknown_shopper_is_named(staff):
    assert (
        "has the UUID, customer number or e-mail address “nobody”"
        in page(staff, shopper="nobody").content.decode()
    )


def test_a_scenario_about_a_product_asks_for_its_code(staff):
    ShopperFactory(code="12345")

    answer = page(staff, shopper="12345", scenario="similar")

    assert "The scenario similar is about a product: enter its code." in answer.content.decode()


def test_a_feed_is_shown_with_its_reasons_and_trace_and_the_history_beside_it(staff):
    shopper = ShopperFactory(code="12345")
    InteractionFactory(shopper=shopper, product=ProductFactory(name="Lunch bag spaceboy"))
    ProductFactory.create_batch(3)

    for name in ("12345", str(shopper.uuid)):
        answer = page(staff, shopper=name)

        assert answer.status_code == 200
        feed = answer.context["feed"]
        assert feed.items
        assert all(item.reason.text in answer.content.decode() for item in feed.items)
        assert [entry.product.name for entry in answer.context["history"]] == ["Lunch bag spaceboy"]
        assert "How it came about" in answer.content.decode()


def test_looking_at_a_feed_does_not_count_as_serving_it(staff):
    ProductFactory.create_batch(3)
    shopper = ShopperFactory()

    page(staff, shopper=str(shopper.uuid))

    assert not Recommendation.objects.exists()
