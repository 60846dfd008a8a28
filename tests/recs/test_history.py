"""Rows → what the engine reads, on a real Postgres."""

from datetime import timedelta

import numpy as np
import pytest
from django.test.utils import CaptureQueriesContext

from recs.engine.interactions import Kind
from recs.history import export_interactions, recent_products, vector_histories
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop
from tests.recs.small_shop import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]


def halves(vectors: np.ndarray) -> list[list[float]]:
    return vectors.astype(np.float16).astype(np.float32).tolist()


def test_a_history_is_oldest_first_with_the_vectors_of_its_products():
    products = small_shop.make_products(3)
    vectors = small_shop.random_vectors(3)
    version = small_shop.publish_model(products, vectors=vectors)
    shopper = ShopperFactory()
    InteractionFactory(shopper=shopper, product=products[2], kind=Kind.RATING, value=4.0, occurred_at=NOW)
    InteractionFactory(shopper=shopper, product=products[0], occurred_at=NOW - timedelta(hours=1))

    history = vector_histories(shopper_ids=[shopper.pk], version=version)[shopper.pk]

    assert history.product_ids.tolist() == [products[0].pk, products[2].pk]
    assert history.vectors.tolist() == halves(vectors[[0, 2]])
    assert history.kinds.tolist() == [Kind.VIEW, Kind.RATING]
    assert history.times.tolist() == [int(NOW.timestamp()) - 3600, int(NOW.timestamp())]
    assert np.isnan(history.values[0])
    assert history.values[1] == 4.0
    assert history.seq == 2


def test_histories_of_many_shoppers_and_their_numbers_are_read_by_one_statement(django_assert_num_queries):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shoppers = [ShopperFactory(), ShopperFactory()]
    for shopper, product in zip(shoppers, products, strict=True):
        InteractionFactory(shopper=shopper, product=product)

    with django_assert_num_queries(1):
        found = vector_histories(shopper_ids=[shopper.pk for shopper in shoppers], version=version)

    assert [found[shopper.pk].product_ids.tolist() for shopper in shoppers] == [
        [products[0].pk],
        [products[1].pk],
    ]


def test_what_a_later_complaint_takes_back_is_not_read_and_the_complaint_is():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = ShopperFactory()
    done = (
        (0, Kind.VIEW, None),
        (1, Kind.VIEW, None),
        (0, Kind.RATING, 2.0),
        (0, Kind.CART_ADD, None),
    )
    for hours, (product, kind, value) in enumerate(done):
        InteractionFactory(
            shopper=shopper,
            product=products[product],
            kind=kind,
            value=value,
            occurred_at=NOW + timedelta(hours=hours),
        )

    history = vector_histories(shopper_ids=[shopper.pk], version=version)[shopper.pk]

    assert history.product_ids.tolist() == [products[1].pk, products[0].pk, products[0].pk]
    assert history.kinds.tolist() == [Kind.VIEW, Kind.RATING, Kind.CART_ADD]
    assert len(history.vectors) == len(history.times) == len(history.values) == 3


def test_only_the_newest_interactions_count():
    products = small_shop.make_products(5)
    version = small_shop.publish_model(products)
    shopper = ShopperFactory()
    for hour, product in enumerate(products):
        InteractionFactory(shopper=shopper, product=product, occurred_at=NOW + timedelta(hours=hour))

    history = vector_histories(shopper_ids=[shopper.pk], version=version, length=2)[shopper.pk]

    assert history.product_ids.tolist() == [products[3].pk, products[4].pk]


def test_a_product_without_a_vector_in_the_version_is_passed_over():
    version = small_shop.publish_model(small_shop.make_products(2))
    shopper = InteractionFactory(product=ProductFactory()).shopper

    history = vector_histories(shopper_ids=[shopper.pk], version=version)[shopper.pk]

    assert len(history) == 0
    assert history.vectors.shape == (0, small_shop.DIMENSION)
    assert history.seq == 1


def test_a_search_is_not_part_of_a_history_but_counts_in_its_number():
    version = small_shop.publish_model(small_shop.make_products(2))
    shopper = InteractionFactory(product=None, kind=Kind.SEARCH, query="lunch bag").shopper

    history = vector_histories(shopper_ids=[shopper.pk], version=version)[shopper.pk]

    assert (len(history), history.seq) == (0, 1)


def test_a_shopper_who_is_gone_is_missing():
    version = small_shop.publish_model(small_shop.make_products(2))

    assert vector_histories(shopper_ids=[10**9], version=version) == {}


