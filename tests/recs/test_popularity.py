from datetime import timedelta

import pytest

import recs.popularity
from recs.engine.interactions import Kind
from recs.models import ProductPopularity
from recs.popularity import WEIGHTS, refresh_popularity
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs.small_shop import NOW

pytestmark = pytest.mark.django_db

OLD = NOW - timedelta(days=15 * 365)
"""A catalogue whose whole history is long past still has a trend."""


def did(product, kind=Kind.VIEW, *, days_ago=0.0, shopper=None):
    shopper = shopper or ShopperFactory()
    moment = OLD - timedelta(days=days_ago)
    InteractionFactory(shopper=shopper, product=product, kind=int(kind), occurred_at=moment)


def popularity(product):
    row = ProductPopularity.objects.get(product=product)
    return row.trending, row.total


def test_kinds_count_by_their_weight():
    viewed, bought, unwanted = ProductFactory(), ProductFactory(), ProductFactory()
    did(viewed, Kind.VIEW)
    did(bought, Kind.PURCHASE)
    did(unwanted, Kind.HIDE)
    did(unwanted, Kind.CART_REMOVE)

    refresh_popularity()

    assert popularity(viewed) == (1.0, 1.0)
    assert popularity(bought) == (WEIGHTS[Kind.PURCHASE],) * 2 == (5.0, 5.0)
    assert popularity(unwanted) == (0.0, 0.0)


def test_a_wish_counts_half_for_every_half_life_of_wishes_that_came_after_it(monkeypatch):
    monkeypatch.setattr(recs.popularity, "HALF_LIFE_LEAST", 2)
    products = [ProductFactory() for _ in range(5)]
    for days, product in enumerate(products):
        did(product, days_ago=100.0 * days)

    refresh_popularity()

    assert [popularity(product)[0] for product in products] == pytest.approx([1, 2**-0.5, 0.5, 2**-1.5, 0.25])
    assert {popularity(product)[1] for product in products} == {1.0}


def test_wishes_of_one_moment_are_of_one_age(monkeypatch):
    monkeypatch.setattr(recs.popularity, "HALF_LIFE_LEAST", 1)
    first, second = ProductFactory(), ProductFactory()
    did(first)
    did(second)

    refresh_popularity()

    assert popularity(first) == popularity(second) == (1.0, 1.0)


def test_one_shopper_counts_once_whatever_times_they_claim():
    pushed, wanted, shopper = ProductFactory(), ProductFactory(), ShopperFactory()
    for day in range(30):
        did(pushed, Kind.LIKE, days_ago=float(day), shopper=shopper)
    for _ in range(3):
        did(wanted, Kind.PURCHASE, days_ago=400.0)

    refresh_popularity()

    assert popularity(pushed)[1] == WEIGHTS[Kind.LIKE]
    assert popularity(wanted)[0] > popularity(pushed)[0]


def test_a_single_look_leaves_the_trend_of_an_old_history_standing():
    looked_at, wanted = ProductFactory(), ProductFactory()
    for _ in range(3):
        did(wanted)
    InteractionFactory(product=looked_at)

    refresh_popularity()

    assert popularity(wanted)[0] > popularity(looked_at)[0]


def test_it_is_known_since_when_somebody_has_dealt_with_a_product():
    product, shopper = ProductFactory(), ShopperFactory()
    did(product, days_ago=3, shopper=shopper)
    did(product, shopper=shopper)
    did(product, days_ago=1)
    untouched = ProductFactory()

    refresh_popularity()

    first_at = dict(ProductPopularity.objects.values_list("product", "first_at"))
    assert first_at == {product.pk: OLD - timedelta(days=3), untouched.pk: None}


def test_a_shop_nobody_has_visited_has_rows_of_zeros_and_a_second_run_changes_nothing():
    product = ProductFactory()

    assert refresh_popularity() == 1
    assert popularity(product) == (0.0, 0.0)
    assert refresh_popularity() == 0


def test_what_was_removed_from_the_history_no_longer_counts():
    product, shopper = ProductFactory(), ShopperFactory()
    did(product, Kind.PURCHASE, shopper=shopper)
    refresh_popularity()

    shopper.interactions.all().delete()
    refresh_popularity()

    assert popularity(product) == (0.0, 0.0)
