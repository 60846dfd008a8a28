"""A small shop with a real, trained and published model, for tests of whole paths."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from accounts.models import Shopper
from catalog.models import Category, Product
from recs.bulk import BulkInteraction, store_interactions
from recs.engine.interactions import Kind
from recs.models import ShopperVector, TrainingRun
from recs.nightly.run import run_nightly
from recs.popularity import refresh_popularity
from tests.factories import CategoryFactory, ProductFactory

SHELVES = ("Lunch bag", "Candle", "Mug", "Garland")
PER_SHELF = 12
SHOPPERS = 160
ORDERS = 6
MINUTES = 0.03
"""A bound only: training on a thousand purchases ends by itself after some seconds."""


def stock_the_shop() -> dict[str, list[Product]]:
    """Shelves of products by the word that their names begin with, and shoppers who each keep to one shelf."""
    shelves = {}
    for word in SHELVES:
        category: Category = CategoryFactory(name=f"{word}s", slug=word.lower().replace(" ", "-"))
        shelves[word] = [
            ProductFactory(name=f"{word} number {number}", category=category) for number in range(PER_SHELF)
        ]
    _store_history(shelves)
    refresh_popularity()
    return shelves


def publish_a_model(seed: int = 7) -> TrainingRun:
    """The nightly path, as it is, on a small history."""
    run = run_nightly(minutes=MINUTES, seed=seed)
    assert run.status == TrainingRun.Status.PUBLISHED, run.reason
    return run


def stored_seq(shopper: Shopper) -> int:
    """Up to which interaction the shopper's stored vector has seen; -1 without one."""
    seqs = ShopperVector.objects.filter(shopper=shopper).values_list("seq", flat=True)
    return max(seqs, default=-1)


def has_seen(shopper: Shopper, seq: int) -> Callable[[], bool]:
    return lambda: stored_seq(shopper) >= seq


def _store_history(shelves: dict[str, list[Product]]) -> None:
    rng = np.random.default_rng(11)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    shoppers = Shopper.objects.bulk_create([Shopper(code=str(10_000 + number)) for number in range(SHOPPERS)])
    rows = []
    for number, shopper in enumerate(shoppers):
        products = shelves[SHELVES[number % len(SHELVES)]]
        chosen = rng.permutation(len(products))[:ORDERS]
        days = np.sort(rng.uniform(0, 180, size=ORDERS))
        rows += [
            BulkInteraction(
                uuid=UUID(int=number * 1000 + place + 1),
                shopper_id=shopper.pk,
                kind=int(Kind.PURCHASE),
                product_id=products[product].pk,
                value=1.0,
                query="",
                occurred_at=start + timedelta(days=float(days[place])),
            )
            for place, product in enumerate(chosen)
        ]
    store_interactions(rows)
