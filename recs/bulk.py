"""Interactions by the ten thousand: COPY into a temporary table, then one statement stores what is new.

For imports. What a shopper does live passes through recs/ingest/record.py, one shopper at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

COLUMNS = "uuid, shopper_id, kind, product_id, value, query, occurred_at"


@dataclass(frozen=True, slots=True)
class BulkInteraction:
    """Keys are primary keys; ``uuid`` is made from the source row, so that it is stored once however often read."""

    uuid: UUID
    shopper_id: int
    kind: int
    product_id: int | None
    value: float | None
    query: str
    occurred_at: datetime


# Shoppers are locked in the order of their keys, as everywhere, so that an import and live clicks wait for
# each other instead of numbering twice.
LOCK = """
SELECT id FROM accounts_shopper WHERE id IN (SELECT DISTINCT shopper_id FROM bulk_interaction)
ORDER BY id FOR NO KEY UPDATE
"""
STORE = """
WITH fresh AS (
    SELECT DISTINCT ON (shopper_id, uuid) bulk.* FROM bulk_interaction bulk
    WHERE NOT EXISTS (
        SELECT FROM recs_interaction known WHERE known.shopper_id = bulk.shopper_id AND known.uuid = bulk.uuid
    )
), numbered AS (
    SELECT fresh.*, shopper.last_seq + row_number() OVER (
        PARTITION BY fresh.shopper_id ORDER BY occurred_at, fresh.uuid
    ) AS seq
    FROM fresh JOIN accounts_shopper shopper ON shopper.id = fresh.shopper_id
), stored AS (
    INSERT INTO recs_interaction
        (uuid, shopper_id, seq, kind, product_id, value, query, occurred_at, stored_at)
    SELECT uuid, shopper_id, seq, kind, product_id, value, query, occurred_at, now()
    FROM numbered ORDER BY shopper_id, seq
    RETURNING shopper_id, seq
), counted AS (
    SELECT shopper_id, max(seq) AS seq FROM stored GROUP BY shopper_id
), raised AS (
    UPDATE accounts_shopper SET last_seq = counted.seq FROM counted
    WHERE accounts_shopper.id = counted.shopper_id
)
SELECT count(*) FROM stored
"""


def store_interactions(rows: Iterable[BulkInteraction]) -> int:
    """Stores those that are not known yet, in one transaction, each shopper's by time; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE bulk_interaction ON COMMIT DROP AS"
            f" SELECT {COLUMNS} FROM recs_interaction WITH NO DATA"
        )
        with cursor.copy(f"COPY bulk_interaction ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "int8", "int2", "int8", "float8", "varchar", "timestamptz"])
            for row in rows:
                copy.write_row(
                    (
                        row.uuid,
                        row.shopper_id,
                        row.kind,
                        row.product_id,
                        row.value,
                        row.query,
                        row.occurred_at,
                    )
                )
        cursor.execute("ANALYZE bulk_interaction")
        cursor.execute(LOCK)
        cursor.execute(STORE)
        stored = int(cursor.fetchone()[0])
        cursor.execute("DROP TABLE bulk_interaction")
    if stored > 10_000:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE recs_interaction, accounts_shopper")
    return stored
