"""Shoppers in the space of a version: never older than what they did, never over a newer one."""

import logging
from datetime import timedelta

import numpy as np
import pytest
from django.db import DatabaseError, connection

from recs import shopper_vectors
from recs.engine.artifact import ArtifactError
from recs.engine.interactions import History, Kind
from recs.models import ShopperVector
from recs.shopper_vectors import (
    EncodedShopper,
    dirty_shoppers,
    encode_shoppers,
    forget_vectors_of,
    fresh_history,
    fresh_vector,
    store,
)
from tests.factories import InteractionFactory, ShopperFactory
from tests.recs import small_shop
from tests.recs.small_shop import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]


def stored_seq(shopper, version) -> int | None:
    return (
        ShopperVector.objects.filter(shopper=shopper, version_id=version.id)
        .values_list("seq", flat=True)
        .first()
    )


def forbid_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("encoded")

    monkeypatch.setattr(shopper_vectors, "encode", refuse)


def test_what_is_served_is_what_was_trained():
    """The same history gives the same vector from Postgres' rows as from the engine's own columns."""
    products = small_shop.make_products(6)
    row, model = small_shop.build_model(products)
    version = small_shop.version_for_serving(row)
    shopper = ShopperFactory()
    moments = [NOW + timedelta(hours=3**place) for place in range(4)]
    kinds = [Kind.VIEW, Kind.CART_ADD, Kind.PURCHASE, Kind.RATING]
    values = [None, None, 3.0, 4.5]
    items = [4, 1, 1, 0]
    for item, kind, moment, value in zip(items, kinds, moments, values, strict=True):
        InteractionFactory(
            shopper=shopper, product=products[item], kind=kind, occurred_at=moment, value=value
        )

    served = fresh_vector(shopper=shopper, version=version)

    history = History(
        np.array(items),
        np.array([int(kind) for kind in kinds]),
        np.array([int(moment.timestamp()) for moment in moments]),
        np.array([np.nan if value is None else value for value in values], dtype=np.float32),
    )
    np.testing.assert_allclose(served.vector, model.encode([history])[0], atol=1e-5)
    assert served.seq == 4


def test_a_batch_gives_what_each_alone_gives():
    products = small_shop.make_products(4)
    version = small_shop.publish_model(products)
    short, long = ShopperFactory(), ShopperFactory()
    InteractionFactory(shopper=short, product=products[0], occurred_at=NOW)
    for hour, product in enumerate(products):
        InteractionFactory(shopper=long, product=product, occurred_at=NOW + timedelta(hours=hour))
    alone = {
        one.pk: shopper_vectors.encode(shopper_ids=[one.pk], version=version)[one.pk] for one in (short, long)
    }

    together = shopper_vectors.encode(shopper_ids=[short.pk, long.pk], version=version)

    for shopper in (short, long):
        np.testing.assert_allclose(together[shopper.pk].vector, alone[shopper.pk].vector, atol=1e-5)


def test_a_vector_that_has_seen_everything_is_read_by_one_statement(django_assert_num_queries, monkeypatch):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    first = fresh_vector(shopper=shopper, version=version)
    forbid_encoding(monkeypatch)

    with django_assert_num_queries(1):
        second = fresh_vector(shopper=shopper, version=version)

    assert second.seq == first.seq == 1
    np.testing.assert_allclose(second.vector, first.vector, atol=2e-3)


def test_a_vector_and_the_history_behind_it_are_read_by_one_statement(django_assert_num_queries, monkeypatch):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    stored = fresh_vector(shopper=shopper, version=version)
    forbid_encoding(monkeypatch)

    with django_assert_num_queries(1):
        encoded, history = fresh_history(shopper=shopper, version=version)

    assert history.product_ids.tolist() == [products[0].pk]
    assert (encoded.seq, history.seq) == (1, 1)
    np.testing.assert_allclose(encoded.vector, stored.vector, atol=2e-3)


def test_a_history_whose_vector_is_behind_is_encoded_as_it_was_read():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    fresh_vector(shopper=shopper, version=version)
    InteractionFactory(shopper=shopper, product=products[1])

    encoded, history = fresh_history(shopper=shopper, version=version)

    assert history.product_ids.tolist() == [one.pk for one in products]
    assert (encoded.seq, stored_seq(shopper, version)) == (2, 2)
    np.testing.assert_allclose(
        encoded.vector, fresh_vector(shopper=shopper, version=version).vector, atol=2e-3
    )


def test_without_its_files_a_stored_vector_serves_all_the_same(monkeypatch):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    fresh_vector(shopper=shopper, version=version)

    def gone(_: object) -> None:
        raise ArtifactError("no such folder")

    monkeypatch.setattr(shopper_vectors, "load_encoder", gone)

    encoded, history = fresh_history(shopper=shopper, version=version)

    assert encoded.vector is not None
    assert len(history) == 1


