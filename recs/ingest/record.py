"""Stores what shoppers do. Every interaction of the shop passes through this file, whoever reports it.

The shopper's row is locked first, so that the interactions of one shopper are numbered without gaps or
collisions, and ``Shopper.last_seq`` grows in the transaction that stores them.
"""

import uuid as uuids
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind
from recs.wake import wake_worker


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """An interaction before it is stored; ``occurred_at`` None means the time of storing.

    ``product_id`` is a primary key. ``recommendation`` is the id of the served feed that it came from: kept
    if that was served to this shopper, or before one was known, so that nobody's clicks count for another's.
    ``value``: the stars (1 to 5) of a rating, the quantity of a purchase, else None.
    """

    kind: Kind
    product_id: int | None = None
    value: float | None = None
    query: str = ""
    recommendation: uuids.UUID | None = None
    occurred_at: datetime | None = None
    uuid: uuids.UUID = field(default_factory=uuids.uuid4)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: rows stored, rows that were known already, the shopper's number now.

    ``seq`` is None for a batch of several shoppers.
    """

    stored: int
    duplicates: int
    seq: int | None


# The shopper's row is locked by a statement before this one, so its snapshot holds every interaction that
# was numbered before. ON CONFLICT is for bulk imports, which store without the lock.
STORE = """
WITH entry AS (
    SELECT DISTINCT ON (uuid) * FROM unnest(
        %s::uuid[], %s::smallint[], %s::bigint[], %s::float8[], %s::text[], %s::uuid[], %s::timestamptz[]
    ) WITH ORDINALITY AS e (uuid, kind, product_id, value, query, recommendation, occurred_at, position)
    ORDER BY uuid, position
), fresh AS (
    SELECT entry.*, served.uuid AS served, row_number() OVER (ORDER BY position) AS number
    FROM entry LEFT JOIN recs_recommendation served
        ON served.uuid = entry.recommendation AND coalesce(served.shopper_id, %s) = %s
    WHERE NOT EXISTS (
        SELECT FROM recs_interaction known WHERE known.shopper_id = %s AND known.uuid = entry.uuid
    )
), stored AS (
    INSERT INTO recs_interaction
        (shopper_id, seq, uuid, kind, product_id, value, query, recommendation, occurred_at, stored_at)
    SELECT %s, %s + number, uuid, kind, product_id, value, query, served, occurred_at, %s
    FROM fresh ORDER BY number
    ON CONFLICT (shopper_id, uuid) DO NOTHING
    RETURNING seq
), counted AS (
    SELECT count(*) AS stored, max(seq) AS seq FROM stored
), numbered AS (
    UPDATE accounts_shopper SET last_seq = counted.seq FROM counted
    WHERE accounts_shopper.id = %s AND counted.stored > 0
)
SELECT stored, seq FROM counted
"""


def record_interactions(*, shopper: Shopper, interactions: Sequence[NewInteraction]) -> Stored:
    """Stores each interaction once, in the order given, all or nothing, and wakes the worker on commit.

    Raises Shopper.DoesNotExist if the shopper was erased meanwhile, and IntegrityError, at the latest on
    commit, if a product was.
    """
    now = timezone.now()
    with transaction.atomic():
        seq = lock_shopper(shopper)
        with connection.cursor() as cursor:
            cursor.execute(
                STORE,
                [
                    [entry.uuid for entry in interactions],
                    [int(entry.kind) for entry in interactions],
                    [entry.product_id for entry in interactions],
                    [entry.value for entry in interactions],
                    [entry.query for entry in interactions],
                    [entry.recommendation for entry in interactions],
                    [entry.occurred_at or now for entry in interactions],
                    *[shopper.pk] * 4,
                    seq,
                    now,
                    shopper.pk,
                ],
            )
            stored, last = cursor.fetchone()
        if stored:
            seq = last
            transaction.on_commit(lambda: wake_worker([shopper.pk]))
    shopper.last_seq = seq
    return Stored(stored=stored, duplicates=len(interactions) - stored, seq=seq)


def record_purchase(
    *,
    shopper: Shopper,
    lines: Iterable[tuple[Product, int, uuids.UUID | None]],
    occurred_at: datetime | None = None,
) -> Stored:
    """Stores one purchase per line of (product, quantity, recommendation that led to it)."""
    return record_interactions(
        shopper=shopper,
        interactions=[
            NewInteraction(
                kind=Kind.PURCHASE,
                product_id=product.pk,
                value=float(quantity),
                recommendation=recommendation,
                occurred_at=occurred_at,
            )
            for product, quantity, recommendation in lines
        ],
    )


def remove_interaction(*, shopper: Shopper, uuid: uuids.UUID) -> bool:
    """Takes one interaction out of the shopper's history; whether there was such a one.

    ``last_seq`` grows, so the vector that still knows of it counts as behind.
    """
    with transaction.atomic():
        seq = lock_shopper(shopper)
        removed, _ = shopper.interactions.filter(uuid=uuid).delete()
        if removed:
            seq += 1
            Shopper.objects.filter(pk=shopper.pk).update(last_seq=seq)
            transaction.on_commit(lambda: wake_worker([shopper.pk]))
    shopper.last_seq = seq
    return bool(removed)


def lock_shopper(shopper: Shopper) -> int:
    """Locks the shopper's row until the transaction ends; returns ``last_seq``.

    Raises Shopper.DoesNotExist. NO KEY: a feed that is logged for the same shopper need not wait.
    """
    return (
        Shopper.objects.select_for_update(no_key=True).values_list("last_seq", flat=True).get(pk=shopper.pk)
    )
