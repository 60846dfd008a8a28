"""Benchmark files: read, split, and refused with the line that is wrong."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from recs.engine.sequences import SequenceFileError, leave_last_out, read_sequences

LINES = "1 10 20 30 40\n2 20 30 50\n3 40 10\n"


def test_the_last_item_is_the_test_and_the_one_before_the_validation(tmp_path: Path):
    path = tmp_path / "Tiny.txt"
    path.write_text(LINES)

    data = read_sequences(path)
    split = leave_last_out(data)

    (ten, twenty, thirty, forty), fifty = data.sequences[0].tolist(), int(data.sequences[1][2])
    assert {ten, twenty, thirty, forty, fifty} == set(range(5))
    # The third user has too few items: training only.
    assert [row.item.tolist() for row in split.test.histories] == [[ten, twenty, thirty], [twenty, thirty]]
    assert [row.tolist() for row in split.test.targets] == [[forty], [fifty]]
    assert [row.item.tolist() for row in split.validation.histories] == [[ten, twenty], [twenty]]
    assert [row.tolist() for row in split.validation.targets] == [[thirty], [thirty]]
    assert split.training.item.tolist() == [ten, twenty, twenty, forty, ten]
    assert split.training.user.tolist() == [0, 0, 1, 2, 2]
    assert [row.tolist() for row in split.test.exclude] == [[ten, twenty, thirty], [twenty, thirty]]


def test_the_numbers_of_items_do_not_follow_their_codes(tmp_path: Path):
    path = tmp_path / "Long.txt"
    path.write_text("1 " + " ".join(str(code) for code in range(1_000)))

    numbers = read_sequences(path).sequences[0]

    assert sorted(numbers.tolist()) == list(range(1_000))
    assert abs(np.corrcoef(numbers, np.arange(1_000))[0, 1]) < 0.1


def test_gzip_and_attributes_are_read(tmp_path: Path):
    path, attributes = tmp_path / "Tiny.txt.gz", tmp_path / "attributes.json.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    attributes.write_bytes(gzip.compress(json.dumps({"10": [7, 9], "30": [9]}).encode()))

    data = read_sequences(path, attributes)

    offsets = data.items.attribute_offsets
    assert offsets is not None
    ten, _, thirty, _ = data.sequences[0].tolist()
    of_each = [data.items.attribute_ids[offsets[item] : offsets[item + 1]].tolist() for item in range(5)]
    assert (of_each[ten], of_each[thirty]) == ([0, 1], [1])
    assert len(data.items.attribute_ids) == 3


@pytest.mark.parametrize("bad", [10**30, -1, True, "7", 1.5])
def test_attributes_that_are_no_numbers_are_refused(tmp_path: Path, bad: object):
    path, attributes = tmp_path / "Tiny.txt", tmp_path / "attributes.json"
    path.write_text(LINES)
    attributes.write_text(json.dumps({"10": [7, bad]}))

    with pytest.raises(SequenceFileError, match="item 10: expected a list of whole numbers"):
        read_sequences(path, attributes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 10 x 30\n", "line 1: item 'x' is not a whole number"),
        ("1 10 --5 30\n", "line 1: item '--5' is not a whole number"),
        ("1 10 ² 30\n", "line 1: item '²' is not a whole number"),
        ("1 10 1_0 30\n", "line 1: item '1_0' is not a whole number"),
        (f"1 10 {'9' * 5000} 30\n", "line 1: item '9{40}' is not a whole number"),
        ("1 10 20 30\n2\n", "line 2: a user without items"),
        ("1 10 20 30\n1 10 20 30\n", "line 2: user 1 stands twice"),
        ("1 10 -20 30\n", "line 1: item -20: an id lies from 0"),
        ("", "holds no user"),
        ("1 10 20\n", "no user has 3 items"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str):
    path = tmp_path / "bad.txt"
    path.write_text(text)

    with pytest.raises(SequenceFileError, match=said):
        read_sequences(path)


@pytest.mark.parametrize("table", [{}, {"010": [7]}, {"77": [7]}, {"10": []}])
def test_attributes_of_none_of_the_items_are_refused(tmp_path: Path, table: dict):
    path, attributes = tmp_path / "Tiny.txt", tmp_path / "attributes.json"
    path.write_text("1 10 20 30\n")
    attributes.write_text(json.dumps(table))

    with pytest.raises(SequenceFileError, match='expected their ids as keys, such as "10"'):
        read_sequences(path, attributes)


def test_attributes_nested_without_end_are_refused(tmp_path: Path):
    path, attributes = tmp_path / "Tiny.txt", tmp_path / "attributes.json"
    path.write_text(LINES)
    attributes.write_text("[" * 100_000)

    with pytest.raises(SequenceFileError, match="is not JSON"):
        read_sequences(path, attributes)


def test_a_file_that_is_missing_or_cut_off_is_refused(tmp_path: Path):
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(LINES.encode())[:20])

    with pytest.raises(SequenceFileError, match="no such file"):
        read_sequences(tmp_path / "none.txt")
    with pytest.raises(SequenceFileError, match="cannot be read"):
        read_sequences(cut)
