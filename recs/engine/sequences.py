"""Benchmark files in the format of S3-Rec: one line a user, ``user item item …`` in the order of time."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recs.engine.interactions import HeldOut, History, IntArray, Interactions, Items, Kind

WHOLE = re.compile(r"-?[0-9]{1,30}")
"""What is a number to us: Python would take signs of other scripts and underscores, too."""
SHORTEST = 3
"""Items of a user that a test, a validation and at least one training item need."""


class SequenceFileError(ValueError):
    """A file that cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class SequenceData:
    """``sequences[u]``: dense item numbers in the order of time, drawn at random; ``items`` with attributes where
    given."""

    name: str
    sequences: list[IntArray]
    items: Items


@dataclass(frozen=True, slots=True)
class LeaveLastOut:
    """The last item of each user is the test, the one before it the validation, the rest is training."""

    training: Interactions
    validation: HeldOut
    test: HeldOut


def read_sequences(path: Path, attributes: Path | None = None) -> SequenceData:
    """Reads a file and, where given, the items' attributes. Raises SequenceFileError."""
    codes: list[list[int]] = []
    users: set[str] = set()
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        bad = next((word for word in words[1:] if not WHOLE.fullmatch(word)), None)
        if bad is not None:
            raise SequenceFileError(f"{path}, line {number}: item {bad[:40]!r} is not a whole number")
        row = [int(word) for word in words[1:]]
        if not row:
            raise SequenceFileError(
                f"{path}, line {number}: a user without items; expected `user item item …`"
            )
        outside = next((code for code in row if not 0 <= code < 2**62), None)
        if outside is not None:
            raise SequenceFileError(
                f"{path}, line {number}: item {str(outside)[:40]}: an id lies from 0 to 2^62"
            )
        if words[0] in users:
            raise SequenceFileError(
                f"{path}, line {number}: user {words[0][:40]} stands twice; expected once"
            )
        users.add(words[0])
        codes.append(row)
    if not codes:
        raise SequenceFileError(f"{path} holds no user; expected lines of `user item item …`")
    known = np.unique(np.concatenate([np.array(row, dtype=np.int64) for row in codes]))
    # Files are often numbered in the order in which items come up, so that neighbours in number are neighbours in a
    # history. Numbers drawn at random tell nothing, and so neither does the order of equal scores.
    drawn = np.random.default_rng(0).permutation(len(known))
    sequences = [drawn[np.searchsorted(known, np.array(row, dtype=np.int64))] for row in codes]
    if max(len(row) for row in sequences) < SHORTEST:
        raise SequenceFileError(f"{path}: no user has {SHORTEST} items, so nothing can be held out")
    by_number = known[np.argsort(drawn)]
    items = _with_attributes(attributes, by_number) if attributes else Items(count=len(known))
    return SequenceData(path.name.split(".")[0], sequences, items)


def leave_last_out(data: SequenceData) -> LeaveLastOut:
    """Users with fewer than three items take part in training only."""
    held = [row for row in data.sequences if len(row) >= SHORTEST]
    training = [row[:-2] if len(row) >= SHORTEST else row for row in data.sequences]
    return LeaveLastOut(
        training=_interactions(training, data.items.count),
        validation=_held_out([row[:-2] for row in held], [row[-2] for row in held]),
        test=_held_out([row[:-1] for row in held], [row[-1] for row in held]),
    )


def _held_out(before: list[IntArray], target: list[np.int64]) -> HeldOut:
    return HeldOut(
        histories=[History.of_items(row) for row in before],
        targets=[np.array([item], dtype=np.int64) for item in target],
        # By the protocol a target that stands in the history already is a miss for every recommender.
        exclude=before,
    )


def _interactions(rows: list[IntArray], item_count: int) -> Interactions:
    item = np.concatenate(rows)
    size = len(item)
    return Interactions(
        user=np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        item=item,
        kind=np.full(size, int(Kind.PURCHASE), dtype=np.int64),
        time=np.zeros(size, dtype=np.int64),
        value=np.full(size, np.nan, dtype=np.float32),
        user_count=len(rows),
        item_count=item_count,
    )


def _with_attributes(path: Path, known: IntArray) -> Items:
    text = _text(path)
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise SequenceFileError(f"{path} is not JSON: {failure}") from failure
    if not isinstance(table, dict):
        raise SequenceFileError(f"{path}: expected an object {{item: [attribute id, …]}}")
    rows = []
    for code in known:
        row = table.get(str(code), [])
        if not isinstance(row, list) or not all(type(value) is int and 0 <= value < 2**62 for value in row):
            raise SequenceFileError(
                f"{path}: item {code}: expected a list of whole numbers from 0 to 2^62, got {str(row)[:60]}"
            )
        rows.append(row)
    if not any(rows):
        raise SequenceFileError(
            f"{path}: of its {len(table):,} items none that has an attribute is one of the sequences; expected their"
            f' ids as keys, such as "{known.min()}"'
        )
    flat = np.array([value for row in rows for value in row], dtype=np.int64)
    _, dense = np.unique(flat, return_inverse=True)
    return Items(
        count=len(known),
        attribute_ids=dense.astype(np.int64),
        attribute_offsets=np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
    )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except FileNotFoundError:
        raise SequenceFileError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as failure:
        why = failure.strerror if isinstance(failure, OSError) and failure.strerror else failure
        raise SequenceFileError(f"{path} cannot be read, expected text or gzip: {why}") from failure
    except UnicodeDecodeError as failure:
        raise SequenceFileError(f"{path} is not text: {failure.reason} at byte {failure.start}") from failure