def test_the_lines_of_one_invoice_are_in_the_same_order_however_they_were_stored():
    products = small_shop.make_products(12)
    version = small_shop.publish_model(products)
    one, other = ShopperFactory(), ShopperFactory()
    for product in products:
        InteractionFactory(shopper=one, product=product, occurred_at=NOW)
    for product in reversed(products):
        InteractionFactory(shopper=other, product=product, occurred_at=NOW)

    found = vector_histories(shopper_ids=[one.pk, other.pk], version=version)

    order = found[one.pk].product_ids.tolist()
    assert order == found[other.pk].product_ids.tolist()
    assert order != [product.pk for product in products]
    assert sorted(order) == [product.pk for product in products]


def test_recent_products_come_once_each_newest_first():
    first, second = small_shop.make_products(2)
    shopper = ShopperFactory()
    for hour, product in enumerate([first, second, first]):
        InteractionFactory(shopper=shopper, product=product, occurred_at=NOW + timedelta(hours=hour))

    found = recent_products(shopper_id=shopper.pk, limit=5)

    assert found == [(first.pk, Kind.VIEW), (second.pk, Kind.VIEW)]


def test_what_was_hidden_or_taken_out_of_the_cart_is_not_recent():
    shopper = ShopperFactory()
    InteractionFactory(shopper=shopper, kind=Kind.HIDE)
    InteractionFactory(shopper=shopper, kind=Kind.CART_REMOVE)

    assert recent_products(shopper_id=shopper.pk, limit=5) == []


def test_what_is_left_out_takes_no_place_among_the_recent():
    shopper = ShopperFactory()
    kept = InteractionFactory(shopper=shopper, occurred_at=NOW).product
    later = [
        InteractionFactory(shopper=shopper, occurred_at=NOW + timedelta(hours=1)).product for _ in range(3)
    ]

    found = recent_products(shopper_id=shopper.pk, limit=1, exclude={product.pk for product in later})

    assert found == [(kept.pk, Kind.VIEW)]


def test_no_more_recent_products_than_asked_for():
    shopper = ShopperFactory()
    for hour in range(4):
        newest = InteractionFactory(shopper=shopper, occurred_at=NOW + timedelta(hours=hour)).product

    assert recent_products(shopper_id=shopper.pk, limit=1) == [(newest.pk, Kind.VIEW)]


def test_an_export_holds_every_column_of_every_interaction_with_a_product():
    untouched = ProductFactory()
    late = InteractionFactory(kind=Kind.RATING, value=2.5, occurred_at=NOW)
    early = InteractionFactory(shopper=late.shopper, occurred_at=NOW - timedelta(days=400))
    other = InteractionFactory(kind=Kind.HIDE, occurred_at=NOW)
    InteractionFactory(shopper=other.shopper, product=None, kind=Kind.SEARCH, query="bag")

    export = export_interactions()

    columns = export.interactions
    assert export.product_ids.tolist() == [untouched.pk, late.product_id, early.product_id, other.product_id]
    assert export.shopper_ids.tolist() == [late.shopper_id, other.shopper_id]
    assert columns.user.tolist() == [0, 0, 1]
    assert columns.item.tolist() == [2, 1, 3]
    assert columns.kind.tolist() == [Kind.VIEW, Kind.RATING, Kind.HIDE]
    assert columns.time.tolist() == [
        int(moment.timestamp()) for moment in (early.occurred_at, late.occurred_at, other.occurred_at)
    ]
    assert columns.value.tolist()[1] == 2.5
    assert np.isnan(columns.value[[0, 2]]).all()
    assert (columns.user_count, columns.item_count) == (2, 4)


def test_an_empty_shop_exports_nothing():
    export = export_interactions()

    assert len(export.interactions) == 0
    assert export.product_ids.tolist() == []
    assert export.shopper_ids.tolist() == []


def test_other_versions_are_not_looked_into(django_assert_num_queries):
    """The version stands in the statement as a constant, so that the planner leaves other partitions out."""
    products = small_shop.make_products(2)
    small_shop.publish_model(products)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper

    with django_assert_num_queries(1) as captured:
        vector_histories(shopper_ids=[shopper.pk], version=version)

    plan = explained(captured)
    assert f"recs_productvector_{version.id}" in plan
    assert plan.count("recs_productvector_") == plan.count(f"recs_productvector_{version.id}")


def explained(captured: CaptureQueriesContext) -> str:
    with captured.connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"].replace("%", "%%"))
        return "\n".join(row[0] for row in cursor.fetchall())
