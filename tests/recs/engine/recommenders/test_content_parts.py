"""What items are made of, as unit vectors."""

import numpy as np
import pytest

from recs.engine.interactions import Items
from recs.engine.recommenders.content_parts import content_vectors, part_shapes


def made_of(*attributes: list[int]) -> Items:
    return Items(
        count=len(attributes),
        attribute_ids=np.array([number for some in attributes for number in some], dtype=np.int64),
        attribute_offsets=np.cumsum([0, *map(len, attributes)]),
    )


def test_numbers_that_no_item_has_take_no_column():
    """A shop's attributes are numbered by a hash, with gaps."""
    far, near = made_of([3, 1900], [1900], [7]), made_of([0, 2], [2], [1])

    vectors = content_vectors(far, part_shapes(far))["attributes"]

    assert vectors.shape == (3, 3)
    assert vectors == pytest.approx(content_vectors(near, part_shapes(near))["attributes"])


def test_what_training_has_not_met_is_left_out():
    shapes = part_shapes(made_of([3, 1900], [7]))

    vectors = content_vectors(made_of([5, 7], [1901], []), shapes)["attributes"]

    assert np.abs(vectors).sum(axis=1) == pytest.approx([1.0, 0.0, 0.0])
