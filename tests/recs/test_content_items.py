"""Products as the engine's columns."""

import numpy as np
import pytest

from recs.content_items import ATTRIBUTES, attribute_numbers, content_items
from tests.factories import ProductFactory


@pytest.mark.django_db
def test_attributes_are_the_same_numbers_whichever_products_are_asked_for():
    bag = ProductFactory(attributes={"colour": "pink", "for": ["school", "work"]})
    plain = ProductFactory(attributes={})
    purse = ProductFactory(attributes={"colour": "Pink"})

    items, alone = content_items([bag.pk, plain.pk, purse.pk]), content_items([purse.pk])

    assert np.diff(items.attribute_offsets).tolist() == [3, 0, 1]
    assert alone.attribute_ids.tolist() == items.attribute_ids[3:].tolist()
    assert alone.attribute_ids[0] in items.attribute_ids[:3]


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ({"weight": 0.35, "gift": True}, 2),
        ({"size": {"w": 1, "h": 2}}, 1),
        ({"colour": "", "for": [], "note": None}, 0),
        ("no object", 0),
        ({"colour": ["red", "red"]}, 1),
    ],
)
def test_whatever_an_attribute_is_it_has_a_number(attributes, count):
    numbers = attribute_numbers(attributes)

    assert len(numbers) == count
    assert all(0 <= number < ATTRIBUTES for number in numbers)
