import uuid
from decimal import Decimal

import pytest

from accounts.cart import (
    NotPossible,
    add_to_cart,
    count_items,
    read_cart,
    remove_from_cart,
    set_quantity,
)
from accounts.models import CartLine
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db


def _kinds(shopper):
    interactions = Interaction.objects.filter(shopper=shopper).order_by("seq")
    return [interaction.get_kind_display() for interaction in interactions]


def test_adding_a_product_puts_it_in_the_cart_and_is_recorded():
    shopper, product = ShopperFactory(), ProductFactory(price=Decimal("1.95"))

    add_to_cart(shopper=shopper, product=product, quantity=2)

    cart = read_cart(shopper)
    assert [(line.product, line.quantity, line.total) for line in cart.lines] == [
        (product, 2, Decimal("3.90"))
    ]
    assert (cart.total, cart.count, count_items(shopper)) == (Decimal("3.90"), 2, 2)
    assert _kinds(shopper) == ["cart_add"]
    assert shopper.last_seq == 1


def test_adding_the_same_product_again_adds_up():
    shopper, product = ShopperFactory(), ProductFactory()

    add_to_cart(shopper=shopper, product=product, quantity=2)
    add_to_cart(shopper=shopper, product=product, quantity=3)

    assert [line.quantity for line in read_cart(shopper).lines] == [5]
    assert _kinds(shopper) == ["cart_add", "cart_add"]


def test_a_line_remembers_the_feed_that_it_came_from():
    shopper, product, served = ShopperFactory(), ProductFactory(), uuid.uuid4()

    add_to_cart(shopper=shopper, product=product, recommendation=served)
    add_to_cart(shopper=shopper, product=product)

    assert CartLine.objects.get().recommendation == served


def test_more_than_there_are_is_refused_and_nothing_changes():
    shopper, product = ShopperFactory(), ProductFactory(name="Lantern", stock=3)
    add_to_cart(shopper=shopper, product=product, quantity=2)

    with pytest.raises(NotPossible, match="There are only 3 of Lantern left, and you have 2 in your basket"):
        add_to_cart(shopper=shopper, product=product, quantity=2)

    assert [line.quantity for line in read_cart(shopper).lines] == [2]
    assert _kinds(shopper) == ["cart_add"]


@pytest.mark.parametrize("quantity", [-1, 0, 1000])
def test_a_quantity_is_from_1_to_999(quantity):
    with pytest.raises(NotPossible, match="from 1 to 999"):
        add_to_cart(shopper=ShopperFactory(), product=ProductFactory(stock=5000), quantity=quantity)


def test_two_additions_do_not_pass_999_together():
    shopper, product = ShopperFactory(), ProductFactory(stock=5000)
    add_to_cart(shopper=shopper, product=product, quantity=600)

    with pytest.raises(NotPossible, match="At most 999"):
        add_to_cart(shopper=shopper, product=product, quantity=400)


@pytest.mark.parametrize("lack", [{"stock": 0}, {"visible": False}])
def test_what_cannot_be_bought_cannot_be_added(lack):
    with pytest.raises(NotPossible, match="Lantern is sold out"):
        add_to_cart(shopper=ShopperFactory(), product=ProductFactory(name="Lantern", **lack))


def test_setting_a_quantity_replaces_it_and_records_nothing():
    shopper, product = ShopperFactory(), ProductFactory()
    add_to_cart(shopper=shopper, product=product, quantity=2)

    set_quantity(shopper=shopper, product=product, quantity=7)

    assert [line.quantity for line in read_cart(shopper).lines] == [7]
    assert _kinds(shopper) == ["cart_add"]


def test_a_quantity_of_none_takes_the_line_out_and_is_recorded():
    shopper, product = ShopperFactory(), ProductFactory()
    add_to_cart(shopper=shopper, product=product)

    set_quantity(shopper=shopper, product=product, quantity=0)

    assert read_cart(shopper).lines == ()
    assert _kinds(shopper) == ["cart_add", "cart_remove"]


def test_taking_out_what_is_not_in_the_cart_records_nothing():
    shopper = ShopperFactory()

    remove_from_cart(shopper=shopper, product=ProductFactory())

    assert _kinds(shopper) == []


def test_the_cart_says_what_can_no_longer_be_bought():
    shopper, gone, few = ShopperFactory(), ProductFactory(), ProductFactory(stock=5)
    add_to_cart(shopper=shopper, product=gone)
    add_to_cart(shopper=shopper, product=few, quantity=4)
    gone.visible = False
    gone.save()
    few.stock = 3
    few.save()

    cart = read_cart(shopper)

    assert [line.problem for line in cart.lines] == [
        "Sold out: please take it out of your basket.",
        "Only 3 left: please take fewer.",
    ]
    assert cart.has_problems


def test_nobody_has_an_empty_cart():
    assert read_cart(None).lines == ()
    assert count_items(None) == 0
