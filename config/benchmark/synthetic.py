"""A shop made of numbers: products in clusters, shoppers who like a few of them, a model version."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from django.conf import settings
from django.db import connection

from accounts.identity import token_digest
from accounts.models import Shopper
from catalog.models import Category, Product, product_slug
from recs.content_items import content_items
from recs.engine.content import unit
from recs.engine.interactions import FloatArray, IntArray, Kind
from recs.engine.recommenders.transformer import Transformer
from recs.engine.splits import split_by_time
from recs.history import export_interactions
from recs.models import Interaction, ModelVersion
from recs.nightly import publish
from recs.nightly.dataset import Dataset
from recs.popularity import refresh_popularity
from recs.vectors import from_binary

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


def fill(*, products: int, shoppers: int) -> SyntheticShop:
    """Fills an empty database and publishes a model version; everything follows from ``SEED``."""
    now = datetime.now(UTC)
    vectors, cluster = clustered_vectors(products, Transformer().dimension)
    stocked = _products(products, cluster, now)
    known, tokens = _shoppers(shoppers)
    _histories(known, stocked, cluster, now)
    refresh_popularity()
    version = publish_vectors(vectors)
    with connection.cursor() as cursor:
        # The statistics that a shop of some age has: autovacuum would come at a moment of its own.
        cursor.execute("ANALYZE")
    return SyntheticShop(
        product_count=products,
        product_ids=[product.pk for product in stocked],
        codes=[product.code for product in stocked],
        slugs=[product.slug for product in stocked],
        shopper_ids=[shopper.pk for shopper in known],
        tokens=tokens,
        token_digests=[token_digest(token) for token in tokens],
        version_id=version.pk,
        query_vectors=_shopper_vectors(version),
    )


def publish_vectors(vectors: FloatArray) -> ModelVersion:
    """Publishes a model that was never trained, through the nightly path's own functions.

    Its towers are as large and as slow as trained ones; products lie where ``vectors`` says, in the order
    of their keys.
    """
    export = export_interactions()
    items = content_items(export.product_ids.tolist())
    model = Transformer()
    model.build(items, seed=SEED)
    model.vectors = vectors
    model.fallback = np.zeros(len(vectors), dtype=np.float32)
    model.trained = np.ones(len(vectors), dtype=bool)
    dataset = Dataset(
        split=split_by_time(export.interactions, longest=settings.HISTORY_LENGTH, seed=SEED),
        items=items,
        product_ids=export.product_ids,
        shopper_ids=export.shopper_ids,
        interactions=len(export.interactions),
    )
    version = publish.build_version(model=model, dataset=dataset, metrics={}, config={})
    publish.mark_ready(version)
    publish.embed_shoppers(version)
    publish.activate(version)
    return version


def _shopper_vectors(version: ModelVersion) -> FloatArray:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT halfvec_send(vector) FROM recs_shoppervector WHERE version_id = %s LIMIT 1000",
            [version.pk],
        )
        return from_binary([row[0] for row in cursor.fetchall()], version.dimension)


def clustered_vectors(count: int, dimension: int, *, noise_seed: int = SEED) -> tuple[FloatArray, IntArray]:
    """Unit vectors float32 ``[count, dimension]`` around ``CLUSTERS`` centres, and the cluster of each.

    The centres are always the same: with another ``noise_seed`` come other vectors of the same clusters.
    """
    centres = unit(np.random.default_rng(SEED).standard_normal((CLUSTERS, dimension)))
    rng = np.random.default_rng(noise_seed)
    cluster = rng.integers(CLUSTERS, size=count)
    noise = rng.standard_normal((count, dimension)) * (SPREAD / np.sqrt(dimension))
    return unit(centres[cluster] + noise), cluster


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
