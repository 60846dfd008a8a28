"""A small shop for tests of vectors and of the nightly path: rows that are made in milliseconds."""

from datetime import UTC, datetime, timedelta

import numpy as np
from scipy import sparse

from accounts.models import Shopper
from catalog.models import Product
from recs.content_items import content_items
from recs.engine.interactions import FloatArray, Items, Kind
from recs.engine.recommender import Budget
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig
from recs.history import export_interactions
from recs.models import Interaction, ModelVersion, ProductContent
from recs.nightly import publish
from recs.nightly.dataset import Dataset
from recs.registry import ActiveVersion, version_for_serving
from tests.factories import CategoryFactory, ProductFactory

DIMENSION = 8
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTES = 0.05
"""Three seconds of training: shelves are learnt in less."""


def make_products(count: int, *, text: FloatArray | None = None) -> list[Product]:
    """Products of one category; ``text`` float32 [count, t]: their content vectors."""
    category = CategoryFactory()
    products = [ProductFactory(category=category) for _ in range(count)]
    if text is not None:
        ProductContent.objects.bulk_create(
            ProductContent(product=product, text=vector.tolist(), text_hash="made")
            for product, vector in zip(products, text, strict=True)
        )
    return products


def make_shelves(shelves: int, per_shelf: int) -> list[list[Product]]:
    """Products whose content says which shelf they stand on: one hot, with a little of their own."""
    rng = np.random.default_rng(1)
    shelf = np.repeat(np.arange(shelves), per_shelf)
    text = np.eye(shelves)[shelf] + 0.05 * rng.standard_normal((len(shelf), shelves))
    products = make_products(len(shelf), text=unit(text))
    return [products[start : start + per_shelf] for start in range(0, len(products), per_shelf)]


def make_histories(
    shelves: list[list[Product]], *, shoppers: int, length: int, days: int = 60
) -> list[Shopper]:
    """Each shopper buys from one shelf only, one product at a time, spread over the days before NOW."""
    rng = np.random.default_rng(2)
    known = Shopper.objects.bulk_create(Shopper(last_seq=length) for _ in range(shoppers))
    rows = []
    for place, shopper in enumerate(known):
        shelf = shelves[place % len(shelves)]
        moments = np.sort(rng.random(length)) * days
        for seq, item in enumerate(rng.permutation(len(shelf))[:length], start=1):
            rows.append(
                Interaction(
                    shopper=shopper,
                    product=shelf[item],
                    kind=int(Kind.PURCHASE),
                    seq=seq,
                    occurred_at=NOW - timedelta(days=days - float(moments[seq - 1])),
                )
            )
    Interaction.objects.bulk_create(rows)
    return known


def untrained_model(items: Items, vectors: FloatArray, *, trained: int | None = None) -> Transformer:
    """A model whose items lie where ``vectors`` [items, d] says; the first ``trained`` of them were learnt."""
    dimension = vectors.shape[1]
    model = Transformer(user=UserTowerConfig(dimension=dimension, layers=1, heads=1, longest=10), members=1)
    model.build(items, seed=3)
    model.vectors = vectors.astype(np.float16).astype(np.float32)
    model.fallback = np.zeros(len(vectors), dtype=np.float32)
    model.trained = np.arange(len(vectors)) < (len(vectors) if trained is None else trained)
    return model


def following(products: int) -> ItemKnn:
    """A recommender after whose item i comes item i + 1, and after that i + 2; after the last the first."""
    places = np.arange(products)
    near, far = np.roll(np.eye(products), 1, axis=1), np.roll(np.eye(products), 2, axis=1)
    model = ItemKnn()
    model.popular = (products - places).astype(np.float32)
    model.neighbours = sparse.csr_matrix((near + 0.5 * far).astype(np.float32))
    model.decay = 0.25
    return model


def build_model(
    products: list[Product],
    *,
    vectors: FloatArray | None = None,
    trained: int | None = None,
    best: ScoringRecommender | None = None,
) -> tuple[ModelVersion, Transformer]:
    """A version that is ready, with random vectors unless told, and the model in it."""
    product_ids = np.array([product.pk for product in products], dtype=np.int64)
    placed = random_vectors(len(products)) if vectors is None else vectors
    items = content_items(product_ids.tolist())
    model = untrained_model(items, placed, trained=trained)
    dataset = Dataset(
        split=None, items=items, product_ids=product_ids, shopper_ids=product_ids, interactions=0
    )
    version = publish.build_version(model=model, dataset=dataset, metrics={}, config={}, best=best)
    publish.mark_ready(version)
    return version, model


def publish_model(products: list[Product], **options: object) -> ActiveVersion:
    """An active version, as requests see it."""
    version, _ = build_model(products, **options)
    publish.activate(version)
    return version_for_serving(version)


def publish_trained_model() -> tuple[ActiveVersion, Transformer, list[int]]:
    """An active version that learnt from the interactions there are; the model, and the products' keys in its order."""
    export = export_interactions()
    items = content_items(export.product_ids.tolist())
    model = Transformer(
        user=UserTowerConfig(dimension=16, layers=2, heads=2, longest=20, dropout=0.1),
        training=TrainingConfig(batch=16, learning_rate=5e-3, epochs=30),
    )
    # Its epochs end it: were it seconds, a busy machine would make another model.
    model.fit(export.interactions, items, budget=Budget(seconds=600), seed=5)
    dataset = Dataset(
        split=None,
        items=items,
        product_ids=export.product_ids,
        shopper_ids=export.shopper_ids,
        interactions=len(export.interactions),
    )
    version = publish.build_version(model=model, dataset=dataset, metrics={}, config={})
    publish.mark_ready(version)
    publish.activate(version)
    return version_for_serving(version), model, export.product_ids.tolist()


def random_vectors(count: int, dimension: int = DIMENSION, *, seed: int = 4) -> FloatArray:
    return unit(np.random.default_rng(seed).standard_normal((count, dimension)))


def unit(vectors: np.ndarray) -> FloatArray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def status(version) -> str:
    return ModelVersion.objects.get(name=version.name).status
