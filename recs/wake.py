"""Wakes the workers after something was stored. Redis may be dead: then nobody waits for it.

A set in Redis names the shoppers whose vector is behind; one Celery message per burst asks the worker to
drain it. What gets lost here is made up for by the sweep, and by the feed, which encodes inline.
"""

import functools
import logging
import time
from collections.abc import Iterable

import redis
from django.conf import settings
from kombu import Connection, pools
from kombu.exceptions import KombuError, OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.celery import app

logger = logging.getLogger(__name__)

DIRTY_KEY = "attune:dirty"
"""Redis set of the primary keys of shoppers whose vector is behind."""
AWAKE_KEY = "attune:awake"
"""Redis mark: a message to the worker is under way, so that a burst of clicks sends one."""
AWAKE_MS = 5_000
"""A lost message holds back the next one for so long; the worker removes the mark as soon as it starts."""

CONNECT_SECONDS = 0.1
ANSWER_SECONDS = 0.15
"""Redis on the same machine answers in 0.1 ms; a web request waits for a dead one at most twice this."""
REST_SECONDS = 5.0
"""After a failure Redis is left alone for so long, by this process."""

_resting_until = 0.0


def wake_worker(shopper_ids: Iterable[int]) -> bool:
    """Marks the shoppers as dirty and wakes the worker; whether it was possible. Never raises.

    Waits at most about 0.3 s for a Redis that does not answer, and not at all in the seconds after.
    """
    ids = list(shopper_ids)
    if not ids or time.monotonic() < _resting_until:
        return False
    try:
        with _client().pipeline(transaction=False) as pipeline:
            pipeline.sadd(DIRTY_KEY, *ids)
            pipeline.set(AWAKE_KEY, 1, nx=True, px=AWAKE_MS)
            first_of_burst = pipeline.execute()[1]
        if first_of_burst:
            _publish("recs.tasks.encode_dirty_shoppers", queue="realtime", args=[])
    except (redis.RedisError, KombuError, OperationalError, OSError) as failure:
        _rest(failure)
        return False
    return True


def send_task(name: str, *, queue: str, args: list[object]) -> bool:
    """Sends a task, or leaves it to the sweep if Redis is away; whether it was possible. Never raises."""
    if time.monotonic() < _resting_until:
        return False
    try:
        _publish(name, queue=queue, args=args)
    except (redis.RedisError, KombuError, OperationalError, OSError) as failure:
        _rest(failure)
        return False
    return True


def wake_content(product_id: int) -> None:
    """Asks the default worker to encode a product; if Redis is away, the sweep does within a minute."""
    send_task("recs.tasks.encode_product_content", queue="default", args=[product_id])


def take_dirty_shoppers(*, limit: int = 256) -> list[int]:
    """Takes up to ``limit`` shoppers off the set; raises redis.RedisError.

    Removes the mark first: an interaction stored from here on sends its own message, so none is missed
    between reading the set and reading the history.
    """
    with _client().pipeline(transaction=False) as pipeline:
        pipeline.delete(AWAKE_KEY)
        pipeline.spop(DIRTY_KEY, limit)
        return [int(shopper_id) for shopper_id in pipeline.execute()[1]]


def _publish(name: str, *, queue: str, args: list[object]) -> None:
    with pools.producers[_broker()].acquire(block=True, timeout=ANSWER_SECONDS) as producer:
        app.send_task(name, args=args, queue=queue, producer=producer, retry=False)


def _rest(failure: Exception) -> None:
    global _resting_until
    _resting_until = time.monotonic() + REST_SECONDS
    logger.warning("no task sent, Redis rests for %g s: %s", REST_SECONDS, failure)


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        # One more try at once: a connection from before a restart of Redis fails on its next use.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


@functools.cache
def _broker() -> Connection:
    """A connection of its own: the one that workers share waits longer than a web request may."""
    return Connection(
        settings.CELERY_BROKER_URL,
        transport_options={
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
        },
    )
