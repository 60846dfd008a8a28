"""Encodes batches of shoppers so that one bad history holds back nobody else's vector.

A history that fails is tried three times and then left alone until its shopper does something new. The count
is this process's own: it guards a worker's time, and a worker that starts anew may try again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from recs import shopper_vectors
from recs.registry import ActiveVersion

logger = logging.getLogger(__name__)

ATTEMPTS = 3
MOST = 10_000
"""Failures remembered; with more than that it is not the histories that are at fault."""

_failures: Counter[tuple[int, int, int]] = Counter()
"""By version, shopper and the number of their newest interaction."""


def encode_each(shopper_ids: Sequence[int], version: ActiveVersion) -> int:
    """Encodes all at once; if that fails one by one. Returns how many were encoded.

    Raises ArtifactError if the version's files cannot be read, DatabaseError if Postgres is away: then
    nobody's history is to blame, and the next sweep finds them all.
    """
    numbers = shopper_vectors.numbers_of(shopper_ids) if _failures else {}
    healthy = [one for one in shopper_ids if _failures[version.id, one, numbers.get(one, 0)] < ATTEMPTS]
    try:
        return shopper_vectors.encode_shoppers(shopper_ids=healthy, version=version)
    except (ValueError, RuntimeError):
        logger.exception("a batch of %d shoppers failed; each is tried alone", len(healthy))
    numbers = shopper_vectors.numbers_of(healthy)
    return sum(_encode_alone(one, numbers.get(one, 0), version) for one in healthy)


def _encode_alone(shopper_id: int, seq: int, version: ActiveVersion) -> int:
    try:
        return shopper_vectors.encode_shoppers(shopper_ids=[shopper_id], version=version)
    except (ValueError, RuntimeError):
        if len(_failures) >= MOST:
            _failures.clear()
        _failures[version.id, shopper_id, seq] += 1
        left = ATTEMPTS - _failures[version.id, shopper_id, seq]
        logger.exception("shopper %d cannot be encoded; attempts left: %d", shopper_id, left)
        return 0
