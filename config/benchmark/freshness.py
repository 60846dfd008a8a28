"""How soon a feed knows of an interaction, and how soon the worker has stored the shopper's new vector."""

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psycopg
import redis
from django.conf import settings

from config.benchmark.installation import BenchmarkError
from config.benchmark.load import Client, in_threads
from config.benchmark.report import Report, ms
from config.benchmark.synthetic import SyntheticShop
from config.benchmark.tasks import STARTS_KEY, note_start

FEED = "/api/v1/feed?scenario=home&count=24"
INTERACTIONS = "/api/v1/interactions"
WARM_UP_ROUNDS = 4
WARM_UP_CLIENTS = 8
LOST_SECONDS = 10.0
"""A vector that is not stored by then is lost, no beat runs here that would sweep; and so is what no feed shows."""
IDLE_SECONDS = 0.02
"""Pause between two floor tasks, so that the queue is idle when the next one is published."""


@dataclass(frozen=True)
class Waits:
    """Seconds, one for each round."""

    seconds: list[float]
    stale: int = 0

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent) * 1000)


def benchmark_freshness(*, port: int, shop: SyntheticShop, seconds: float) -> Report:
    warm_up(port, shop)
    feed = until_the_feed_has_seen(port, shop, seconds=seconds)
    vector = until_the_vector_is_stored(port, shop, seconds=seconds)
    floor = idle_task(seconds=min(seconds / 2, 5.0))
    figures = {
        "benchmark": "freshness",
        "products": shop.product_count,
        "shoppers": len(shop.tokens),
        "feed_p50_ms": feed.percentile_ms(50),
        "feed_p99_ms": feed.percentile_ms(99),
        "vector_p50_ms": vector.percentile_ms(50),
        "vector_p99_ms": vector.percentile_ms(99),
        "floor_task_p50_ms": floor.percentile_ms(50),
        "stale_responses": feed.stale,
        "rounds": {"feed": len(feed.seconds), "vector": len(vector.seconds), "floor": len(floor.seconds)},
    }
    rows = [
        _row("interaction sent → a feed that has seen it", feed),
        _row("interaction sent → vector stored by the worker", vector),
        _row("floor: task published → started, queue idle", floor),
        ("feeds that had not seen an acknowledged interaction", str(feed.stale), "", ""),
    ]
    title = f"freshness: {shop.product_count:,} products, {len(shop.tokens):,} shoppers, {seconds:g} s each"
    return Report(title, figures, ("", "rounds", "p50 ms", "p99 ms"), rows)


def warm_up(port: int, shop: SyntheticShop) -> None:
    """Every web process and the worker load the model once, by serving a shopper whose vector is behind."""

    def work(number: int, failed: threading.Event) -> None:
        for step in range(WARM_UP_ROUNDS):
            with contextlib.closing(Client(port, shop.tokens[(number + step) % len(shop.tokens)])) as client:
                _post(client, shop.codes[step])
                _seen(client)

    in_threads(WARM_UP_CLIENTS, work)
    until_the_vector_is_stored(port, shop, seconds=1.0, patience=60.0)


def until_the_feed_has_seen(port: int, shop: SyntheticShop, *, seconds: float) -> Waits:
    """From sending an interaction to having read the first feed whose ``seq`` includes it. Raises BenchmarkError."""
    waits, stale = [], 0
    for client, code in _rounds(port, shop, seconds):
        started = time.perf_counter()
        seq = _post(client, code)
        while _seen(client) < seq:
            stale += 1
            if time.perf_counter() - started > LOST_SECONDS:
                raise BenchmarkError(
                    f"no feed had seen an acknowledged interaction within {LOST_SECONDS:g} s"
                )
        waits.append(time.perf_counter() - started)
    return Waits(waits, stale)


def until_the_vector_is_stored(
    port: int, shop: SyntheticShop, *, seconds: float, patience: float = LOST_SECONDS
) -> Waits:
    """From sending an interaction to reading in Postgres a vector that includes it.

    Nobody asks for a feed meanwhile, so it is the worker that stores it.
    """
    waits = []
    query = (
        "SELECT 1 FROM accounts_shopper shopper"
        " JOIN recs_shoppervector vector ON vector.shopper_id = shopper.id AND vector.version_id = %s"
        " WHERE shopper.token_digest = %s AND vector.seq >= %s"
    )
    digests = dict(zip(shop.tokens, shop.token_digests, strict=True))
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as raw:
        for client, code in _rounds(port, shop, seconds):
            started = time.perf_counter()
            seq = _post(client, code)
            parameters = (shop.version_id, digests[str(client.token)], seq)
            while raw.execute(query, parameters, prepare=True).fetchone() is None:
                if time.perf_counter() - started > patience:
                    raise BenchmarkError(f"the worker stored no vector within {patience:g} s")
                time.sleep(0.001)
            waits.append(time.perf_counter() - started)
    return Waits(waits)


def idle_task(*, seconds: float) -> Waits:
    """From publishing an empty task to its start in the realtime worker."""
    waits = []
    client = redis.Redis.from_url(settings.REDIS_URL)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        note_start.delay(time.monotonic())
        answer = client.blpop([STARTS_KEY], timeout=LOST_SECONDS)
        if answer is None:
            raise BenchmarkError(f"the realtime worker started no task within {LOST_SECONDS:g} s")
        waits.append(float(answer[1]))
        time.sleep(IDLE_SECONDS)
    client.close()
    return Waits(waits[1:] or waits)


def _rounds(port: int, shop: SyntheticShop, seconds: float) -> Iterator[tuple[Client, str]]:
    """A shopper and a product, again and again until the time is over; never none."""
    end = time.perf_counter() + seconds
    client = Client(port)
    for step in itertools.count():
        client.token = shop.tokens[step % len(shop.tokens)]
        yield client, shop.codes[(7 * step) % len(shop.codes)]
        if time.perf_counter() > end:
            break
    client.close()


def _post(client: Client, code: str) -> int:
    answer = client.post(INTERACTIONS, {"id": str(uuid.uuid4()), "kind": "view", "product": code})
    if answer.status != 201:
        raise BenchmarkError(f"POST {INTERACTIONS}: {answer.status} {answer.body[:300]!r}")
    return int(answer.json()["seq"])


def _seen(client: Client) -> int:
    """The newest interaction that a feed of now includes."""
    answer = client.get(FEED)
    if answer.status != 200:
        raise BenchmarkError(f"GET {FEED}: {answer.status} {answer.body[:300]!r}")
    return int(answer.json()["seq"])


def _row(name: str, waits: Waits) -> tuple[str, ...]:
    return (name, str(len(waits.seconds)), ms(waits.percentile_ms(50)), ms(waits.percentile_ms(99)))
