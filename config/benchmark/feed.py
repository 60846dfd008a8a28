"""How fast the home feed is served: the whole request, against an empty view and the bare search."""

import time
from dataclasses import asdict

import numpy as np
import psycopg
from django.conf import settings

from config.benchmark.load import Latencies, Target, measure, measure_in_turn
from config.benchmark.queries import count_queries
from config.benchmark.reasons import left_out_p50_ms
from config.benchmark.report import Report, ms
from config.benchmark.synthetic import SyntheticShop
from recs.vectors import to_text

CONCURRENCIES = (1, 8)
PATH = "/api/v1/feed?scenario=home&count=24"
WARM_UP_SECONDS = 2.0
SEARCH_LIMIT = 200
"""Neighbours of the bare search: about as many as the feed's own source asks for."""


def benchmark_feed(*, port: int, shop: SyntheticShop, seconds: float) -> Report:
    targets = [Target(PATH, token) for token in shop.tokens]
    empty = [Target("/benchmark/empty")]
    measure(port, targets, concurrency=8, seconds=WARM_UP_SECONDS)
    measure(port, empty, concurrency=8, seconds=WARM_UP_SECONDS / 2)

    loads = {f"feed {width}": (targets, width) for width in CONCURRENCIES}
    loads |= {f"empty {width}": (empty, width) for width in CONCURRENCIES}
    measured = measure_in_turn(port, loads, seconds=seconds)
    found = {width: measured[f"feed {width}"] for width in CONCURRENCIES}
    floors = {width: measured[f"empty {width}"] for width in CONCURRENCIES}
    search = bare_search_p50_ms(shop, seconds=min(seconds, 5.0))
    reasons = left_out_p50_ms(shop)

    alone, floor = found[1], floors[1].p50_ms + search
    figures = {
        "benchmark": "feed",
        "products": shop.product_count,
        "shoppers": len(shop.tokens),
        "rps": alone.rps,
        "p50_ms": alone.p50_ms,
        "p95_ms": alone.p95_ms,
        "p99_ms": alone.p99_ms,
        "floor_view_p50_ms": floors[1].p50_ms,
        "floor_sql_p50_ms": search,
        "ratio_to_floor": alone.p50_ms / floor,
        "reasons_p50_ms": {str(length): taken for length, taken in reasons.items()},
        "sql_queries": count_queries(PATH, shop.tokens[0]),
        "concurrency": {str(width): asdict(latencies) for width, latencies in found.items()},
        "floor_view": {str(width): asdict(latencies) for width, latencies in floors.items()},
    }
    rows = [_row(f"home feed, {width} at a time", found[width]) for width in CONCURRENCIES]
    rows += [_row(f"empty view, {width} at a time", floors[width]) for width in CONCURRENCIES]
    rows += [
        ("bare vector search in SQL", "", ms(search), "", ""),
        (
            "home feed to its floors (view + search), one at a time",
            "",
            f"{alone.p50_ms / floor:.1f} ×",
            "",
            "",
        ),
        *(
            (f"of it, exact reasons after {length} interactions", "", ms(taken), "", "")
            for length, taken in reasons.items()
        ),
        ("SQL statements of one feed", str(figures["sql_queries"]), "", "", ""),
    ]
    title = f"feed: {shop.product_count:,} products, {len(shop.tokens):,} shoppers, {seconds:g} s each"
    return Report(title, figures, ("", "requests/s", "p50 ms", "p95 ms", "p99 ms"), rows)


def bare_search_p50_ms(shop: SyntheticShop, *, seconds: float) -> float:
    """The index asked for a shopper's nearest products, prepared and in binary, with nothing around it."""
    # The very expression that the index holds, and the version as a literal, so that one partition is planned.
    kind = f"halfvec({shop.query_vectors.shape[1]})"
    query = (
        f"SELECT product_id FROM recs_productvector WHERE version_id = {shop.version_id}"
        f" ORDER BY vector::{kind} <#> %s::{kind} LIMIT {SEARCH_LIMIT}"
    )
    taken = []
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as raw:
        # Loads the library, which then knows the two settings.
        raw.execute("SELECT '[1]'::halfvec")
        raw.execute(f"SET hnsw.ef_search = {SEARCH_LIMIT}")
        raw.execute("SET hnsw.iterative_scan = relaxed_order")
        end = time.perf_counter() + seconds
        step = 0
        while time.perf_counter() < end:
            vector = to_text(shop.query_vectors[step % len(shop.query_vectors)])
            step += 1
            started = time.perf_counter()
            raw.execute(query, (vector,), prepare=True, binary=True).fetchall()
            taken.append(time.perf_counter() - started)
    return float(np.median(taken) * 1000)


def _row(name: str, found: Latencies) -> tuple[str, ...]:
    return (name, f"{found.rps:.1f}", ms(found.p50_ms), ms(found.p95_ms), ms(found.p99_ms))
