"""Search queries by a table of words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from recs.engine.content.query import QueryEncoder, QueryTableMissing, distil, words

VECTORS = {"red": (1, 0, 0), "mug": (0, 1, 0), "tea": (0, 0, 1), "pot": (0, 1, 1), "of": (1, 1, 1)}


class WordEncoder:
    """Each word by VECTORS, else (1, 0, 0); notes what it was asked."""

    def __init__(self, name: str = "made") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, inputs: Sequence[str], *, progress: Callable[[float], None] | None = None) -> np.ndarray:
        self.asked += inputs
        found = [VECTORS.get(word, (1, 0, 0)) for word in inputs]
        return np.array(found, dtype=np.float32).reshape(len(inputs), 3)


def table(folder: Path, corpus: Sequence[str] = ()) -> QueryEncoder:
    distil(WordEncoder(), VECTORS, corpus, folder)
    return QueryEncoder(folder)


def test_words_are_lower_case_letters_and_digits():
    assert words("Red TEA-pot, 3 tier!") == ["red", "tea", "pot", "3", "tier"]


def test_a_query_is_the_unit_mean_of_its_words(tmp_path):
    found = table(tmp_path).encode("Red mug")

    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.70710678, 0.70710678, 0], rtol=1e-6)


def test_words_that_every_product_has_count_less(tmp_path):
    found = table(tmp_path, corpus=["red"] * 99 + ["mug"]).encode("red mug")

    assert found is not None
    # 0.01 / (0.01 + 0.99) for red, 0.01 / (0.01 + 0.01) for mug.
    assert found[0] / found[1] == pytest.approx(0.01 / 0.5, rel=1e-4)


def test_unknown_words_are_passed_over(tmp_path):
    encoder = table(tmp_path)

    np.testing.assert_array_equal(encoder.encode("red xylophone"), encoder.encode("red"))
    assert encoder.encode("xylophone") is None
    assert encoder.encode("") is None
    assert encoder.encode("茶 !") is None


def test_an_unknown_word_is_read_by_the_known_ones_that_it_is_made_of(tmp_path):
    encoder = table(tmp_path)

    np.testing.assert_array_equal(encoder.encode("teapots"), encoder.encode("tea pot"))
    assert encoder.encode("teaxyzw") is None


def test_the_shops_own_words_are_in_the_table(tmp_path):
    encoder = table(tmp_path, corpus=["Retrospot mug"])

    assert encoder.covers("made", ["retrospot tea"])
    assert not encoder.covers("made", ["retrospot kettle"])
    assert not encoder.covers("another", ["mug"])


def test_only_new_words_are_encoded_again(tmp_path):
    table(tmp_path)
    encoder = WordEncoder()

    distil(encoder, VECTORS, ["retrospot mug"], tmp_path)
    assert encoder.asked == ["retrospot"]

    other = WordEncoder("another")
    distil(other, VECTORS, [], tmp_path)
    assert sorted(other.asked) == sorted(VECTORS)


def test_without_a_table_it_says_so(tmp_path):
    with pytest.raises(QueryTableMissing):
        QueryEncoder(tmp_path)


def test_a_table_that_was_half_written_is_none(tmp_path):
    table(tmp_path)
    (tmp_path / "words.json").unlink()

    with pytest.raises(QueryTableMissing):
        QueryEncoder(tmp_path)


def test_a_disk_that_is_full_leaves_the_older_table(tmp_path, monkeypatch):
    table(tmp_path)

    def full(path: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        distil(WordEncoder(), VECTORS, ["retrospot mug"], tmp_path)

    assert QueryEncoder(tmp_path).covers("made", ["red"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors.npy", "words.json"]


def test_reading_queries_imports_neither_torch_nor_transformers():
    code = (
        "import sys, recs.engine.content.query; "
        "sys.exit(' '.join({'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""
    assert done.returncode == 0