def test_nobody_has_no_history():
    version = small_shop.publish_model(small_shop.make_products(2))
    shopper = ShopperFactory()
    newcomer = fresh_history(shopper=shopper, version=version)
    pk = shopper.pk
    shopper.delete()
    shopper.pk = pk

    assert fresh_history(shopper=shopper, version=version) == (EncodedShopper(None, 0), None)
    assert (newcomer[0].vector, len(newcomer[1])) == (None, 0)


def test_a_vector_that_is_behind_is_encoded_at_once_and_stored():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    before = fresh_vector(shopper=shopper, version=version)
    InteractionFactory(shopper=shopper, product=products[1])

    after = fresh_vector(shopper=shopper, version=version)

    assert (before.seq, after.seq, stored_seq(shopper, version)) == (1, 2, 2)
    assert not np.allclose(before.vector, after.vector)


def test_an_older_encoding_never_replaces_a_newer_one():
    version = small_shop.publish_model(small_shop.make_products(2))
    shopper = ShopperFactory(last_seq=5)
    newer, older = small_shop.random_vectors(2)
    store({shopper.pk: EncodedShopper(newer, 5)}, version=version)

    store({shopper.pk: EncodedShopper(older, 4)}, version=version)

    assert stored_seq(shopper, version) == 5
    np.testing.assert_allclose(fresh_vector(shopper=shopper, version=version).vector, newer, atol=1e-3)


def test_a_shopper_whose_history_was_removed_is_a_newcomer_at_once():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    only = InteractionFactory(product=products[0])
    shopper = only.shopper
    assert fresh_vector(shopper=shopper, version=version).vector is not None
    only.delete()
    shopper.last_seq = 2
    shopper.save()

    encoded = fresh_vector(shopper=shopper, version=version)

    assert encoded == EncodedShopper(None, 2)
    assert fresh_vector(shopper=shopper, version=version) == EncodedShopper(None, 2)
    assert dirty_shoppers(version=version, limit=5) == []


def test_a_shopper_who_is_gone_has_no_vector_and_stores_none():
    version = small_shop.publish_model(small_shop.make_products(2))
    shopper = ShopperFactory(last_seq=1)
    encoded = {shopper.pk: EncodedShopper(small_shop.random_vectors(1)[0], 1)}
    pk = shopper.pk
    shopper.delete()
    shopper.pk = pk

    store(encoded, version=version)

    assert ShopperVector.objects.count() == 0
    assert fresh_vector(shopper=shopper, version=version) == EncodedShopper(None, 0)


def test_a_vector_that_cannot_be_stored_still_serves(monkeypatch, caplog):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper

    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("read only")

    monkeypatch.setattr(shopper_vectors, "store", fail)
    with caplog.at_level(logging.WARNING):
        encoded = fresh_vector(shopper=shopper, version=version)

    assert encoded.seq == 1
    assert encoded.vector is not None
    assert "was not stored; the feed goes on" in caplog.text


def test_those_who_did_something_since_are_dirty_those_seen_last_first():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    fresh, waiting, behind = (
        ShopperFactory(last_seen_at=NOW + timedelta(hours=hour) if hour else None) for hour in range(3)
    )
    ShopperFactory(last_seen_at=NOW)  # a newcomer who did nothing
    for shopper in (fresh, waiting, behind):
        InteractionFactory(shopper=shopper, product=products[0])
    encode_shoppers(shopper_ids=[fresh.pk, behind.pk], version=version)
    InteractionFactory(shopper=behind, product=products[1])

    assert dirty_shoppers(version=version, limit=5) == [behind.pk, waiting.pk]
    assert dirty_shoppers(version=version, limit=1) == [behind.pk]


def test_encoding_shoppers_says_how_many_and_leaves_none_dirty():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shoppers = [InteractionFactory(product=products[0]).shopper for _ in range(3)]

    done = encode_shoppers(shopper_ids=[*(one.pk for one in shoppers), 10**9], version=version)

    assert done == 3
    assert dirty_shoppers(version=version, limit=5) == []


def test_vectors_of_two_versions_stand_side_by_side():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    fresh_vector(shopper=shopper, version=first)

    second = small_shop.publish_model(products)

    assert stored_seq(shopper, first) == 1
    assert dirty_shoppers(version=second, limit=5) == [shopper.pk]
    assert fresh_vector(shopper=shopper, version=second).seq == 1


def test_erasing_a_shopper_in_the_database_erases_their_vectors():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shopper = InteractionFactory(product=products[0]).shopper
    fresh_vector(shopper=shopper, version=version)

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM recs_interaction WHERE shopper_id = %s", [shopper.pk])
        cursor.execute("DELETE FROM accounts_shopper WHERE id = %s", [shopper.pk])

    assert ShopperVector.objects.count() == 0


def test_forgetting_makes_those_dirty_who_dealt_with_the_product():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    one, other = (InteractionFactory(product=product).shopper for product in products)
    encode_shoppers(shopper_ids=[one.pk, other.pk], version=version)

    assert forget_vectors_of(product_ids=[products[0].pk], version=version) == 1
    assert dirty_shoppers(version=version, limit=5) == [one.pk]
