"""Products without a category find their shelf."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.models import Category
from catalog.online_retail.categories import SHELVES, example_phrases, shelf_of
from catalog.online_retail.load import load_categories
from recs import categories
from recs.categories import categorise_products
from recs.content import encode_content
from recs.models import ProductContent
from tests.factories import ProductFactory


class PhraseEncoder:
    """Each phrase a direction of its own."""

    def encode(self, phrases: list[str]) -> np.ndarray:
        return np.eye(len(phrases), dtype=np.float32)


def direction(phrase: str) -> list[float]:
    phrases, _ = example_phrases()
    return np.eye(len(phrases), dtype=np.float32)[phrases.index(phrase)].tolist()


def test_shelves_have_names_and_addresses_of_their_own():
    assert 18 <= len(SHELVES) <= 24
    assert len({shelf.slug for shelf in SHELVES}) == len({shelf.name for shelf in SHELVES}) == len(SHELVES)


def test_no_phrase_stands_for_two_shelves():
    phrases, owner = example_phrases()

    assert len(phrases) == len(owner) == len(set(phrases))


def test_the_nearest_example_decides_unless_a_shelf_agrees_more():
    examples = np.eye(6, dtype=np.float32)
    owner = np.array([0, 0, 0, 1, 1, 1])
    single = np.array([0.5, 0.0, 0.0, 0.4, 0.1, 0.1])
    agreed = np.array([0.5, 0.0, 0.0, 0.48, 0.48, 0.48])

    # 0.75 · 0.5 + 0.25 · 0.5 / 3 = 0.417 against 0.35 and 0.48.
    assert shelf_of(np.stack([single, agreed]), examples, owner).tolist() == [0, 1]


@pytest.mark.django_db
def test_only_products_without_a_category_get_one(monkeypatch):
    monkeypatch.setattr(categories, "text_encoder", PhraseEncoder)
    load_categories()
    loose = ProductFactory(category=None)
    chosen = ProductFactory(category=Category.objects.get(slug="toys"))
    unread = ProductFactory(category=None)
    for product in (loose, chosen):
        ProductContent.objects.create(product=product, text=direction("teapot"), text_hash="made")

    assert categorise_products() == 1
    assert categorise_products() == 0

    for product in (loose, chosen, unread):
        product.refresh_from_db()
    assert loose.category.slug == "mugs-and-tea"
    assert chosen.category.slug == "toys"
    assert unread.category is None


@pytest.mark.django_db
def test_a_shop_with_shelves_of_its_own_keeps_its_products_where_they_are(monkeypatch):
    monkeypatch.setattr(categories, "text_encoder", PhraseEncoder)
    product = ProductFactory(category=None)
    ProductContent.objects.create(product=product, text=direction("teapot"), text_hash="made")

    assert categorise_products() == 0


@pytest.mark.slow
@pytest.mark.django_db
def test_real_names_find_the_shelf_that_a_shopkeeper_would_choose():
    load_categories()
    expected = {
        "Jumbo bag red retrospot": "bags",
        "White hanging heart tea light holder": "candles",
        "Alarm clock bakelike pink": "clocks-mirrors",
        "Set of 60 pantry design cake cases": "kitchen",
        "Diamante hair grip pack of 2 ruby": "jewellery",
        "Wooden advent calendar cream": "christmas",
        "Party bunting": "party",
        "Folding umbrella red/white polkadot": "umbrellas",
        "Playing cards keep calm and carry on": "toys",
        "Travel sewing kit": "craft",
        "Hand warmer owl design": "wellbeing",
        "Regency tea plate roses": "mugs-and-tea",
    }
    for name in expected:
        ProductFactory(name=name, category=None)
    encode_content()

    assert categorise_products() == len(expected)

    found = dict(ProductContent.objects.values_list("product__name", "product__category__slug"))
    assert found == expected
