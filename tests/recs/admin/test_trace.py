import pytest

from recs.admin.shopper_feed import CONTRIBUTIONS, NAMED, Contribution, Dropped, item_rows, trace_rows
from recs.feed.candidates import Stage, Trace
from recs.feed.response import FeedItem, FeedReason
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


def test_what_a_stage_dropped_is_grouped_by_the_reason():
    first, second, third = (ProductFactory(name=name) for name in ("Bag", "Mug", "Bunting"))
    dropped = {first.pk: "sold out", second.pk: "sold out", third.pk: "hidden by the shopper"}

    (row,) = trace_rows(Trace((Stage("filter", "purchasable", 1.5, 10, 7, dropped),)))

    assert (row.kind, row.name, row.incoming, row.outgoing) == ("filter", "purchasable", 10, 7)
    assert row.dropped == [
        Dropped("sold out", 2, ["Bag", "Mug"], False),
        Dropped("hidden by the shopper", 1, ["Bunting"], False),
    ]


def test_only_a_few_dropped_products_are_named():
    products = ProductFactory.create_batch(NAMED + 1)

    (row,) = trace_rows(Trace((Stage("filter", "x", 0, 9, 0, {one.pk: "sold out" for one in products}),)))

    assert row.dropped[0].count == NAMED + 1
    assert len(row.dropped[0].names) == NAMED
    assert row.dropped[0].more


def test_a_product_that_is_gone_is_counted_all_the_same():
    (row,) = trace_rows(Trace((Stage("hydrate", "products", 0, 1, 0, {404: "no such product any more"}),)))

    assert row.dropped == [Dropped("no such product any more", 1, ["a deleted product"], False)]


def test_the_products_of_the_history_that_add_or_take_most_are_named_and_the_one_that_the_reason_names():
    shown, *done = ProductFactory.create_batch(CONTRIBUTIONS + 2)
    values = dict(zip((one.pk for one in done), (0.1, -0.4, 0.02, 0.3), strict=True)) | {404: 0.2}
    reason = FeedReason("because_you_viewed", f"Because you looked at {done[2].name}", done[2])

    (row,) = item_rows([FeedItem(shown, 0.5, ("nearest",), reason, {}, {}, values)])

    assert row.contributions == [
        Contribution(done[1].name, -0.4),
        Contribution(done[3].name, 0.3),
        Contribution("a deleted product", 0.2),
        Contribution(done[2].name, 0.02),
    ]
