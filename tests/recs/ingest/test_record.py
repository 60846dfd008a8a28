"""Storing interactions: once each, numbered without gaps, also when everybody does it at the same time."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Shopper
from recs.engine.interactions import Kind
from recs.ingest.record import (
    NewInteraction,
    Stored,
    record_interactions,
    record_purchase,
    remove_interaction,
)
from recs.models import Interaction, Recommendation
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory


def views(count: int) -> list[NewInteraction]:
    product = ProductFactory()
    return [NewInteraction(kind=Kind.VIEW, product_id=product.pk) for _ in range(count)]


def numbers(shopper: Shopper) -> list[int]:
    return list(shopper.interactions.order_by("seq").values_list("seq", flat=True))


@pytest.mark.django_db
def test_an_interaction_is_stored_as_it_was_reported():
    shopper = ShopperFactory()
    product = ProductFactory()
    at = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    new = NewInteraction(kind=Kind.RATING, product_id=product.pk, value=4.0, occurred_at=at)

    stored = record_interactions(shopper=shopper, interactions=[new])

    assert stored == Stored(stored=1, duplicates=0, seq=1)
    row = Interaction.objects.get()
    assert (row.uuid, row.shopper, row.seq, row.kind) == (new.uuid, shopper, 1, Kind.RATING)
    assert (row.product, row.value, row.query, row.occurred_at) == (product, 4.0, "", at)


@pytest.mark.django_db
def test_an_interaction_sent_twice_is_stored_once():
    shopper = ShopperFactory()
    first, second = views(2)

    record_interactions(shopper=shopper, interactions=[first])
    stored = record_interactions(shopper=shopper, interactions=[first, second])

    assert stored == Stored(stored=1, duplicates=1, seq=2)
    assert numbers(shopper) == [1, 2]


@pytest.mark.django_db
def test_an_interaction_twice_in_one_batch_is_stored_once_at_its_first_place():
    shopper = ShopperFactory()
    first, second = views(2)

    stored = record_interactions(shopper=shopper, interactions=[first, second, first])

    assert stored == Stored(stored=2, duplicates=1, seq=2)
    assert Interaction.objects.get(uuid=first.uuid).seq == 1


@pytest.mark.django_db
def test_a_batch_of_known_interactions_leaves_the_number_as_it_is():
    shopper = ShopperFactory()
    batch = views(3)
    record_interactions(shopper=shopper, interactions=batch)

    assert record_interactions(shopper=shopper, interactions=batch) == Stored(stored=0, duplicates=3, seq=3)
    assert Shopper.objects.get().last_seq == 3


@pytest.mark.django_db
def test_two_shoppers_may_use_the_same_uuid():
    new = views(1)

    for shopper in (ShopperFactory(), ShopperFactory()):
        assert record_interactions(shopper=shopper, interactions=new).stored == 1


@pytest.mark.django_db
def test_the_shopper_in_hand_knows_its_new_number():
    shopper = ShopperFactory()

    record_interactions(shopper=shopper, interactions=views(2))

    assert shopper.last_seq == Shopper.objects.get().last_seq == 2


@pytest.mark.django_db
def test_the_interactions_of_an_erased_shopper_are_not_stored():
    shopper = ShopperFactory()
    Shopper.objects.all().delete()

    with pytest.raises(Shopper.DoesNotExist):
        record_interactions(shopper=shopper, interactions=views(1))


@pytest.mark.django_db(transaction=True)
def test_a_product_deleted_meanwhile_stores_nothing_of_the_batch():
    shopper = ShopperFactory()
    batch = views(2)
    bad = NewInteraction(kind=Kind.VIEW, product_id=123_456_789)

    with pytest.raises(IntegrityError):
        record_interactions(shopper=shopper, interactions=[*batch, bad])

    assert numbers(shopper) == []
    assert Shopper.objects.get().last_seq == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("served_to", "kept"), [("this shopper", True), ("nobody known", True), ("another shopper", False)]
)
def test_only_a_feed_served_to_this_shopper_gets_the_credit(served_to: str, kept: bool):
    shopper = ShopperFactory()
    reader = {"this shopper": shopper, "nobody known": None, "another shopper": ShopperFactory()}[served_to]
    served = Recommendation.objects.create(shopper=reader, scenario="home", items=[])
    new = NewInteraction(kind=Kind.CLICK, product_id=ProductFactory().pk, recommendation=served.uuid)

    record_interactions(shopper=shopper, interactions=[new])

    assert Interaction.objects.get().recommendation == (served.uuid if kept else None)


@pytest.mark.django_db
def test_a_purchase_is_one_interaction_for_each_line():
    shopper = ShopperFactory()
    bag, cup = ProductFactory(), ProductFactory()
    served = Recommendation.objects.create(shopper=shopper, scenario="home", items=[])

    stored = record_purchase(shopper=shopper, lines=[(bag, 2, served.uuid), (cup, 1, None)])

    assert stored == Stored(stored=2, duplicates=0, seq=2)
    rows = Interaction.objects.order_by("seq").values_list("kind", "product", "value", "recommendation")
    assert list(rows) == [
        (Kind.PURCHASE, bag.pk, 2.0, served.uuid),
        (Kind.PURCHASE, cup.pk, 1.0, None),
    ]


@pytest.mark.django_db
def test_removing_an_interaction_moves_the_number_on():
    interaction = InteractionFactory()

    assert remove_interaction(shopper=interaction.shopper, uuid=interaction.uuid) is True
    assert Interaction.objects.count() == 0
    assert Shopper.objects.get().last_seq == 2


@pytest.mark.django_db
def test_nobody_removes_the_interaction_of_another_shopper():
    interaction = InteractionFactory()
    other = ShopperFactory()

    assert remove_interaction(shopper=other, uuid=interaction.uuid) is False
    assert remove_interaction(shopper=interaction.shopper, uuid=uuid.uuid4()) is False
    assert Interaction.objects.count() == 1
    assert sorted(Shopper.objects.values_list("last_seq", flat=True)) == [0, 1]


def at_once(calls: list) -> list:
    """Runs the calls in threads that start together, each with a connection of its own."""
    barrier = Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_a_batch_sent_twice_at_once_is_stored_once():
    shopper = ShopperFactory()
    batch = views(50)

    results = at_once([lambda: record_interactions(shopper=shopper, interactions=batch)] * 2)

    assert sorted(result.stored for result in results) == [0, 50]
    assert {result.seq for result in results} == {50}
    assert numbers(shopper) == list(range(1, 51))


@pytest.mark.django_db(transaction=True)
def test_eight_tabs_of_one_shopper_get_unique_numbers_without_gaps():
    shopper = ShopperFactory()
    batches = [views(5) for _ in range(8)]

    def send(batch: list[NewInteraction]):
        def all_of_it() -> list[int]:
            mine = Shopper.objects.get(pk=shopper.pk)
            return [record_interactions(shopper=mine, interactions=[new]).seq for new in batch]

        return all_of_it

    acknowledged = at_once([send(batch) for batch in batches])

    assert sorted(seq for seqs in acknowledged for seq in seqs) == list(range(1, 41))
    assert numbers(shopper) == list(range(1, 41))
    assert Shopper.objects.get().last_seq == 40


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_takes_its_numbers_with_it():
    shopper = ShopperFactory()

    with transaction.atomic():
        record_interactions(shopper=shopper, interactions=views(3))
        transaction.set_rollback(True)

    assert record_interactions(shopper=shopper, interactions=views(1)).seq == 1
