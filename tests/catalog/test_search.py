"""Full text: stemmed words, names before descriptions."""

import pytest

from catalog.search import full_text
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


def found(query: str) -> list[str]:
    return [product.code for product in full_text(query)]


def test_a_name_ranks_above_a_description():
    ProductFactory(code="described", name="Tote", description="a lunch bag")
    ProductFactory(code="named", name="Lunch bag")
    ProductFactory(code="other", name="Tea cup")

    assert found("lunch bags") == ["named", "described"]


def test_all_words_must_match_unless_one_is_optional_or_excluded():
    ProductFactory(code="red", name="Red bag")
    ProductFactory(code="blue", name="Blue bag")

    assert found("red bag") == ["red"]
    assert found("red or blue") == ["blue", "red"]
    assert found("bag -red") == ["blue"]


@pytest.mark.parametrize("query", ["", "the", "'", '"', "&|!:*()", "a\x00b", "\ud800", "-", "x" * 10_000])
def test_any_text_is_a_query(query: str):
    ProductFactory(name="Lunch bag")

    assert found(query) == []
