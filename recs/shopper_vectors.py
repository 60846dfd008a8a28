"""Shoppers in the space of a model version: encoded from their history, stored with the number they are as of.

A vector whose ``seq`` is the shopper's ``last_seq`` has seen all they did. The worker keeps it so within
milliseconds; a feed that comes first encodes by itself; the sweep finds what Redis lost. An older encoding
never replaces a newer one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.models import Shopper
from recs.engine.artifact import ArtifactError
from recs.engine.interactions import FloatArray
from recs.history import VectorHistory, vector_histories
from recs.registry import ActiveVersion, load_encoder
from recs.vectors import from_binary, to_text

if TYPE_CHECKING:
    from recs.engine.transformer.ensemble import UserTowers
    from recs.engine.transformer.left_out import LeftOut

logger = logging.getLogger(__name__)

BATCH = 128
"""Shoppers encoded at once: larger batches pad more and gain nothing on one thread."""


@dataclass(frozen=True, slots=True)
class EncodedShopper:
    """``vector`` float32 [d], None for a shopper without a usable history; ``seq`` is what it has seen."""

    vector: FloatArray | None
    seq: int


def fresh_vector(*, shopper: Shopper, version: ActiveVersion) -> EncodedShopper:
    """The shopper's vector as of their newest interaction, encoded here if the worker has not yet."""
    stored = _stored(shopper.pk, version)
    if stored is not None:
        return stored
    began = time.monotonic()
    encoded = encode(shopper_ids=[shopper.pk], version=version).get(shopper.pk)
    if encoded is None:
        return EncodedShopper(None, 0)
    _keep(encoded, shopper, version, began)
    return encoded


def fresh_history(*, shopper: Shopper, version: ActiveVersion) -> tuple[EncodedShopper, VectorHistory | None]:
    """As ``fresh_vector``, with the history that the vector is of: both are read in one statement.

    None for a shopper who is gone.
    """
    began = time.monotonic()
    histories = vector_histories(shopper_ids=[shopper.pk], version=version, length=_length(version))
    history = histories.get(shopper.pk)
    if history is None:
        return EncodedShopper(None, 0), None
    if history.encoded is not None:
        return EncodedShopper(_known(history.encoded), history.seq), history
    encoded = _encoded(histories, version)[shopper.pk]
    _keep(encoded, shopper, version, began)
    return encoded, history


def without_each_product(*, history: VectorHistory, version: ActiveVersion) -> LeftOut:
    """The shopper with and without each product of a history of at least one. Raises ArtifactError."""
    tower = load_encoder(version)
    return tower.left_out(history.product_ids, history.vectors, history.kinds, history.times, history.values)


def _keep(encoded: EncodedShopper, shopper: Shopper, version: ActiveVersion, began: float) -> None:
    """Stores what was encoded inline if it can be; warns where that took long since ``began``."""
    try:
        with transaction.atomic():
            store({shopper.pk: encoded}, version=version)
    except DatabaseError:
        logger.warning(
            "the vector of shopper %s was not stored; the feed goes on", shopper.uuid, exc_info=True
        )
    spent = 1000 * (time.monotonic() - began)
    if spent > settings.FEED_ENCODE_BUDGET_MS:
        logger.warning(
            "encoding inline took %.0f ms, the budget is %d", spent, settings.FEED_ENCODE_BUDGET_MS
        )


def encode_shoppers(*, shopper_ids: Sequence[int], version: ActiveVersion) -> int:
    """Encodes and stores these shoppers, in batches; returns how many were encoded."""
    done = 0
    for start in range(0, len(shopper_ids), BATCH):
        encoded = encode(shopper_ids=shopper_ids[start : start + BATCH], version=version)
        store(encoded, version=version)
        done += len(encoded)
    return done


def encode(*, shopper_ids: Sequence[int], version: ActiveVersion) -> dict[int, EncodedShopper]:
    """Reads the histories and encodes them in one pass; who is gone is missing."""
    longest = min(settings.HISTORY_LENGTH, load_encoder(version).config.longest)
    histories = vector_histories(shopper_ids=shopper_ids, version=version, length=longest)
    return _encoded(histories, version)


def _encoded(histories: Mapping[int, VectorHistory], version: ActiveVersion) -> dict[int, EncodedShopper]:
    tower = load_encoder(version)
    found = [history for history in histories.values() if len(history)]
    vectors = encode_histories(found, tower=tower) if found else np.zeros((0, version.dimension))
    encoded = {
        history.shopper_id: EncodedShopper(_known(vector), history.seq)
        for history, vector in zip(found, vectors, strict=True)
    }
    for history in histories.values():
        encoded.setdefault(history.shopper_id, EncodedShopper(None, history.seq))
    return encoded


