"""store_interactions: many at once, each once, numbered by time within each shopper."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.utils import DatabaseError, IntegrityError
from django.test.utils import CaptureQueriesContext

from accounts.models import Shopper
from recs.bulk import BulkInteraction, store_interactions
from recs.engine.interactions import Kind
from recs.models import Interaction
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def viewed(
    shopper: Shopper, product_id: int, *, minute: int = 0, uuid: UUID | None = None
) -> BulkInteraction:
    return BulkInteraction(
        uuid=uuid or uuid4(),
        shopper_id=shopper.pk,
        kind=int(Kind.VIEW),
        product_id=product_id,
        value=None,
        query="",
        occurred_at=AT + timedelta(minutes=minute),
    )


def test_every_field_arrives():
    shopper, product = ShopperFactory(), ProductFactory()
    rating, search = uuid4(), uuid4()

    stored = store_interactions(
        [
            BulkInteraction(rating, shopper.pk, int(Kind.RATING), product.pk, 4.5, "", AT),
            BulkInteraction(
                search, shopper.pk, int(Kind.SEARCH), None, None, "tea – 茶", AT + timedelta(seconds=1)
            ),
        ]
    )

    assert stored == 2
    fields = ("uuid", "seq", "kind", "product_id", "value", "query", "recommendation", "occurred_at")
    assert list(Interaction.objects.order_by("seq").values_list(*fields)) == [
        (rating, 1, 6, product.pk, 4.5, "", None, AT),
        (search, 2, 9, None, None, "tea – 茶", None, AT + timedelta(seconds=1)),
    ]


def test_each_shopper_counts_on_by_time_from_what_was_there():
    first, second = ShopperFactory(), ShopperFactory()
    product = ProductFactory()
    InteractionFactory(shopper=first, product=product)
    InteractionFactory(shopper=first, product=product)
    late, early, other = uuid4(), uuid4(), uuid4()

    store_interactions(
        [
            viewed(first, product.pk, minute=9, uuid=late),
            viewed(second, product.pk, minute=5, uuid=other),
            viewed(first, product.pk, minute=1, uuid=early),
        ]
    )

    seqs = dict(Interaction.objects.values_list("uuid", "seq"))
    assert (seqs[early], seqs[late], seqs[other]) == (3, 4, 1)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.last_seq, second.last_seq) == (4, 1)


def test_the_same_rows_again_store_nothing_and_number_nothing():
    shopper, product = ShopperFactory(), ProductFactory()
    rows = [viewed(shopper, product.pk, minute=minute) for minute in range(3)]

    assert store_interactions(rows) == 3
    assert store_interactions(rows) == 0
    assert store_interactions([*rows, viewed(shopper, product.pk, minute=9)]) == 1

    shopper.refresh_from_db()
    assert shopper.last_seq == 4
    assert Interaction.objects.count() == 4


def test_an_id_twice_in_one_call_is_stored_once_per_shopper():
    first, second = ShopperFactory(), ShopperFactory()
    product = ProductFactory()
    same = uuid4()

    stored = store_interactions(
        [
            viewed(first, product.pk, uuid=same),
            viewed(first, product.pk, uuid=same),
            viewed(second, product.pk, uuid=same),
        ]
    )

    assert stored == 2
    assert set(Interaction.objects.values_list("shopper_id", "seq")) == {(first.pk, 1), (second.pk, 1)}


def test_nothing_to_store_is_fine():
    assert store_interactions([]) == 0


def test_rows_that_fail_while_they_are_made_leave_nothing():
    shopper, product = ShopperFactory(), ProductFactory()

    def rows() -> Iterator[BulkInteraction]:
        yield viewed(shopper, product.pk)
        raise ValueError("the file ends here")

    with pytest.raises((ValueError, DatabaseError)):
        store_interactions(rows())

    shopper.refresh_from_db()
    assert (Interaction.objects.count(), shopper.last_seq) == (0, 0)


def test_a_view_without_a_product_is_refused_whole():
    shopper, product = ShopperFactory(), ProductFactory()
    broken = BulkInteraction(uuid4(), shopper.pk, int(Kind.VIEW), None, None, "", AT)

    with pytest.raises(IntegrityError, match="interaction_has_product_or_query"):
        store_interactions([viewed(shopper, product.pk), broken])

    shopper.refresh_from_db()
    assert (Interaction.objects.count(), shopper.last_seq) == (0, 0)


def test_a_thousand_rows_take_as_many_statements_as_one():
    shopper, product = ShopperFactory(), ProductFactory()

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            store_interactions([viewed(shopper, product.pk, minute=minute) for minute in range(count)])
        return len(queries)

    assert statements(1_000) == statements(1)
