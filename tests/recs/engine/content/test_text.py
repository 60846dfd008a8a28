"""Texts by the packaged MiniLM. Slow: importing it takes seconds."""

from __future__ import annotations

import numpy as np
import pytest

from recs.engine.content.text import TextEncoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


def test_vectors_are_unit_length_and_in_the_order_of_the_texts(encoder):
    texts = ["Lunch bag with a very long name that comes last when sorted by length", "Mug", "Jumbo bag", ""]

    found = encoder.encode(texts)

    assert found.shape == (4, 384)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    for place, text in enumerate(texts):
        np.testing.assert_allclose(found[place], encoder.encode([text])[0], atol=1e-4)


def test_a_lunch_bag_is_more_like_a_bag_than_like_a_clock(encoder):
    lunch, jumbo, clock = encoder.encode(["Lunch bag", "Jumbo bag", "Alarm clock"])

    assert lunch @ jumbo > lunch @ clock


def test_progress_ends_at_one(encoder):
    seen: list[float] = []

    encoder.encode(["Mug"] * 70, progress=seen.append)

    assert seen == [64 / 70, 1.0]


def test_no_texts_are_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_the_vocabulary_is_whole_words(encoder):
    vocabulary = encoder.vocabulary()

    assert 15_000 < len(vocabulary) < 30_000
    assert {"mug", "bag"} <= set(vocabulary)
    assert not any(word.startswith("##") for word in vocabulary)
