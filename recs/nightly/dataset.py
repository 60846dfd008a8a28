"""Step 1 of the nightly path: the shop's history as the engine's columns, split by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.conf import settings

from recs.content_items import content_items
from recs.engine.interactions import POSITIVE_KINDS, IntArray, Items, Kind, wanted
from recs.engine.splits import TimeSplit, split_at, split_by_time
from recs.history import Export, export_interactions

LEAST_TARGETS = 20
"""Held-out targets below which no comparison means anything: the shop is told to wait for more history."""
TEST_SHARES = (0.1, 0.2, 0.3)
"""Shares of the newest interactions to hold out: the first that gives ENOUGH_TARGETS, else the last. A shop of
two weeks has too few returning shoppers in its newest tenth."""
ENOUGH_TARGETS = 200
VALIDATION_SHARE = 0.1
"""Of what is left before the held-out slice: chooses when training stops."""


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
    test_share: float = TEST_SHARES[0]


def load_dataset(*, seed: int, as_of: datetime | None = None, since: int | None = None) -> Dataset:
    """Exports what was stored until ``as_of``, splits it and joins content. Raises NotEnoughHistory.

    ``since``, seconds since the epoch: what came before is not held out. The champion has learnt from it, where older
    history was imported meanwhile or a larger part would be held out.
    """
    export = load_history(as_of=as_of)
    for share in TEST_SHARES:
        split = split_by_time(
            export.interactions,
            test_share=share,
            validation_share=VALIDATION_SHARE,
            longest=settings.HISTORY_LENGTH,
            seed=seed,
        )
        if len(split.test) >= ENOUGH_TARGETS:
            break
    if since is not None and split.test_from < since:
        split = split_at(
            export.interactions,
            since,
            validation_share=VALIDATION_SHARE,
            longest=settings.HISTORY_LENGTH,
            seed=seed,
        )
        share = round(float((export.interactions.time >= since).mean()), 3)
    if len(split.test) < LEAST_TARGETS:
        raise NotEnoughHistory(
            f"only {len(split.test)} shoppers with a history wanted something new in the newest {share:.0%} of"
            f" all interactions; {LEAST_TARGETS} are needed to compare models"
        )
    if len(np.unique(split.training.item)) < 2:
        raise NotEnoughHistory("fewer than two products have a history to learn from")
    return Dataset(
        split=split,
        items=content_items(export.product_ids.tolist()),
        product_ids=export.product_ids,
        shopper_ids=export.shopper_ids,
        interactions=len(export.interactions),
        test_share=share,
    )


def load_history(*, as_of: datetime | None = None) -> Export:
    """All that was stored until ``as_of``, for whoever splits it otherwise. Raises NotEnoughHistory."""
    export = export_interactions(as_of=as_of)
    _require_history(export)
    return export


def _require_history(export: Export) -> None:
    if not wanted(export.interactions.kind, export.interactions.value).any():
        names = ", ".join(Kind(kind).name.lower() for kind in POSITIVE_KINDS)
        raise NotEnoughHistory(f"no interaction of the kinds {names} is stored yet")
