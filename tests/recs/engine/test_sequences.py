"""Benchmark files: read, split, and refused with the line that is wrong."""

import gzip
import json
from pathlib import Path

import pytest

from recs.engine.sequences import SequenceFileError, leave_last_out, read_sequences

LINES = "1 10 20 30 40\n2 20 30 50\n3 40 10\n"


def test_the_last_item_is_the_test_and_the_one_before_the_validation(tmp_path: Path):
    path = tmp_path / "Tiny.txt"
    path.write_text(LINES)

    split = leave_last_out(read_sequences(path))

    # Items 10, 20, 30, 40, 50 become 0 … 4. The third user has too few items: training only.
    assert [row.item.tolist() for row in split.test.histories] == [[0, 1, 2], [1, 2]]
    assert [row.tolist() for row in split.test.targets] == [[3], [4]]
    assert [row.item.tolist() for row in split.validation.histories] == [[0, 1], [1]]
    assert [row.tolist() for row in split.validation.targets] == [[2], [2]]
    assert split.training.item.tolist() == [0, 1, 1, 3, 0]
    assert split.training.user.tolist() == [0, 0, 1, 2, 2]
    assert [row.tolist() for row in split.test.exclude] == [[0, 1, 2], [1, 2]]


def test_gzip_and_attributes_are_read(tmp_path: Path):
    path, attributes = tmp_path / "Tiny.txt.gz", tmp_path / "attributes.json.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    attributes.write_bytes(gzip.compress(json.dumps({"10": [7, 9], "30": [9]}).encode()))

    items = read_sequences(path, attributes).items

    assert items.attribute_ids.tolist() == [0, 1, 1]
    assert items.attribute_offsets is not None
    assert items.attribute_offsets.tolist() == [0, 2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 10 x 30\n", "line 1: item 'x' is not a whole number"),
        ("1 10 20 30\n2\n", "line 2: a user without items"),
        ("1 10 20 30\n1 10 20 30\n", "line 2: user 1 stands twice"),
        ("1 10 -20 30\n", "line 1: item ids must lie between"),
        ("", "holds no user"),
        ("1 10 20\n", "no user has 3 items"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str):
    path = tmp_path / "bad.txt"
    path.write_text(text)

    with pytest.raises(SequenceFileError, match=said):
        read_sequences(path)


def test_a_file_that_is_missing_or_cut_off_is_refused(tmp_path: Path):
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(LINES.encode())[:20])

    with pytest.raises(SequenceFileError, match="no such file"):
        read_sequences(tmp_path / "none.txt")
    with pytest.raises(SequenceFileError, match="cannot be read"):
        read_sequences(cut)
