"""Step 1 of the nightly path: the shop's history as the engine's columns, split by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.conf import settings

from recs.engine.interactions import POSITIVE_KINDS, IntArray, Items, Kind
from recs.engine.splits import TimeSplit, split_by_time
from recs.history import Export, export_interactions
from recs.product_vectors import content_items

LEAST_TARGETS = 20
"""Held-out targets below which no comparison means anything: the shop is told to wait for more history."""


class NotEnoughHistory(Exception):
    """Nothing can be trained or judged yet; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """``items`` row i is the product ``product_ids[i]``."""

    split: TimeSplit
    items: Items
    product_ids: IntArray
    shopper_ids: IntArray
    interactions: int


def load_dataset(*, seed: int) -> Dataset:
    """Exports, splits and joins content. Raises NotEnoughHistory."""
    export = export_interactions()
    _require_history(export)
    split = split_by_time(export.interactions, longest=settings.HISTORY_LENGTH, seed=seed)
    if len(split.test) < LEAST_TARGETS:
        raise NotEnoughHistory(
            f"only {len(split.test)} shoppers with a history wanted something new in the newest tenth of all"
            f" interactions; {LEAST_TARGETS} are needed to compare models"
        )
    return Dataset(
        split=split,
        items=content_items(export.product_ids.tolist()),
        product_ids=export.product_ids,
        shopper_ids=export.shopper_ids,
        interactions=len(export.interactions),
    )


def _require_history(export: Export) -> None:
    positive = np.isin(export.interactions.kind, POSITIVE_KINDS)
    if not positive.any():
        names = ", ".join(Kind(kind).name.lower() for kind in POSITIVE_KINDS)
        raise NotEnoughHistory(f"no interaction of the kinds {names} is stored yet")
