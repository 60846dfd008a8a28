import threading
import uuid
from decimal import Decimal

import pytest
from django.db import connection

from accounts.cart import add_to_cart, read_cart
from accounts.models import Order
from accounts.orders import CartChanged, EmptyCart, order_number, place_order
from recs.models import Interaction
from tests.factories import ProductFactory, ShopperFactory

WHO = {"name": "Ada Lovelace", "email": "ada@example.com", "address": "12 St James's Square, London"}


@pytest.mark.django_db
def test_an_order_takes_the_cart_the_stock_and_records_the_purchases():
    shopper = ShopperFactory()
    bag = ProductFactory(code="22386", name="Jumbo bag", price=Decimal("1.95"), stock=10)
    cakestand = ProductFactory(code="22423", name="Regency cakestand", price=Decimal("12.75"), stock=1)
    add_to_cart(shopper=shopper, product=bag, quantity=3)
    add_to_cart(shopper=shopper, product=cakestand)

    order = place_order(shopper=shopper, token=uuid.uuid4(), expected_total=Decimal("18.60"), **WHO)

    assert (order.total, order.currency, order.name) == (Decimal("18.60"), "GBP", "Ada Lovelace")
    assert [(line.code, line.name, line.quantity, line.unit_price) for line in order.lines.all()] == [
        ("22386", "Jumbo bag", 3, Decimal("1.95")),
        ("22423", "Regency cakestand", 1, Decimal("12.75")),
    ]
    bag.refresh_from_db()
    cakestand.refresh_from_db()
    assert (bag.stock, cakestand.stock) == (7, 0)
    assert read_cart(shopper).lines == ()
    bought = Interaction.objects.filter(shopper=shopper).order_by("seq")[2:]
    assert [(one.get_kind_display(), one.product, one.value) for one in bought] == [
        ("purchase", bag, 3.0),
        ("purchase", cakestand, 1.0),
    ]


@pytest.mark.django_db
def test_a_form_sent_twice_makes_one_order():
    shopper, product, token = ShopperFactory(), ProductFactory(stock=10), uuid.uuid4()
    add_to_cart(shopper=shopper, product=product)

    first = place_order(shopper=shopper, token=token, **WHO)
    second = place_order(shopper=shopper, token=token, **WHO)

    assert first == second
    assert Order.objects.count() == 1
    product.refresh_from_db()
    assert product.stock == 9


@pytest.mark.django_db
def test_the_same_token_of_another_shopper_is_another_order():
    token = uuid.uuid4()

    numbers = {order_number(shopper=ShopperFactory(), token=token) for _ in range(2)}

    assert len(numbers) == 2


@pytest.mark.django_db
def test_an_empty_cart_cannot_be_ordered():
    with pytest.raises(EmptyCart):
        place_order(shopper=ShopperFactory(), token=uuid.uuid4(), **WHO)


@pytest.mark.django_db
def test_a_line_that_is_sold_out_is_named_and_nothing_is_lost():
    shopper, kept, gone = ShopperFactory(), ProductFactory(stock=5), ProductFactory(code="22423", stock=5)
    add_to_cart(shopper=shopper, product=kept, quantity=2)
    add_to_cart(shopper=shopper, product=gone, quantity=2)
    gone.stock = 1
    gone.save()

    with pytest.raises(CartChanged) as refused:
        place_order(shopper=shopper, token=uuid.uuid4(), **WHO)

    assert refused.value.problems == {"22423": "Only 1 left: please take fewer."}
    assert len(read_cart(shopper).lines) == 2
    kept.refresh_from_db()
    assert kept.stock == 5
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_another_price_than_the_one_shown_is_not_ordered():
    shopper, product = ShopperFactory(), ProductFactory(price=Decimal("1.95"))
    add_to_cart(shopper=shopper, product=product)
    product.price = Decimal("2.95")
    product.save()

    with pytest.raises(CartChanged) as refused:
        place_order(shopper=shopper, token=uuid.uuid4(), expected_total=Decimal("1.95"), **WHO)

    assert (refused.value.problems, refused.value.total) == ({}, Decimal("2.95"))
    assert not Order.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_who_want_the_last_pieces_at_once_get_no_more_than_there_are():
    product, other = ProductFactory(stock=3), ProductFactory(stock=100)
    shoppers = [ShopperFactory() for _ in range(8)]
    for number, shopper in enumerate(shoppers):
        # Put in in different orders: locks must not be taken in the cart's order.
        for one in (product, other) if number % 2 else (other, product):
            add_to_cart(shopper=shopper, product=one)
    refused = []

    def order(shopper):
        try:
            place_order(shopper=shopper, token=uuid.uuid4(), **WHO)
        except CartChanged:
            refused.append(shopper)
        finally:
            connection.close()

    threads = [threading.Thread(target=order, args=[shopper]) for shopper in shoppers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    product.refresh_from_db()
    other.refresh_from_db()
    assert (Order.objects.count(), len(refused)) == (3, 5)
    assert (product.stock, other.stock) == (0, 97)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_button_pressed_twice_at_once_makes_one_order():
    shopper, product, token = ShopperFactory(), ProductFactory(stock=10), uuid.uuid4()
    add_to_cart(shopper=shopper, product=product, quantity=2)
    numbers = []

    def order():
        try:
            numbers.append(place_order(shopper=shopper, token=token, **WHO).number)
        finally:
            connection.close()

    threads = [threading.Thread(target=order) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    product.refresh_from_db()
    assert (len(numbers), len(set(numbers)), product.stock) == (4, 1, 8)
