"""Interactions from anybody's CSV, JSON lines or Parquet file: checked in a first reading, stored in a second.

A file may hold more rows than memory: of the good rows only their ids are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from accounts.models import Shopper
from catalog.files import cells
from catalog.files.cells import CellError, Cells, Problem
from catalog.files.reading import TableFile
from catalog.models import Product
from recs.bulk import BulkInteraction, store_interactions
from recs.engine.interactions import Kind
from recs.ingest.entries import AHEAD, KINDS, QUERY_LENGTH

COLUMNS = {
    "id": "UUID; the same id of one shopper is stored once (default: made from the row's other cells)",
    "shopper": "needed; the shop's customer number, made if it is new, or the UUID of a known shopper",
    "kind": f"needed; one of {', '.join(KINDS)}",
    "product": "the product's code; needed but for a search",
    "query": "of a search: what was searched for, up to 200 characters",
    "occurred_at": "needed; ISO 8601, such as 2026-11-24T09:30:00Z; without an offset it counts as UTC",
    "value": "of a rating: its stars, 1 to 5, needed; of a purchase: the quantity (default: 1); else empty",
}
"""What each means, as the command's help shows it."""
REQUIRED = ("shopper", "kind", "occurred_at")
NAMESPACE = UUID("0f7c52a4-6b0e-4f3a-9a55-3f0b1f6f6f0e")
"""Of ids made from rows; changing it would store every row of an earlier import again."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""What the engine counts seconds from; an earlier time is a date that some program could not read."""


@dataclass(frozen=True, slots=True)
class FileInteraction:
    """A good row, with codes as the file has them; ``own_id`` False: ``uuid`` was made from the row."""

    row: int
    uuid: UUID
    own_id: bool
    shopper: str
    kind: Kind
    product: str
    query: str
    occurred_at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    """``rows`` of the file, how many are ``good``, how many of those ``repeated`` an earlier one to the letter."""

    problems: list[Problem]
    rows: int
    good: int
    repeated: int
    shoppers: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredFile:
    stored: int
    new_shoppers: int


def check_interactions(path: Path, *, say: Callable[[float], None] | None = None) -> Checked:
    """Reads the file and stores nothing. Raises FileError. ``say(done in 0 … 1)``."""
    reading = _Reading(path)
    seen: dict[tuple[str, UUID], int] = {}
    shoppers: set[str] = set()
    good = repeated = 0
    for one in reading.interactions(say):
        first = seen.setdefault((one.shopper, one.uuid), one.row)
        if first == one.row:
            shoppers.add(one.shopper)
            good += 1
        elif one.own_id:
            reading.refuse_id(one, first)
        else:
            good += 1
            repeated += 1
    return Checked(reading.problems, reading.rows, good, repeated, frozenset(shoppers))


def store_file(path: Path, checked: Checked, *, say: Callable[[float], None] | None = None) -> StoredFile:
    """Stores the good rows that are not known yet, in one transaction. Raises FileError."""
    reading = _Reading(path)
    with transaction.atomic():
        known = _shopper_keys(checked.shoppers)
        fresh = sorted(checked.shoppers - set(known))
        Shopper.objects.bulk_create(
            [Shopper(code=code) for code in fresh], ignore_conflicts=True, batch_size=2_000
        )
        stored = store_interactions(_rows(reading, known | _shopper_keys(fresh), say))
    return StoredFile(stored=stored, new_shoppers=len(fresh))


def _rows(
    reading: _Reading, shoppers: dict[str, int], say: Callable[[float], None] | None
) -> Iterator[BulkInteraction]:
    """Each interaction once; asks the database for nothing, which is busy with the COPY that they go into."""
    seen: set[tuple[str, UUID]] = set()
    for one in reading.interactions(say):
        if (one.shopper, one.uuid) in seen:
            continue
        seen.add((one.shopper, one.uuid))
        yield BulkInteraction(
            uuid=one.uuid,
            shopper_id=shoppers[one.shopper],
            kind=int(one.kind),
            product_id=reading.products[one.product] if one.product else None,
            value=one.value,
            query=one.query,
            occurred_at=one.occurred_at,
        )


