"""Rows → what the engine reads: the one translator between the shop's words and the engine's.

A *shopper* is the engine's user, a *product* its item. Keys stay keys on this side and become dense indices
on the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import connection

from recs.engine.interactions import (
    POSITIVE_KINDS,
    FloatArray,
    IntArray,
    Interactions,
    Kind,
    complaint,
    taken_back,
)
from recs.registry import ActiveVersion
from recs.vectors import from_binary

# Rows of one invoice share a moment; their order is the till's. A hash of the product's key orders them
# instead: the same at every reading, and related to nothing.
ORDER_WITHIN_MOMENT = "hashint8(product_id)"


@dataclass(frozen=True, slots=True)
class VectorHistory:
    """What a user tower reads of one shopper, oldest first: vectors [n, d], the others [n].

    Without what the shopper took back by a later complaint of the same product; the complaints are in here.
    ``seq`` is the shopper's number at the moment of reading: all it counts is in here. ``encoded`` float32 [d] is
    their stored vector if it has seen all of this, else None.
    """

    shopper_id: int
    seq: int
    product_ids: IntArray
    vectors: FloatArray
    kinds: IntArray
    times: IntArray
    values: FloatArray
    encoded: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.product_ids)


HISTORIES = f"""
SELECT shopper.id, shopper.last_seq, recent.product_id, recent.kind, recent.at, recent.value, recent.vector,
    halfvec_send(stored.vector)
FROM accounts_shopper shopper
LEFT JOIN recs_shoppervector stored
    ON stored.shopper_id = shopper.id AND stored.version_id = %(version)s AND stored.seq >= shopper.last_seq
LEFT JOIN LATERAL (
    SELECT newest.*, halfvec_send(placed.vector) AS vector
    FROM (
        SELECT product_id, kind, extract(epoch FROM occurred_at)::bigint AS at, value, occurred_at, seq
        FROM recs_interaction
        WHERE shopper_id = shopper.id AND product_id IS NOT NULL
        ORDER BY occurred_at DESC, seq DESC
        LIMIT %(length)s
    ) newest
    JOIN recs_productvector placed
        ON placed.version_id = %(version)s AND placed.product_id = newest.product_id
) recent ON true
WHERE shopper.id = ANY(%(shoppers)s)
ORDER BY shopper.id, recent.occurred_at, {ORDER_WITHIN_MOMENT}, recent.seq
"""


def vector_histories(
    *, shopper_ids: Sequence[int], version: ActiveVersion, length: int | None = None
) -> dict[int, VectorHistory]:
    """The newest interactions of each shopper with the products' vectors, in one statement.

    A shopper who is gone is missing; a product that has no vector in that version is passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            HISTORIES,
            {
                "length": length or settings.HISTORY_LENGTH,
                "version": version.id,
                "shoppers": list(shopper_ids),
            },
        )
        rows = cursor.fetchall()
    return {shopper_id: _history(shopper_id, group, version.dimension) for shopper_id, group in _groups(rows)}


def recent_products(*, shopper_id: int, limit: int, exclude: Collection[int] = ()) -> list[tuple[int, Kind]]:
    """The products of the shopper's newest interactions that may be wishes, each once with its last kind, newest first;
    none of ``exclude``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product_id, kind FROM ("
            "  SELECT DISTINCT ON (product_id) product_id, kind, occurred_at, seq FROM ("
            "    SELECT product_id, kind, occurred_at, seq FROM recs_interaction"
            "    WHERE shopper_id = %s AND kind = ANY(%s) AND product_id <> ALL(%s)"
            "    ORDER BY occurred_at DESC, seq DESC LIMIT %s"
            "  ) newest ORDER BY product_id, occurred_at DESC, seq DESC"
            ") once ORDER BY occurred_at DESC, seq DESC LIMIT %s",
            [shopper_id, [int(kind) for kind in POSITIVE_KINDS], list(exclude), limit * 8, limit],
        )
        return [(product_id, Kind(kind)) for product_id, kind in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Export:
    """All interactions with dense users and items; ``product_ids[i]`` is the key of item i."""

    interactions: Interactions
    product_ids: IntArray
    shopper_ids: IntArray


ROW = np.dtype(
    [
        ("fields", ">i2"),
        *[
            (f"{name}{part}", code)
            for name, code in (
                ("shopper", ">i8"),
                ("product", ">i8"),
                ("kind", ">i2"),
                ("time", ">i8"),
                ("value", ">f4"),
            )
            for part, code in (("_size", ">i4"), ("", code))
        ],
    ]
)
"""A row of COPY BINARY: fields that are never null, so that every row is equally long."""

COPY_SIGNATURE = 19
"""Bytes before the first row; after the last come two more, less than a row."""


def export_interactions(*, as_of: datetime | None = None) -> Export:
    """Reads every interaction with a product by COPY BINARY, sorted by shopper and time.

    ``as_of``: only what was stored until then.
    Items are all products of the shop, also those nobody has touched: content places them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM catalog_product ORDER BY id")
        product_ids = np.array([row[0] for row in cursor.fetchall()], dtype=np.int64)
        blocks: list[bytes] = []
        with cursor.copy(
            "COPY (SELECT shopper_id::int8, product_id::int8, kind::int2,"
            "             extract(epoch FROM occurred_at)::int8, coalesce(value, 'NaN')::float4"
            "      FROM recs_interaction"
            "      WHERE product_id IS NOT NULL AND (%(as_of)s::timestamptz IS NULL OR stored_at <= %(as_of)s)"
            f"      ORDER BY shopper_id, occurred_at, {ORDER_WITHIN_MOMENT}, seq) TO STDOUT (FORMAT BINARY)",
            {"as_of": as_of},
        ) as copy:
            blocks.extend(bytes(block) for block in copy)
    data = b"".join(blocks)
    rows = np.frombuffer(
        data, dtype=ROW, offset=COPY_SIGNATURE, count=(len(data) - COPY_SIGNATURE) // ROW.itemsize
    )
    # A product that came between the two statements has no index yet: left for the next night.
    rows = rows[np.isin(rows["product"], product_ids)]
    shopper_ids, user = np.unique(rows["shopper"].astype(np.int64), return_inverse=True)
    interactions = Interactions(
        user=user.astype(np.int64),
        item=np.searchsorted(product_ids, rows["product"].astype(np.int64)),
        kind=rows["kind"].astype(np.int64),
        time=rows["time"].astype(np.int64),
        value=rows["value"].astype(np.float32),
        user_count=len(shopper_ids),
        item_count=len(product_ids),
    )
    return Export(interactions, product_ids, shopper_ids)


def _groups(rows: list[tuple]) -> Iterator[tuple[int, list[tuple]]]:
    start = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end][0] != rows[start][0]:
            yield rows[start][0], rows[start:end]
            start = end


def _history(shopper_id: int, rows: list[tuple], dimension: int) -> VectorHistory:
    found = [row for row in rows if row[2] is not None]
    product_ids, kinds, times = (
        np.array([row[place] for row in found], dtype=np.int64) for place in (2, 3, 4)
    )
    values = np.array([np.nan if row[5] is None else row[5] for row in found], dtype=np.float32)
    read = ~taken_back(product_ids, complaint(kinds, values))
    return VectorHistory(
        shopper_id=shopper_id,
        seq=rows[0][1],
        product_ids=product_ids[read],
        vectors=from_binary([row[6] for row in found], dimension)[read],
        kinds=kinds[read],
        times=times[read],
        values=values[read],
        encoded=from_binary([rows[0][7]], dimension)[0] if rows[0][7] is not None else None,
    )
