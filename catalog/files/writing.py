"""Rows into a CSV, JSON lines or Parquet file, which is there whole or not at all."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.files.cells import Problem
from catalog.files.reading import FileError, format_of

BATCH = 10_000


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], *, schema: pa.Schema) -> int:
    """One row per mapping, by the columns of the schema; returns how many. Raises FileError."""
    form = format_of(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if form == "parquet":
            count = _write_parquet(partial, rows, schema)
        else:
            opener = gzip.open if path.suffix.lower() == ".gz" else open
            with opener(partial, "wt", encoding="utf-8", newline="") as file:
                write = _write_csv if form == "csv" else _write_json
                count = write(file, rows, schema)
        partial.replace(path)
    except OSError as failure:
        raise FileError(f"{path}: cannot be written: {failure.strerror or failure}") from failure
    finally:
        partial.unlink(missing_ok=True)
    return count


def write_problems(path: Path, problems: Iterable[Problem]) -> int:
    """The report of an import, as a CSV."""
    schema = pa.schema(
        [("row", pa.int64()), ("line", pa.int64()), ("field", pa.string()), ("detail", pa.string())]
    )
    rows = ({"row": one.row, "line": one.line, "field": one.field, "detail": one.detail} for one in problems)
    return write_table(path, rows, schema=schema)


def _write_csv(file: IO[str], rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(schema.names)
    return _count(rows, lambda row: writer.writerow([_plain(row[name]) for name in schema.names]))


def _write_json(file: IO[str], rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> int:
    def write(row: Mapping[str, Any]) -> None:
        values = {name: row[name] for name in schema.names}
        file.write(json.dumps(values, ensure_ascii=False, default=_plain) + "\n")

    return _count(rows, write)


def _write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> int:
    with pq.ParquetWriter(path, schema) as writer:
        batch: list[Mapping[str, Any]] = []

        def add(row: Mapping[str, Any]) -> None:
            batch.append(row)
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch.clear()

        count = _count(rows, add)
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return count


def _count(rows: Iterable[Mapping[str, Any]], write: Callable[[Mapping[str, Any]], Any]) -> int:
    count = 0
    for row in rows:
        write(row)
        count += 1
    return count


def _plain(value: Any) -> Any:
    """As CSV and JSON show it: times in ISO 8601, prices by their digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return "" if value is None else value