class _Reading:
    """One pass through the file, with the products that the shop had when it began."""

    def __init__(self, path: Path) -> None:
        self._file = TableFile(path, columns=COLUMNS, required=REQUIRED)
        self._latest = timezone.now() + AHEAD
        self.products: dict[str, int] = dict(Product.objects.values_list("code", "pk"))
        self.problems: list[Problem] = []
        self.rows = 0
        self._line: int | None = None

    def interactions(self, say: Callable[[float], None] | None) -> Iterator[FileInteraction]:
        for row in self._file.rows():
            self.rows = row.number
            if say and row.number % 2_000 == 0:
                say(self._file.done)
            self._line = row.line
            reader = Cells(row, self.problems)
            if row.problem:
                continue
            one = self._interaction(reader, row.number)
            if reader.good:
                yield one

    def refuse_id(self, one: FileInteraction, first: int) -> None:
        detail = f"is {one.uuid} as in row {first}: an id comes once"
        self.problems.append(Problem(one.row, self._line, "id", detail))

    def _interaction(self, reader: Cells, row: int) -> FileInteraction:
        kind = reader.read("kind", _kind, None, required=True)
        shopper = reader.read("shopper", _shopper, "", required=True)
        occurred_at = reader.read("occurred_at", self._moment, self._latest, required=True)
        is_search = kind is Kind.SEARCH
        product = reader.read("product", self._product, "", required=kind is not None and not is_search)
        if is_search and product:
            reader.refuse("product", "must be empty: a search has a query instead")
        query = reader.read("query", partial(cells.text, longest=QUERY_LENGTH), "", required=is_search)
        if query and kind is not None and not is_search:
            reader.refuse("query", "must be empty: only a search has one")
        value = _value(reader, kind)
        own = reader.read("id", _uuid, None)
        content = (shopper, kind and int(kind), product, query, occurred_at.isoformat(), value)
        return FileInteraction(
            row=row,
            uuid=own or uuid5(NAMESPACE, repr(content)),
            own_id=own is not None,
            shopper=shopper,
            kind=kind or Kind.VIEW,
            product=product,
            query=query,
            occurred_at=occurred_at,
            value=value,
        )

    def _moment(self, value: Any) -> datetime:
        moment = cells.moment(value)
        if moment < EARLIEST:
            raise CellError(f"is {moment:%Y-%m-%d}: must be 1970 or later")
        if moment > self._latest:
            raise CellError("lies ahead: an interaction has happened, give its time with its offset from UTC")
        return moment

    def _product(self, value: Any) -> str:
        code = cells.text(value, longest=64)
        if code not in self.products:
            raise CellError(f"is {code}: there is no such product; import products first")
        return code


def _value(reader: Cells, kind: Kind | None) -> float | None:
    if kind is Kind.RATING:
        stars = "must be the stars of the rating, from 1 to 5"
        return reader.read(
            "value", partial(cells.number, expected=stars, least=1, most=5), None, required=True
        )
    if kind is Kind.PURCHASE:
        quantity = "must be the quantity bought, above 0 and up to 1,000,000"
        return reader.read("value", partial(cells.number, expected=quantity, above=0, most=1e6), 1.0)
    if kind is not None and reader.read("value", _anything, "") != "":
        reader.refuse("value", "must be empty: only a rating and a purchase have one")
    return None


def _anything(value: Any) -> Any:
    return value


def _kind(value: Any) -> Kind | None:
    name = value.strip().lower() if isinstance(value, str) else ""
    if name not in KINDS:
        raise CellError(f"must be one of {', '.join(KINDS)}")
    return KINDS[name]


def _shopper(value: Any) -> str:
    return cells.text(value, longest=64)


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else UUID(bytes=value)
    except (ValueError, TypeError):
        raise CellError("must be a UUID, such as 5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e") from None


def _shopper_keys(words: frozenset[str] | list[str]) -> dict[str, int]:
    """Primary keys by what the file calls a shopper: the UUID of a known one, else the customer number."""
    wanted = list(words)
    keys = dict(Shopper.objects.filter(code__in=wanted).values_list("code", "pk"))
    named: dict[UUID, list[str]] = {}
    for word in wanted:
        with suppress(ValueError):
            named.setdefault(UUID(word), []).append(word)
    by_uuid = Shopper.objects.filter(uuid__in=list(named)).values_list("uuid", "pk")
    return {str(code): pk for code, pk in keys.items()} | {
        word: pk for uuid, pk in by_uuid for word in named[uuid]
    }