def encode_histories(histories: Sequence[VectorHistory], *, tower: UserTowers) -> FloatArray:
    """float32 [histories, d] of histories that have at least one interaction."""
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    shape = (len(histories), int(lengths.max()))
    vectors = np.zeros((*shape, histories[0].vectors.shape[1]), dtype=np.float32)
    kinds = np.zeros(shape, dtype=np.int64)
    times = np.zeros(shape, dtype=np.int64)
    values = np.full(shape, np.nan, dtype=np.float32)
    for row, history in enumerate(histories):
        size = len(history)
        vectors[row, :size] = history.vectors
        kinds[row, :size] = history.kinds
        times[row, :size] = history.times
        values[row, :size] = history.values
    return tower.encode(vectors, kinds, times, values, lengths)


def store(encoded: dict[int, EncodedShopper], *, version: ActiveVersion) -> None:
    """Never over a newer one. A shopper without a history gets zeros, which stand for "nothing known"."""
    nothing = np.zeros(version.dimension, dtype=np.float32)
    rows = [
        (shopper_id, version.id, one.seq, to_text(nothing if one.vector is None else one.vector))
        for shopper_id, one in sorted(encoded.items())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            # A shopper or a version that went meanwhile takes its row along, without an error.
            "INSERT INTO recs_shoppervector (shopper_id, version_id, seq, vector, updated_at)"
            " SELECT shopper.id, version.id, row.seq, row.vector, now()"
            " FROM (VALUES (%s::bigint, %s::bigint, %s::bigint, %s::halfvec))"
            "   AS row (shopper_id, version_id, seq, vector)"
            " JOIN accounts_shopper shopper ON shopper.id = row.shopper_id"
            " JOIN recs_modelversion version ON version.id = row.version_id"
            " ON CONFLICT (shopper_id, version_id) DO UPDATE"
            " SET seq = excluded.seq, vector = excluded.vector, updated_at = excluded.updated_at"
            " WHERE recs_shoppervector.seq < excluded.seq",
            rows,
        )


def forget_vectors_of(*, product_ids: Sequence[int], version: ActiveVersion) -> int:
    """Takes away the vectors of all who dealt with these products, which had no place when those were encoded.

    They count as behind again: the next feed or sweep encodes them anew. Returns how many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM recs_shoppervector WHERE version_id = %s AND shopper_id IN"
            " (SELECT shopper_id FROM recs_interaction WHERE product_id = ANY(%s))",
            [version.id, list(product_ids)],
        )
        return int(cursor.rowcount)


def dirty_shoppers(*, version: ActiveVersion, limit: int) -> list[int]:
    """Shoppers who did something since their vector was encoded, or have none in this version; newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shopper.id FROM accounts_shopper shopper"
            " LEFT JOIN recs_shoppervector stored"
            "   ON stored.shopper_id = shopper.id AND stored.version_id = %s"
            " WHERE shopper.last_seq > coalesce(stored.seq, 0)"
            " ORDER BY shopper.last_seen_at DESC NULLS LAST, shopper.id LIMIT %s",
            [version.id, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def numbers_of(shopper_ids: Sequence[int]) -> dict[int, int]:
    """``last_seq`` by shopper; who is gone is missing."""
    return dict(Shopper.objects.filter(pk__in=shopper_ids).values_list("pk", "last_seq"))


def _stored(shopper_id: int, version: ActiveVersion) -> EncodedShopper | None:
    """The stored vector if it is fresh, read in one statement together with ``last_seq``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shopper.last_seq, halfvec_send(stored.vector) FROM accounts_shopper shopper"
            " JOIN recs_shoppervector stored ON stored.shopper_id = shopper.id AND stored.version_id = %s"
            " WHERE shopper.id = %s AND stored.seq >= shopper.last_seq",
            [version.id, shopper_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    vector = from_binary([row[1]], version.dimension)[0]
    return EncodedShopper(_known(vector), row[0])


def _known(vector: FloatArray) -> FloatArray | None:
    """Zeros stand for "nothing known"."""
    return vector if vector.any() else None


def _length(version: ActiveVersion) -> int:
    """Interactions that the tower reads; without its files, a stored vector serves all the same."""
    try:
        return min(settings.HISTORY_LENGTH, load_encoder(version).config.longest)
    except (ArtifactError, OSError):
        return int(settings.HISTORY_LENGTH)
