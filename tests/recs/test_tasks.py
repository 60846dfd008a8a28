"""Celery's side: what a worker does with a message, in this process; workers of their own are in tests/paths."""

import logging
from collections.abc import Iterator

import pytest

from recs import quarantine, shopper_vectors, tasks
from recs.engine.artifact import ArtifactError
from recs.models import Heartbeat
from recs.nightly.lease import Lease
from recs.product_vectors import vectors
from recs.quarantine import encode_each
from recs.shopper_vectors import dirty_shoppers
from recs.wake import AWAKE_KEY, take_dirty_shoppers, wake_worker
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("artifacts")]


@pytest.fixture(autouse=True)
def no_failures_yet() -> Iterator[None]:
    quarantine._failures.clear()
    yield
    quarantine._failures.clear()


def poison(monkeypatch: pytest.MonkeyPatch, bad: int) -> list[int]:
    """Makes one shopper's history fail; returns the list that gets a 1 for each attempt at it."""
    attempts: list[int] = []
    encode = shopper_vectors.encode

    def failing(*, shopper_ids, version):
        if bad in shopper_ids:
            attempts.append(1)
            raise ValueError("a history that cannot be encoded")
        return encode(shopper_ids=shopper_ids, version=version)

    monkeypatch.setattr(shopper_vectors, "encode", failing)
    return attempts


def shoppers_who_viewed(product, count: int) -> list:
    return [InteractionFactory(product=product).shopper for _ in range(count)]


def test_draining_encodes_every_dirty_shopper(redis_client):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shoppers = shoppers_who_viewed(products[0], 300)  # more than one batch
    wake_worker([shopper.pk for shopper in shoppers])

    assert tasks.encode_dirty_shoppers() == 300

    assert dirty_shoppers(version=version, limit=5) == []
    assert take_dirty_shoppers() == []
    assert not redis_client.exists(AWAKE_KEY)


def test_draining_before_the_first_model_takes_the_mark_away(redis_client):
    wake_worker([ShopperFactory().pk])

    assert tasks.encode_dirty_shoppers() == 0
    assert not redis_client.exists(AWAKE_KEY)


def test_the_sweep_finds_whom_redis_lost():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shoppers_who_viewed(products[0], 2)

    assert tasks.sweep_stale_shoppers() == 2
    assert tasks.sweep_stale_shoppers() == 0
    assert dirty_shoppers(version=version, limit=5) == []


def test_the_sweep_without_a_model_does_nothing():
    InteractionFactory()

    assert tasks.sweep_stale_shoppers() == 0


def test_one_bad_history_holds_back_nobody_else(monkeypatch):
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    shoppers = shoppers_who_viewed(products[0], 3)
    poison(monkeypatch, shoppers[1].pk)

    assert encode_each([shopper.pk for shopper in shoppers], version) == 2
    assert dirty_shoppers(version=version, limit=5) == [shoppers[1].pk]


def test_a_bad_history_is_left_alone_after_three_attempts_until_its_shopper_does_something(monkeypatch):
    products = small_shop.make_products(2)
    small_shop.publish_model(products)
    [shopper] = shoppers_who_viewed(products[0], 1)
    attempts = poison(monkeypatch, shopper.pk)
    for _ in range(5):
        tasks.sweep_stale_shoppers()
    given_up_after = len(attempts)

    InteractionFactory(shopper=shopper, product=products[1])
    tasks.sweep_stale_shoppers()

    assert given_up_after == 6  # in the batch and alone, three times
    assert len(attempts) == 8


def test_a_model_without_its_files_puts_nobody_into_quarantine():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    [shopper] = shoppers_who_viewed(products[0], 1)
    (version.artifact / "manifest.json").unlink()

    with pytest.raises(ArtifactError):
        encode_each([shopper.pk], version)

    assert not quarantine._failures


def test_a_heartbeat_is_one_row_per_queue():
    tasks.record_heartbeat("realtime")
    first = Heartbeat.objects.get(queue="realtime").beaten_at
    tasks.record_heartbeat("realtime")
    tasks.record_heartbeat("default")

    assert Heartbeat.objects.get(queue="realtime").beaten_at > first
    assert Heartbeat.objects.count() == 2


@pytest.mark.slow
def test_the_sweep_of_content_places_what_has_no_place_yet(monkeypatch):
    version = small_shop.publish_model(small_shop.make_products(2))
    newcomer = ProductFactory()
    encoded: list[list[int]] = []
    monkeypatch.setattr(tasks, "products_to_encode", list)
    monkeypatch.setattr(tasks, "encode_content", lambda *, product_ids: encoded.append(product_ids))

    assert tasks.sweep_content() == 1
    assert tasks.sweep_content() == 0
    assert newcomer.pk in vectors(version=version, product_ids=[newcomer.pk])
    assert encoded == []


def test_a_nightly_run_beside_another_says_so_and_ends(caplog):
    with Lease.taken(), caplog.at_level(logging.WARNING):
        assert tasks.train_nightly() == "not started"

    assert "another nightly run is under way" in caplog.text
