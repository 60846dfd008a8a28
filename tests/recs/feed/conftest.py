"""A small shop whose model has learnt its shelves."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.models import Product
from recs.models import ModelVersion
from recs.popularity import refresh_popularity
from tests.recs.feed.serving import PER_SHELF
from tests.recs.small_shop import make_histories, make_shelves, publish_model, unit


@pytest.fixture
def shelves() -> list[list[Product]]:
    """Three shelves with a history of purchases, each shopper's from one shelf."""
    made = make_shelves(3, PER_SHELF)
    make_histories(made, shoppers=12, length=6)
    refresh_popularity()
    return made


@pytest.fixture
def model(shelves, artifacts) -> ModelVersion:
    """Products of one shelf lie close together."""
    rng = np.random.default_rng(5)
    centres = np.repeat(np.eye(8)[:3], PER_SHELF, axis=0)
    placed = unit(centres + 0.1 * rng.standard_normal(centres.shape))
    return publish_model([product for shelf in shelves for product in shelf], vectors=placed)
