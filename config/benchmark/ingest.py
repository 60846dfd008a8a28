"""Interactions stored each second, one by one and in batches, and how the vectors keep up with them."""

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
from django.conf import settings

from config.benchmark.freshness import INTERACTIONS, warm_up
from config.benchmark.load import Client, in_threads
from config.benchmark.report import Report, ms
from config.benchmark.synthetic import SyntheticShop

CLIENTS = 4
BATCH = 100
SAMPLE_SECONDS = 0.01
DRAIN_SECONDS = 30.0
COPY_ROWS = 50_000


@dataclass
class Acknowledged:
    """What the server has acknowledged: how many, and of each shopper the oldest that the vector lacks, and the newest:
    the seq, and when."""

    count: int = 0
    waiting: dict[str, tuple[int, float]] = field(default_factory=dict)
    newest: dict[str, tuple[int, float]] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, digest: str, size: int, seq: int) -> None:
        with self.lock:
            self.count += size
            self.newest[digest] = seq, time.perf_counter()
            # The oldest one that the vector lacks is what it is late by.
            self.waiting.setdefault(digest, self.newest[digest])

    def settle(self, seqs: dict[str, int]) -> None:
        now = time.perf_counter()
        with self.lock:
            for digest, seq in seqs.items():
                waited = self.waiting.get(digest)
                if waited and seq >= waited[0]:
                    self.lags.append(now - waited[1])
                    del self.waiting[digest]
                    if seq < self.newest[digest][0]:
                        # Of those in between the oldest was not written down: this one is lacked for certain.
                        self.waiting[digest] = self.newest[digest]


def benchmark_ingest(*, port: int, shop: SyntheticShop, seconds: float) -> Report:
    # The worker, too, is up and has loaded the model: its start is no vector's lag.
    warm_up(port, shop)
    before = _stored_rows()
    acknowledged = Acknowledged()
    stop = threading.Event()
    watcher = threading.Thread(target=_watch_vectors, args=(shop, acknowledged, stop))
    watcher.start()
    try:
        single = load(port, shop, acknowledged, size=1, seconds=seconds)
        batch = load(port, shop, acknowledged, size=BATCH, seconds=seconds)
        deadline = time.perf_counter() + DRAIN_SECONDS
        while acknowledged.waiting and time.perf_counter() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        watcher.join()
    lost = acknowledged.count - (_stored_rows() - before)
    copied = copy_per_second(shop)
    lag = float(np.percentile(acknowledged.lags, 99) * 1000) if acknowledged.lags else None
    figures = {
        "benchmark": "ingest",
        "products": shop.product_count,
        "shoppers": len(shop.tokens),
        "single_per_s": single,
        "batch_per_s": batch,
        "copy_per_s": copied,
        "vector_lag_p99_ms": lag,
        "vectors_behind_at_the_end": len(acknowledged.waiting),
        "lost": lost,
    }
    rows = [
        (f"one by one, {CLIENTS} clients", f"{single:,.0f} interactions/s"),
        (f"in batches of {BATCH}, {CLIENTS} clients", f"{batch:,.0f} interactions/s"),
        ("floor: COPY of such rows", f"{copied:,.0f} interactions/s"),
        (
            "vector behind its shopper while it lasted, p99",
            "none was stored" if lag is None else f"{ms(lag)} ms",
        ),
        ("vectors still behind at the end", str(len(acknowledged.waiting))),
        ("acknowledged but not stored", str(lost)),
    ]
    title = f"ingest: {shop.product_count:,} products, {len(shop.tokens):,} shoppers, {seconds:g} s each"
    return Report(title, figures, ("", "found"), rows)


def load(port: int, shop: SyntheticShop, acknowledged: Acknowledged, *, size: int, seconds: float) -> float:
    """Interactions acknowledged each second. Raises RuntimeError on any answer but 201."""
    end = time.perf_counter() + seconds
    before = acknowledged.count

    def work(number: int, failed: threading.Event) -> None:
        with contextlib.closing(Client(port)) as client:
            step = number * len(shop.tokens) // CLIENTS
            while time.perf_counter() < end and not failed.is_set():
                step += 1
                client.token = shop.tokens[step % len(shop.tokens)]
                answer = client.post(INTERACTIONS, _batch(shop, step, size))
                if answer.status != 201:
                    raise RuntimeError(f"POST {INTERACTIONS}: {answer.status} {answer.body[:300]!r}")
                digest = shop.token_digests[step % len(shop.tokens)]
                acknowledged.note(digest, size, int(answer.json()["seq"]))

    started = time.perf_counter()
    in_threads(CLIENTS, work)
    return (acknowledged.count - before) / (time.perf_counter() - started)


def copy_per_second(shop: SyntheticShop) -> float:
    """Rows each second of one COPY into a table with the same columns, indexes and constraints."""
    now = datetime.now(UTC)
    rows = [
        (
            uuid.uuid4(),
            shop.shopper_ids[n % len(shop.shopper_ids)],
            n,
            1,
            shop.product_ids[n % shop.product_count],
        )
        for n in range(COPY_ROWS)
    ]
    with psycopg.connect(settings.DATABASE_URL) as raw:
        raw.execute("CREATE TABLE benchmark_interaction (LIKE recs_interaction INCLUDING ALL)")
        started = time.perf_counter()
        columns = "uuid, shopper_id, seq, kind, product_id, query, occurred_at, stored_at"
        with raw.cursor().copy(f"COPY benchmark_interaction ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((*row, "", now, now))
        raw.commit()
        taken = time.perf_counter() - started
        raw.execute("DROP TABLE benchmark_interaction")
    return COPY_ROWS / taken


def _watch_vectors(shop: SyntheticShop, acknowledged: Acknowledged, stop: threading.Event) -> None:
    query = (
        "SELECT shopper.token_digest, vector.seq FROM accounts_shopper shopper"
        " JOIN recs_shoppervector vector ON vector.shopper_id = shopper.id AND vector.version_id = %s"
        " WHERE shopper.token_digest = ANY(%s)"
    )
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as raw:
        while not stop.is_set():
            with acknowledged.lock:
                waiting = list(acknowledged.waiting)
            if waiting:
                found = raw.execute(query, (shop.version_id, waiting), prepare=True).fetchall()
                acknowledged.settle(dict(found))
            time.sleep(SAMPLE_SECONDS)


def _batch(shop: SyntheticShop, step: int, size: int) -> Any:
    entries = [
        {"id": str(uuid.uuid4()), "kind": "view", "product": shop.codes[(7 * step + n) % len(shop.codes)]}
        for n in range(size)
    ]
    return entries[0] if size == 1 else {"interactions": entries}


def _stored_rows() -> int:
    with psycopg.connect(settings.DATABASE_URL) as raw:
        row = raw.execute("SELECT count(*) FROM recs_interaction").fetchone()
    return int(row[0]) if row else 0
