import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Order, Shopper
from tests.factories import InteractionFactory, ShopperFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def order(**fields: object) -> Order:
    return Order.objects.create(
        number="A1", name="Ann Lee", email="ann@example.com", address="1 High St", total="20.00", **fields
    )


@pytest.mark.parametrize("word", ["code", "uuid", "email"])
def test_shoppers_are_found_by_number_uuid_and_address(staff, word):
    wanted = ShopperFactory(code="12345", user=UserFactory(email="ann@example.com"))
    ShopperFactory(code="99999")
    question = {"code": "12345", "uuid": str(wanted.uuid), "email": "ann@example"}[word]

    found = staff.get(reverse("admin:accounts_shopper_changelist"), {"q": question})

    assert [shopper.pk for shopper in found.context["cl"].result_list] == [wanted.pk]


def test_shoppers_show_what_they_did_and_bought(staff):
    shopper = InteractionFactory(shopper=ShopperFactory(code="1")).shopper
    InteractionFactory(shopper=shopper)
    order(shopper=shopper)

    found = staff.get(reverse("admin:accounts_shopper_changelist")).context["cl"].result_list

    assert [(row.interaction_count, row.order_count) for row in found if row.pk == shopper.pk] == [(2, 1)]


def test_a_deleted_shopper_takes_the_history_along_and_leaves_the_orders(staff):
    shopper = InteractionFactory().shopper
    kept = order(shopper=shopper)

    staff.post(reverse("admin:accounts_shopper_delete", args=[shopper.pk]), {"post": "yes"})

    assert not Shopper.objects.filter(pk=shopper.pk).exists()
    kept.refresh_from_db()
    assert kept.shopper is None


def test_only_the_status_of_an_order_changes(staff):
    placed = order()
    lines = {"lines-TOTAL_FORMS": "0", "lines-INITIAL_FORMS": "0"}

    staff.post(
        reverse("admin:accounts_order_change", args=[placed.pk]),
        {"status": "shipped", "total": "1.00", "name": "Somebody else", **lines},
    )

    placed.refresh_from_db()
    assert (placed.status, str(placed.total), placed.name) == ("shipped", "20.00", "Ann Lee")


def test_a_cancelled_order_is_not_marked_as_shipped(staff):
    cancelled = order(status=Order.Status.CANCELLED)

    staff.post(
        reverse("admin:accounts_order_changelist"),
        {"action": "mark_shipped", "_selected_action": [str(cancelled.pk)]},
    )

    cancelled.refresh_from_db()
    assert cancelled.status == Order.Status.CANCELLED
