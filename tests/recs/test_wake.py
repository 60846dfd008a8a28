"""Waking the worker: one message for a burst, and no waiting for a Redis that is dead or hangs."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from recs import wake
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction, record_interactions
from tests.factories import ProductFactory, ShopperFactory


@pytest.fixture(autouse=True)
def fresh_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(wake, "_resting_until", 0.0)
    wake._client.cache_clear()
    wake._broker.cache_clear()
    yield
    wake._client.cache_clear()
    wake._broker.cache_clear()


def point_redis_at(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{path}")
    monkeypatch.setattr(settings, "CELERY_BROKER_URL", f"redis+socket://{path}")


def test_a_burst_sends_one_message_and_names_every_shopper(redis_client: redis.Redis):
    assert wake.wake_worker([7]) is True
    assert wake.wake_worker([8]) is True
    assert wake.wake_worker([7]) is True

    assert redis_client.llen("realtime") == 1
    message = json.loads(redis_client.lindex("realtime", 0))
    assert message["headers"]["task"] == "recs.tasks.encode_dirty_shoppers"
    assert sorted(wake.take_dirty_shoppers()) == [7, 8]
    assert wake.take_dirty_shoppers() == []


def test_an_interaction_after_the_worker_has_started_sends_a_message_of_its_own(redis_client: redis.Redis):
    wake.wake_worker([7])
    wake.take_dirty_shoppers()

    wake.wake_worker([8])

    assert redis_client.llen("realtime") == 2
    assert wake.take_dirty_shoppers() == [8]


def test_nobody_to_encode_sends_nothing(redis_client: redis.Redis):
    assert wake.wake_worker([]) is False
    assert redis_client.llen("realtime") == 0


def test_a_dead_redis_costs_almost_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    point_redis_at(monkeypatch, tmp_path / "nobody.sock")

    started = time.monotonic()
    assert wake.wake_worker([7]) is False
    assert time.monotonic() - started < 0.35


def test_a_redis_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute.sock"))
        mute.listen(8)
        point_redis_at(monkeypatch, tmp_path / "mute.sock")

        started = time.monotonic()
        assert wake.wake_worker([7]) is False
        assert time.monotonic() - started < 0.35
        started = time.monotonic()
        assert [wake.wake_worker([7]) for _ in range(100)] == [False] * 100
        assert time.monotonic() - started < 0.05


def test_redis_is_asked_again_after_its_rest(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wake, "_resting_until", time.monotonic() + 0.1)

    assert wake.wake_worker([7]) is False
    time.sleep(0.15)
    assert wake.wake_worker([7]) is True


@pytest.mark.django_db(transaction=True)
def test_storing_an_interaction_wakes_the_worker_for_its_shopper(redis_client: redis.Redis):
    shopper = ShopperFactory()

    record_interactions(
        shopper=shopper, interactions=[NewInteraction(kind=Kind.VIEW, product_id=ProductFactory().pk)]
    )

    assert redis_client.llen("realtime") == 1
    assert wake.take_dirty_shoppers() == [shopper.pk]


@pytest.mark.django_db(transaction=True)
def test_without_redis_an_interaction_is_stored_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    point_redis_at(monkeypatch, tmp_path / "nobody.sock")
    shopper = ShopperFactory()

    stored = record_interactions(
        shopper=shopper, interactions=[NewInteraction(kind=Kind.VIEW, product_id=ProductFactory().pk)]
    )

    assert stored.seq == 1
