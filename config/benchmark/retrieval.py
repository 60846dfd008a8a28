"""How well and how fast the vector index finds the nearest products, against exact search by numpy."""

import time
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction

from config.benchmark.report import Report, ms
from config.benchmark.synthetic import SyntheticShop, clustered_vectors
from recs.engine.interactions import FloatArray, IntArray
from recs.models import ModelVersion
from recs.product_vectors import (
    attach_partition,
    build_index,
    copy_vectors,
    create_partition,
    drop_partition,
    nearest,
)
from recs.registry import ActiveVersion, version_for_serving
from recs.vectors import to_text

NEIGHBOURS = 50
QUERIES = 500
SMALLEST = 1_000
QUERY_SEED = 1


@dataclass(frozen=True)
class Size:
    """One row of the table. Recalls lie in 0 … 1; ``filtered_recall``: among one shelf of the shop."""

    products: int
    build_s: float
    recall: float
    p50_ms: float
    exact_p50_ms: float
    filtered_recall: float


def benchmark_retrieval(*, shop: SyntheticShop, seconds: float) -> Report:
    """At each power of ten up to the number of products, and there; ``seconds`` bounds each row's queries."""
    sizes = [measure_size(shop, size, seconds=seconds) for size in sizes_up_to(shop.product_count)]
    dimension = shop.query_vectors.shape[1]
    figures = {
        "benchmark": "retrieval",
        "dimension": dimension,
        "neighbours": NEIGHBOURS,
        "sizes": [vars(size) for size in sizes],
    }
    rows = [
        (
            f"{size.products:,}",
            f"{size.build_s:.2f}",
            f"{size.recall:.4f}",
            ms(size.p50_ms),
            ms(size.exact_p50_ms),
            f"{size.filtered_recall:.4f}",
        )
        for size in sizes
    ]
    columns = ("products", "build s", f"recall@{NEIGHBOURS}", "p50 ms", "exact p50 ms", "filtered recall")
    return Report(f"retrieval: {dimension} dimensions, HNSW on halfvec", figures, columns, rows)


def sizes_up_to(products: int) -> list[int]:
    sizes = []
    size = SMALLEST
    while size < products:
        sizes.append(size)
        size *= 10
    return [*sizes, products]


def measure_size(shop: SyntheticShop, size: int, *, seconds: float) -> Size:
    """Builds a version of that many products, asks it, and takes it away again."""
    dimension = shop.query_vectors.shape[1]
    vectors, cluster = clustered_vectors(shop.product_count, dimension)
    # As Postgres holds them: what rounding to halves costs is not the index's fault.
    vectors, cluster = vectors[:size].astype(np.float16).astype(np.float32), cluster[:size]
    product_ids = np.array(shop.product_ids[:size])
    row = ModelVersion.objects.create(name=f"size {size}", recommender="none", dimension=dimension)
    try:
        create_partition(version_id=row.pk)
        copy_vectors(version_id=row.pk, product_ids=product_ids, vectors=vectors)
        started = time.perf_counter()
        build_index(version_id=row.pk, dimension=dimension)
        attach_partition(version_id=row.pk)
        built = time.perf_counter() - started
        version = version_for_serving(row)
        queries, shelves = clustered_vectors(QUERIES, dimension, noise_seed=QUERY_SEED)
        return _ask(version, product_ids, vectors, cluster, queries, shelves, built, seconds)
    finally:
        drop_partition(version_id=row.pk)
        row.delete()


def _ask(
    version: ActiveVersion,
    product_ids: IntArray,
    vectors: FloatArray,
    cluster: IntArray,
    queries: FloatArray,
    shelves: IntArray,
    built: float,
    seconds: float,
) -> Size:
    found_share, filtered_share, indexed, exact = [], [], [], []
    end = time.perf_counter() + seconds
    for query, shelf in zip(queries, shelves, strict=True):
        started = time.perf_counter()
        found = nearest(version=version, vector=query, limit=NEIGHBOURS)
        indexed.append(time.perf_counter() - started)

        started = time.perf_counter()
        scores = vectors @ query
        best = np.argpartition(-scores, min(NEIGHBOURS, len(scores)) - 1)[:NEIGHBOURS]
        exact.append(time.perf_counter() - started)
        found_share.append(_share({product_id for product_id, _ in found}, product_ids[best]))

        members = np.flatnonzero(cluster == shelf)
        best = members[np.argsort(-scores[members])[:NEIGHBOURS]]
        filtered_share.append(_share(_nearest_on_shelf(version, query, int(shelf)), product_ids[best]))
        if time.perf_counter() > end:
            break
    return Size(
        products=len(product_ids),
        build_s=built,
        recall=float(np.mean(found_share)),
        p50_ms=float(np.median(indexed) * 1000),
        exact_p50_ms=float(np.median(exact) * 1000),
        filtered_recall=float(np.mean(filtered_share)),
    )


def _nearest_on_shelf(version: ActiveVersion, query: FloatArray, shelf: int) -> set[int]:
    """A filter that one product in fifty passes, with the settings that serving uses."""
    kind = f"halfvec({version.dimension})"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL hnsw.ef_search = {NEIGHBOURS}; SET LOCAL hnsw.iterative_scan = relaxed_order"
        )
        cursor.execute(
            "SELECT placed.product_id FROM recs_productvector placed"
            " JOIN catalog_product product ON product.id = placed.product_id"
            " JOIN catalog_category category ON category.id = product.category_id"
            f" WHERE placed.version_id = {version.id} AND category.slug = %s"
            f" ORDER BY placed.vector::{kind} <#> %s::{kind} LIMIT %s",
            [f"shelf-{shelf}", to_text(query), NEIGHBOURS],
        )
        return {row[0] for row in cursor.fetchall()}


def _share(found: set[int], wanted: IntArray) -> float:
    return len(found & set(wanted.tolist())) / len(wanted) if len(wanted) else 1.0
