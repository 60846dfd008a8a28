from datetime import timedelta

import pytest

from recs.engine.interactions import Kind
from recs.models import ProductPopularity
from recs.popularity import HALF_LIFE_DAYS, WEIGHTS, refresh_popularity
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


def test_half_a_life_before_the_newest_interaction_counts_half_in_the_trend_and_whole_in_the_total():
    newest, older = ProductFactory(), ProductFactory()
    did(newest)
    did(older, days_ago=HALF_LIFE_DAYS)

    refresh_popularity()

    assert popularity(newest) == (1.0, 1.0)
    assert popularity(older) == (pytest.approx(0.5), 1.0)


def test_one_who_reloads_a_page_all_day_makes_no_trend():
    product, shopper = ProductFactory(), ShopperFactory()
    for _ in range(5):
        did(product, shopper=shopper)
    did(product, days_ago=1, shopper=shopper)

    refresh_popularity()

    assert popularity(product)[1] == 2.0


def test_a_history_of_centuries_is_no_overflow():
    product, newest = ProductFactory(), ProductFactory()
    did(product, days_ago=365 * 200)
    did(newest)

    refresh_popularity()

    assert 0.0 <= popularity(product)[0] < 1e-200


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
