"""A shop made of numbers: products in clusters, shoppers who like a few of them, a model version."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from accounts.identity import token_digest
from accounts.models import Shopper
from catalog.models import Category, Product, product_slug
from recs.engine.interactions import FloatArray, IntArray, Kind
from recs.models import Interaction

SEED = 20261124
CLUSTERS = 50
LIKED_CLUSTERS = 3
SPREAD = 0.7
"""Length of the noise around a cluster's centre: a product is nearer to its own centre (cosine 0.82 in the
mean) than to another's, and clusters still touch."""
HISTORY = 30
"""Interactions of each shopper: the median customer of the demo's shop bought 35 different products."""
KINDS = (Kind.VIEW, Kind.VIEW, Kind.CLICK, Kind.CART_ADD, Kind.PURCHASE)
BATCH = 5_000


@dataclass(frozen=True)
class SyntheticShop:
    """What the load needs to know of it. ``query_vectors`` float32 ``[shoppers, dimension]``, unit length."""

    product_count: int
    product_ids: list[int]
    codes: list[str]
    slugs: list[str]
    shopper_ids: list[int]
    tokens: list[str]
    token_digests: list[str]
    version_id: int
    query_vectors: FloatArray


def clustered_vectors(count: int, dimension: int, *, seed: int = SEED) -> tuple[FloatArray, IntArray]:
    """Unit vectors float32 ``[count, dimension]`` around ``CLUSTERS`` centres, and the cluster of each."""
    rng = np.random.default_rng(seed)
    centres = _unit(rng.standard_normal((CLUSTERS, dimension)))
    cluster = rng.integers(CLUSTERS, size=count)
    noise = rng.standard_normal((count, dimension)) * (SPREAD / np.sqrt(dimension))
    return _unit(centres[cluster] + noise), cluster


def _unit(vectors: np.ndarray) -> FloatArray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _products(count: int, cluster: IntArray, now: datetime) -> list[Product]:
    categories = Category.objects.bulk_create(
        Category(name=f"Shelf {number}", slug=f"shelf-{number}", position=number)
        for number in range(CLUSTERS)
    )
    rng = np.random.default_rng(SEED + 1)
    ages = rng.integers(1, 400, size=count)
    prices = rng.integers(50, 5_000, size=count)
    names = [f"Product {number} of shelf {cluster[number]}" for number in range(count)]
    Product.objects.bulk_create(
        (
            Product(
                code=f"B{number:07}",
                name=names[number],
                slug=product_slug(names[number]),
                category=categories[cluster[number]],
                price=Decimal(int(prices[number])) / 100,
                # One in twenty is sold out: the filters have something to do.
                stock=0 if number % 20 == 19 else 100,
                created_at=now - timedelta(days=int(ages[number])),
            )
            for number in range(count)
        ),
        batch_size=BATCH,
    )
    return list(Product.objects.order_by("code"))


def _shoppers(count: int) -> tuple[list[Shopper], list[str]]:
    tokens = [f"benchmark-{number}" for number in range(count)]
    now = datetime.now(UTC)
    shoppers = Shopper.objects.bulk_create(
        (Shopper(token_digest=token_digest(token), last_seq=HISTORY, last_seen_at=now) for token in tokens),
        batch_size=BATCH,
    )
    return shoppers, tokens


def _histories(shoppers: list[Shopper], products: list[Product], cluster: IntArray, now: datetime) -> None:
    """Each shopper draws from a few clusters; the newest interaction is an hour old."""
    rng = np.random.default_rng(SEED + 2)
    members = [np.flatnonzero(cluster == number) for number in range(CLUSTERS)]
    filled = [number for number in range(CLUSTERS) if len(members[number])]
    rows = []
    for shopper in shoppers:
        liked = rng.choice(filled, size=min(LIKED_CLUSTERS, len(filled)), replace=False)
        pool = np.concatenate([members[number] for number in liked])
        for seq, item in enumerate(rng.choice(pool, size=HISTORY), start=1):
            kind = KINDS[int(rng.integers(len(KINDS)))]
            occurred_at = now - timedelta(hours=HISTORY - seq + 1)
            rows.append(
                Interaction(
                    shopper=shopper, seq=seq, kind=int(kind), product=products[item], occurred_at=occurred_at
                )
            )
    Interaction.objects.bulk_create(rows, batch_size=BATCH)
