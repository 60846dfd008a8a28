"""Products in the space of a model version: partitions, the index, and search in it.

Each version has a partition of ``recs_productvector`` with an HNSW index of its own, built while nobody
reads it. The index holds ``vector::halfvec(d)``, so every search must name the same expression.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from recs.content_items import content_items
from recs.engine.artifact import ArtifactError
from recs.engine.interactions import FloatArray, IntArray
from recs.registry import ActiveVersion, load_item_tower, load_trained_products, served_versions
from recs.shopper_vectors import forget_vectors_of
from recs.vectors import from_binary, to_text

logger = logging.getLogger(__name__)

EF_SEARCH_LEAST = 40
EF_SEARCH_MOST = 1000
"""Bounds of pgvector's own setting; a search for more than it holds returns fewer rows and no error."""
BUILD_MEMORY_MB = 256
"""Must hold the graph: 100,000 vectors of 64 halves take 41 MB."""
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
"""Whoever waits for a lock on a whole table makes every reader behind it wait too."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A product near to another: ``because`` is that other's key."""

    product_id: int
    score: float
    because: int


def partition_name(version_id: int) -> str:
    return f"recs_productvector_{version_id}"


def create_partition(*, version_id: int) -> None:
    """A table of its own, not yet part of the whole, so that filling it locks nobody out. Empties a half-made one."""
    drop_partition(version_id=version_id)
    _run("CREATE TABLE {partition} (LIKE recs_productvector INCLUDING DEFAULTS)", version_id)


def copy_vectors(*, version_id: int, product_ids: IntArray, vectors: FloatArray) -> None:
    """Fills the partition by COPY BINARY; ``vectors`` float32 [products, d]."""
    with connection.cursor() as cursor:
        statement = "COPY {} (version_id, product_id, vector) FROM STDIN (FORMAT BINARY)"
        table = sql.Identifier(partition_name(version_id))
        with cursor.copy(sql.SQL(statement).format(table)) as copy:
            copy.write(_binary_rows(version_id, product_ids, vectors))


def build_index(*, version_id: int, dimension: int) -> None:
    """Builds key and HNSW index, and checks that the index is valid. Raises RuntimeError if it is not."""
    with transaction.atomic(), connection.cursor() as cursor:
        _run("ALTER TABLE {partition} ADD PRIMARY KEY (version_id, product_id)", version_id)
        cursor.execute(f"SET LOCAL maintenance_work_mem = '{BUILD_MEMORY_MB}MB'")
        _run(
            f"CREATE INDEX {{index}} ON {{partition}} USING hnsw ((vector::halfvec({dimension})) halfvec_ip_ops)",
            version_id,
        )
        # Without statistics the planner takes the partition for small and reads all of it at every search.
        _run("ANALYZE {partition}", version_id)
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass",
            [f"{partition_name(version_id)}_hnsw"],
        )
        row = cursor.fetchone()
        if row is None or not row[0]:
            raise RuntimeError(f"the index of {partition_name(version_id)} is not valid")


def attach_partition(*, version_id: int) -> None:
    """Makes the filled and indexed table part of the whole: from now on it can be searched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_TIMEOUT)
        # Attaching takes this lock anyway, for the foreign key. Taken first, no product can go between the
        # next statement and the check of the key, which would refuse the whole partition.
        cursor.execute("LOCK TABLE catalog_product IN SHARE ROW EXCLUSIVE MODE")
        _run("DELETE FROM {partition} WHERE product_id NOT IN (SELECT id FROM catalog_product)", version_id)
        _run(
            f"ALTER TABLE recs_productvector ATTACH PARTITION {{partition}} FOR VALUES IN ({int(version_id)})",
            version_id,
        )


def drop_partition(*, version_id: int) -> None:
    """Raises OperationalError if readers leave no gap for so long: then the next run tries again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_TIMEOUT)
        _run("DROP TABLE IF EXISTS {partition}", version_id)


def nearest(
    *, version: ActiveVersion, vector: FloatArray, limit: int, exclude: Sequence[int] = ()
) -> list[tuple[int, float]]:
    """The products with the largest inner product with ``vector`` [d], best first, without ``exclude``."""
    with transaction.atomic(), connection.cursor() as cursor:
        _set_search(cursor, limit + len(exclude))
        cursor.execute(
            f"SELECT product_id, -distance FROM ("
            f"  SELECT product_id, vector::halfvec({version.dimension})"
            f"         <#> %(vector)s::halfvec({version.dimension}) AS distance"
            f"  FROM recs_productvector WHERE version_id = {version.id} AND product_id <> ALL(%(exclude)s)"
            f"  ORDER BY distance LIMIT %(limit)s"
            f") found ORDER BY distance, product_id",
            {"vector": to_text(vector), "exclude": list(exclude), "limit": limit},
        )
        return [(product_id, float(score)) for product_id, score in cursor.fetchall()]


