from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recs.engine.content.query import distil
from recs.models import ProductContent
from recs.queries import table_folder
from recs.search import search_products
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db

MEANING = {
    "mug": [1.0, 0.0, 0.0],
    "cup": [0.95, 0.1, 0.0],
    "teacup": [0.9, 0.2, 0.0],
    "scarf": [0.0, 1.0, 0.0],
    "bag": [0.0, 0.0, 1.0],
}


@dataclass(frozen=True)
class WordTable:
    """An encoder of texts that knows five words; a text means the mean of its words."""

    name: str = "five words"

    def encode(self, inputs, *, progress=None):
        vectors = [
            np.mean(
                [MEANING[word] for word in text.lower().split() if word in MEANING] or [[0, 0, 0]], axis=0
            )
            for text in inputs
        ]
        return np.array(vectors, dtype=np.float32)


@pytest.fixture
def words_mean_something(artifacts: Path) -> None:
    distil(WordTable(), list(MEANING), list(MEANING), table_folder())


def product(name, *, means=None, **fields):
    made = ProductFactory(name=name, **fields)
    if means:
        vector = np.array(means) / np.linalg.norm(means)
        ProductContent.objects.create(product=made, text=vector.tolist(), text_hash="made")
    return made


def found(query, limit=10):
    return [match.product_id for match in search_products(query=query, limit=limit)]


def test_without_a_table_of_words_full_text_answers(artifacts):
    mug = product("Blue mug", means=MEANING["mug"])
    product("Teacup", means=MEANING["teacup"])

    assert found("mugs") == [mug.pk]


def test_what_means_the_same_is_found_after_what_says_the_same(words_mean_something):
    teacup = product("Teacup", means=MEANING["teacup"])
    mug = product("Blue mug", means=MEANING["mug"])
    product("Scarf", means=MEANING["scarf"])

    assert found("mug") == [mug.pk, teacup.pk]


def test_a_place_in_both_rankings_adds_up(words_mean_something):
    mug = product("Blue mug", means=MEANING["mug"])

    (match,) = search_products(query="mug", limit=10)

    assert (match.product_id, match.score) == (mug.pk, pytest.approx(2 / 61))


def test_a_query_that_means_nothing_in_the_shop_finds_nothing(words_mean_something):
    product("Scarf", means=MEANING["scarf"])

    assert found("bag") == []
    assert found("xyzzy") == []


@pytest.mark.parametrize("query", ['"blue cup"', "cup -blue"])
def test_quotes_and_a_minus_speak_of_words_not_of_meaning(query, words_mean_something):
    product("Blue mug", means=MEANING["mug"])

    assert found(query) == []
    assert found("cup") != []


def test_what_cannot_be_bought_is_not_found(words_mean_something):
    product("Red mug", means=MEANING["mug"], stock=0)
    product("Blue mug", means=MEANING["mug"], visible=False)

    assert found("mug") == []


def test_texts_that_another_encoder_read_are_found_by_their_words(words_mean_something):
    old = product("Blue mug", means=[1.0, 0.0, 0.0, 0.0])
    teacup = product("Teacup", means=MEANING["teacup"])

    assert sorted(found("mug")) == [old.pk, teacup.pk]


@pytest.mark.parametrize("query", ["", "   ", "\0", "the", "'", "&|!():*", "-", '"', "mug\0", "é" * 500])
def test_no_query_is_an_error(query, words_mean_something):
    product("Teapot")

    assert found(query) == []


def test_no_more_than_asked_for(words_mean_something):
    for _ in range(4):
        product("Blue mug", means=MEANING["mug"])

    assert len(found("mug", limit=3)) == 3
