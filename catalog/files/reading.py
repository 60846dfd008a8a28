"""Rows of a CSV, JSON lines or Parquet file, one after the other, numbered as its owner counts them."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""By ending; the first two may be followed by .gz."""
LONGEST_LINE = 4 * 1024 * 1024
"""Bytes: no row of a shop is longer, so a longer one is no file of lines."""
DELIMITERS = (",", ";", "\t")
BATCH = 10_000


class FileError(ValueError):
    """The file as a whole cannot be read: nothing was imported."""


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` from 1, headers not counted; ``line`` of the file, None in Parquet; ``problem`` if no cells."""

    number: int
    line: int | None
    cells: dict[str, Any]
    problem: str = ""


class TableFile:
    """A file whose columns are known by name, in any order."""

    def __init__(self, path: Path, *, columns: Collection[str], required: Collection[str]) -> None:
        """Raises FileError for an ending that stands for no format, or a file that is not there."""
        self.path = path
        self.columns = tuple(columns)
        self.required = tuple(required)
        self.format = format_of(path)
        if not path.is_file():
            raise FileError(f"{path}: there is no such file")
        self._size = max(1, path.stat().st_size)
        self._read = 0.0

    @property
    def done(self) -> float:
        """How much of the file was read, 0 … 1."""
        return min(1.0, self._read)

    def rows(self) -> Iterator[Row]:
        """Raises FileError, which names what is wrong with the columns or where the file is broken."""
        self._read = 0.0
        if self.format == "parquet":
            yield from self._parquet_rows()
            return
        try:
            with contextlib.ExitStack() as opened:
                raw = opened.enter_context(self.path.open("rb"))
                packed = self.path.suffix.lower() == ".gz"
                lines = self._lines(opened.enter_context(gzip.open(raw)) if packed else raw, raw)
                yield from self._csv_rows(lines) if self.format == "csv" else self._json_rows(lines)
        except (gzip.BadGzipFile, EOFError, zlib.error) as failure:
            raise FileError(f"{self.path}: cannot be unpacked: {failure}") from failure
        except OSError as failure:
            raise FileError(f"{self.path}: cannot be read: {failure.strerror or failure}") from failure

    def _lines(self, stream: BinaryIO | gzip.GzipFile, raw: BinaryIO) -> Iterator[str]:
        """Bytes that are no UTF-8 come as lone surrogates, so that the cell that holds them can be named."""
        first = True
        for line in iter(lambda: stream.readline(LONGEST_LINE + 1), b""):
            if len(line) > LONGEST_LINE:
                raise FileError(f"{self.path}: a line is longer than {LONGEST_LINE:,} bytes")
            if first and line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise FileError(f"{self.path}: is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
            self._read = raw.tell() / self._size
            yield line.decode("utf-8-sig" if first else "utf-8", errors="surrogateescape")
            first = False

    def _csv_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        header = next(lines, "")
        delimiter = max(DELIMITERS, key=header.count)
        reader = csv.reader(_chain(header, lines), delimiter=delimiter, strict=True)
        try:
            names = [name.strip() for name in next(reader, [])]
            self._check_columns(names)
            number, line = 0, reader.line_num
            for cells in reader:
                begun, line = line + 1, reader.line_num
                if not any(cells):
                    continue
                number += 1
                if len(cells) == len(names):
                    yield Row(number, begun, dict(zip(names, cells, strict=True)))
                else:
                    problem = f"has {len(cells)} cells, but the header names {len(names)} columns"
                    yield Row(number, begun, {}, problem)
        except csv.Error as failure:
            raise FileError(f"{self.path}: is broken at line {reader.line_num}: {failure}") from failure

    def _json_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        number = 0
        for line, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            number += 1
            try:
                cells = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
            except (ValueError, RecursionError) as failure:
                yield Row(number, line, {}, f"is no JSON: {str(failure)[:120]}")
                continue
            if not isinstance(cells, dict):
                yield Row(number, line, {}, "must be a JSON object, {…}")
                continue
            unknown = sorted(set(cells) - set(self.columns))
            problem = (
                f"has unknown fields: {_names(unknown)}; known: {_names(self.columns)}" if unknown else ""
            )
            yield Row(number, line, cells, problem)
        if not number:
            raise FileError(f"{self.path}: is empty: expected one JSON object a line")

    def _parquet_rows(self) -> Iterator[Row]:
        try:
            with pq.ParquetFile(self.path) as file:
                self._check_columns(file.schema_arrow.names)
                number, total = 0, max(1, file.metadata.num_rows)
                for batch in file.iter_batches(BATCH):
                    for cells in _micros(batch).to_pylist():
                        number += 1
                        yield Row(number, None, cells)
                    self._read = number / total
        except (pa.ArrowException, OSError, ValueError) as failure:
            if isinstance(failure, FileError):
                raise
            raise FileError(f"{self.path}: is no Parquet file that can be read: {failure}") from failure

    def _check_columns(self, names: list[str]) -> None:
        if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
            raise FileError(f"{self.path}: is not UTF-8: save it as UTF-8 (in Excel: CSV UTF-8)")
        unknown = [name for name in names if name not in self.columns]
        missing = [name for name in self.required if name not in names]
        twice = sorted({name for name in names if names.count(name) > 1})
        for what, wrong in (("unknown", unknown), ("missing", missing), ("repeated", twice)):
            if wrong:
                raise FileError(
                    f"{self.path}: {what} columns: {_names(wrong)};"
                    f" expected: {_names(self.columns)}, of which needed: {_names(self.required)}"
                )


def format_of(path: Path) -> str:
    """``csv``, ``jsonl`` or ``parquet``. Raises FileError."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    ending = Path(name.removesuffix(".gz")).suffix
    form = FORMATS.get(ending)
    if form is None or (packed and form == "parquet"):
        raise FileError(f"{path}: its name must end with {', '.join(FORMATS)} (or .csv.gz, .jsonl.gz)")
    return form


def _micros(batch: pa.RecordBatch) -> pa.Table:
    """Times in nanoseconds become microseconds: Python's know nothing finer."""
    table = pa.Table.from_batches([batch])
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            micros = table.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(place, column.name, micros)
    return table


def _chain(header: str, lines: Iterator[str]) -> Iterator[str]:
    yield header
    yield from lines


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _names(names: Collection[str]) -> str:
    """As they stand, but nothing that a terminal would obey."""
    return ", ".join(name if name.isprintable() and name else repr(name) for name in names)