def similar(*, version: ActiveVersion, product_ids: Sequence[int], limit: int) -> list[Neighbour]:
    """Up to ``limit`` neighbours of each of these products, best first; the products themselves are left out."""
    if not product_ids:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        _set_search(cursor, limit + len(product_ids))
        d = version.dimension
        cursor.execute(
            f"SELECT found.product_id, -found.distance, seed.product_id"
            f" FROM recs_productvector seed CROSS JOIN LATERAL ("
            f"  SELECT near.product_id, near.vector::halfvec({d}) <#> seed.vector::halfvec({d}) AS distance"
            f"  FROM recs_productvector near WHERE near.version_id = {version.id}"
            f"  ORDER BY distance LIMIT %(limit)s"
            f") found"
            f" WHERE seed.version_id = {version.id} AND seed.product_id = ANY(%(seeds)s)"
            f"   AND found.product_id <> ALL(%(seeds)s)"
            f" ORDER BY found.distance, found.product_id",
            # The asked-for may stand among each other's neighbours: with so many more, enough are left.
            {"limit": limit + len(product_ids), "seeds": list(product_ids)},
        )
        rows = cursor.fetchall()
    found: dict[int, list[Neighbour]] = {product_id: [] for product_id in product_ids}
    for product_id, score, seed in rows:
        if len(found[seed]) < limit:
            found[seed].append(Neighbour(product_id, float(score), seed))
    return sorted(
        (one for neighbours in found.values() for one in neighbours),
        key=lambda one: (-one.score, one.product_id),
    )


def vectors(*, version: ActiveVersion, product_ids: Sequence[int]) -> dict[int, FloatArray]:
    """float32 [d] by product; a product without a vector in that version is missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT product_id, halfvec_send(vector) FROM recs_productvector"
            f" WHERE version_id = {version.id} AND product_id = ANY(%s)",
            [list(product_ids)],
        )
        rows = cursor.fetchall()
    matrix = from_binary([row[1] for row in rows], version.dimension)
    return {row[0]: matrix[place] for place, row in enumerate(rows)}


def place_products(*, product_ids: Sequence[int]) -> int:
    """Gives products that came after training a vector from their content, in each version that serves.

    A product that the model was trained on keeps the place it learnt. Where the vector is the same nothing is written,
    for each row is one more in the index. Returns how many were. A version that cannot place (files gone, other
    encoders) is logged and passed over: the others still can.
    """
    placed = 0
    for version in served_versions():
        try:
            with transaction.atomic():
                placed += _place(version, product_ids)
        except (ArtifactError, ValueError, DatabaseError):
            logger.exception("%d products were not placed in version %s", len(product_ids), version.name)
    return placed


def unplaced_products(*, version_id: int, limit: int = 5_000) -> list[int]:
    """Products without a vector in that version: those that came since it was built, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT product.id FROM catalog_product product WHERE NOT EXISTS ("
            f"  SELECT FROM recs_productvector placed"
            f"  WHERE placed.version_id = {int(version_id)} AND placed.product_id = product.id"
            f") ORDER BY product.created_at DESC LIMIT %s",
            [limit],
        )
        return [row[0] for row in cursor.fetchall()]


def _place(version: ActiveVersion, product_ids: Sequence[int]) -> int:
    missing = np.setdiff1d(np.array(product_ids, dtype=np.int64), load_trained_products(version)).tolist()
    if not missing:
        return 0
    found = load_item_tower(version).vectors(content_items(missing)).astype(np.float16)
    known = vectors(version=version, product_ids=missing)
    rows = [
        (version.id, to_text(vector), product_id)
        for product_id, vector in zip(missing, found, strict=True)
        if vector.any() and not (product_id in known and np.array_equal(vector, known[product_id]))
    ]
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(
            # A product that went meanwhile is passed over.
            "INSERT INTO recs_productvector (version_id, product_id, vector)"
            " SELECT %s, id, %s::halfvec FROM catalog_product WHERE id = %s"
            " ON CONFLICT (version_id, product_id) DO UPDATE SET vector = excluded.vector",
            rows,
        )
        written = cursor.rowcount
    forget_vectors_of(product_ids=[row[2] for row in rows if row[2] not in known], version=version)
    return written


def _binary_rows(version_id: int, product_ids: IntArray, matrix: FloatArray) -> bytes:
    dimension = matrix.shape[1]
    row = np.dtype(
        [
            ("fields", ">i2"),
            ("version_size", ">i4"),
            ("version", ">i8"),
            ("product_size", ">i4"),
            ("product", ">i8"),
            ("vector_size", ">i4"),
            ("dimension", ">u2"),
            ("unused", ">u2"),
            ("vector", ">f2", (dimension,)),
        ]
    )
    rows = np.zeros(len(product_ids), dtype=row)
    rows["fields"], rows["version_size"], rows["product_size"] = 3, 8, 8
    rows["version"], rows["product"] = version_id, product_ids
    rows["vector_size"], rows["dimension"] = 4 + 2 * dimension, dimension
    rows["vector"] = matrix
    return b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + rows.tobytes() + b"\xff\xff"


def _set_search(cursor: CursorWrapper, wanted: int) -> None:
    ef_search = min(EF_SEARCH_MOST, max(EF_SEARCH_LEAST, wanted))
    cursor.execute(f"SET LOCAL hnsw.ef_search = {ef_search}; SET LOCAL hnsw.iterative_scan = relaxed_order")


def _run(statement: str, version_id: int) -> None:
    name = partition_name(version_id)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(statement).format(partition=sql.Identifier(name), index=sql.Identifier(f"{name}_hnsw"))
        )
