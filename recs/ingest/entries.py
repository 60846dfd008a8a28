"""From JSON to interactions: every bad field of every entry is named, or all entries are good.

Written by hand, since a batch has up to 1,000 entries and an error says exactly where it is.
"""

import re
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.models import Shopper
from catalog.models import Product
from config.problems import FieldError, InvalidRequest, pointer
from recs.engine.interactions import Kind
from recs.ingest.record import NewInteraction

BATCH_LIMIT = 1_000
QUERY_LENGTH = 200
CODE_LENGTH = 64
AHEAD = timedelta(minutes=5)
"""How far ahead of ours a client's clock may be."""

KINDS = {kind.name.lower(): kind for kind in Kind}
SERVICE_KINDS = frozenset({Kind.PURCHASE, Kind.RATING})
"""What only the shop's own server knows to be true."""
FIELDS = frozenset({"id", "kind", "product", "query", "value", "occurred_at", "recommendation", "shopper"})

NOT_FOR_SHOPPERS = "Only a service token may name the shopper: leave it out."
UUID_EXPECTED = "must be a UUID, such as 5a1c7f0e-3b52-4c1e-9d86-0f4a6c1b2d3e."
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One valid interaction and the shopper it names, None for the one who asks."""

    interaction: NewInteraction
    shopper: uuids.UUID | None
    shopper_pointer: str = ""


def parse_entries(body: Any, *, now: datetime, is_service: bool) -> list[Entry]:
    """One object, or ``{"interactions": [...]}``. Raises InvalidRequest with every error.

    ``is_service`` allows purchases and ratings, and asks for the shopper. Costs one query, for the products.
    """
    objects, prefix, common_shopper = _objects(body, is_service=is_service)
    errors: list[FieldError] = []
    reader = _Reader(now=now, is_service=is_service, common_shopper=common_shopper, errors=errors)
    entries: list[Entry] = []
    codes: list[str | None] = []
    for index, raw in enumerate(objects):
        path: tuple[str | int, ...] = (*prefix, index) if prefix else ()
        if not isinstance(raw, Mapping):
            errors.append(FieldError(pointer(*path), f"must be an object, not {_name(raw)}."))
            continue
        entry, code = reader.read(raw, path)
        entries.append(entry)
        codes.append(code)
    wanted = {code for code in codes if code}
    known = dict(Product.objects.with_codes(wanted).values_list("code", "pk")) if wanted else {}
    if len(known) < len(wanted):
        for index, raw in enumerate(objects):
            code = raw.get("product") if isinstance(raw, Mapping) else None
            if isinstance(code, str) and code in wanted and code not in known:
                path = (*prefix, index) if prefix else ()
                errors.append(FieldError(pointer(*path, "product"), f"There is no product {code!r}."))
    if errors and prefix:
        errors.sort(key=lambda error: int(error.pointer.split("/")[2]))
    if errors:
        raise InvalidRequest(errors)
    return [
        replace(entry, interaction=replace(entry.interaction, product_id=known[code])) if code else entry
        for entry, code in zip(entries, codes, strict=True)
    ]


def named_shoppers(entries: list[Entry]) -> dict[uuids.UUID, Shopper]:
    """The shoppers that the entries name; raises InvalidRequest if one is unknown."""
    named = {entry.shopper for entry in entries if entry.shopper}
    shoppers: dict[uuids.UUID, Shopper] = Shopper.objects.in_bulk(named, field_name="uuid")
    unknown = {
        entry.shopper_pointer: FieldError(entry.shopper_pointer, f"There is no shopper {entry.shopper}.")
        for entry in entries
        if entry.shopper not in shoppers
    }
    if unknown:
        raise InvalidRequest(list(unknown.values()))
    return shoppers


def _objects(body: Any, *, is_service: bool) -> tuple[list[Any], tuple[str, ...], uuids.UUID | None]:
    """The raw entries, the pointer's beginning, and the shopper named once for all of them."""
    if not isinstance(body, Mapping):
        raise InvalidRequest(
            [FieldError("", f'must be an interaction or {{"interactions": […]}}, not {_name(body)}.')]
        )
    if "interactions" not in body:
        return [body], (), None
    errors = [
        FieldError(pointer(key), "is not a field here: it belongs into the entries of interactions.")
        for key in body
        if key not in ("interactions", "shopper")
    ]
    objects = body["interactions"]
    if not isinstance(objects, list):
        errors.append(FieldError("/interactions", f"must be a list, not {_name(objects)}."))
    elif not objects:
        errors.append(FieldError("/interactions", "must hold at least one interaction."))
    elif len(objects) > BATCH_LIMIT:
        errors.append(
            FieldError("/interactions", f"holds {len(objects)} interactions; at most {BATCH_LIMIT} may come.")
        )
    shopper = None
    if body.get("shopper") is not None:
        shopper = _as_uuid(body["shopper"])
        if not is_service:
            errors.append(FieldError("/shopper", NOT_FOR_SHOPPERS))
        elif shopper is None:
            errors.append(FieldError("/shopper", UUID_EXPECTED))
    if errors:
        raise InvalidRequest(errors)
    return objects, ("interactions",), shopper


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one object after the other and collects what is wrong with them."""

    now: datetime
    is_service: bool
    common_shopper: uuids.UUID | None
    errors: list[FieldError]

    def read(self, raw: Mapping[str, Any], path: tuple[str | int, ...]) -> tuple[Entry, str | None]:
        """The entry, without its product's key, and the product's code. Nonsense if an error was added."""
        for key in raw:
            if key not in FIELDS:
                self._bad(path, key, f"is not a field of an interaction: {', '.join(sorted(FIELDS))}.")
        kind = self._kind(raw, path)
        interaction = NewInteraction(
            kind=kind or Kind.VIEW,
            uuid=self._uuid(raw, path, "id", required=True) or uuids.UUID(int=0),
            query=self._query(raw, path, kind),
            value=self._value(raw, path, kind),
            recommendation=self._uuid(raw, path, "recommendation"),
            occurred_at=self._time(raw, path),
        )
        shopper = self._shopper(raw, path)
        shopper_path = ("shopper",) if raw.get("shopper") is None else (*path, "shopper")
        return Entry(interaction, shopper, pointer(*shopper_path)), self._product(raw, path, kind)

    def _bad(self, path: tuple[str | int, ...], key: str, detail: str) -> None:
        self.errors.append(FieldError(pointer(*path, key), detail))

    def _kind(self, raw: Mapping[str, Any], path: tuple[str | int, ...]) -> Kind | None:
        name = raw.get("kind")
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self._bad(path, "kind", f"must be one of {', '.join(KINDS)}.")
        elif kind in SERVICE_KINDS and not self.is_service:
            self._bad(path, "kind", f"A {name} is recorded by the shop's server: it takes a service token.")
        return kind

    def _product(self, raw: Mapping[str, Any], path: tuple[str | int, ...], kind: Kind | None) -> str | None:
        code = raw.get("product")
        if kind is Kind.SEARCH:
            if code is not None:
                self._bad(path, "product", "A search has a query instead: leave it out.")
            return None
        if code is None:
            if kind is not None or "query" not in raw:
                self._bad(path, "product", "must be the id of a product.")
            return None
        if not isinstance(code, str):
            self._bad(path, "product", f"must be a string, not {_name(code)}.")
            return None
        if not code or len(code) > CODE_LENGTH or not _storable(code):
            self._bad(path, "product", f"must be the id of a product, 1 to {CODE_LENGTH} characters.")
            return None
        return code

    def _query(self, raw: Mapping[str, Any], path: tuple[str | int, ...], kind: Kind | None) -> str:
        query = raw.get("query")
        if kind is not Kind.SEARCH:
            if query is not None and kind is not None:
                self._bad(path, "query", "Only a search has one: leave it out.")
            return ""
        if not isinstance(query, str) or not query.strip():
            self._bad(path, "query", "must be what was searched for.")
            return ""
        if len(query) > QUERY_LENGTH or not _storable(query):
            self._bad(path, "query", f"must be 1 to {QUERY_LENGTH} characters, none of them null.")
            return ""
        return query.strip()

    def _value(self, raw: Mapping[str, Any], path: tuple[str | int, ...], kind: Kind | None) -> float | None:
        value = raw.get("value")
        number = None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e9:
            number = float(value)
        if kind is Kind.RATING:
            if number is None or not 1 <= number <= 5:
                self._bad(path, "value", "must be the stars of the rating, a number from 1 to 5.")
            return number
        if kind is Kind.PURCHASE:
            if value is None:
                return 1.0
            if number is None or not 0 < number <= 1e6:
                self._bad(path, "value", "must be the quantity bought, a number above 0.")
            return number
        if value is not None and kind is not None:
            self._bad(path, "value", f"A {kind.name.lower()} has none: only purchases and ratings do.")
        return None

    def _uuid(
        self, raw: Mapping[str, Any], path: tuple[str | int, ...], key: str, *, required: bool = False
    ) -> uuids.UUID | None:
        value = _as_uuid(raw.get(key))
        if value is None and (required or raw.get(key) is not None):
            self._bad(path, key, UUID_EXPECTED)
        return value

    def _time(self, raw: Mapping[str, Any], path: tuple[str | int, ...]) -> datetime | None:
        text = raw.get("occurred_at")
        if text is None:
            return None
        try:
            time = parse_datetime(text) if isinstance(text, str) and len(text) <= 40 else None
            if time is not None and time.tzinfo is not None:
                time = time.astimezone(UTC)
        except (ValueError, OverflowError):
            time = None
        if time is None:
            self._bad(path, "occurred_at", "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z.")
        elif time.tzinfo is None:
            self._bad(path, "occurred_at", "must end with its offset from UTC, such as Z or +01:00.")
        elif time > self.now + AHEAD:
            self._bad(path, "occurred_at", f"lies over 5 minutes ahead of {self.now:%Y-%m-%dT%H:%M:%SZ}.")
        return time

    def _shopper(self, raw: Mapping[str, Any], path: tuple[str | int, ...]) -> uuids.UUID | None:
        if not self.is_service:
            if raw.get("shopper") is not None:
                self._bad(path, "shopper", NOT_FOR_SHOPPERS)
            return None
        if raw.get("shopper") is not None:
            return self._uuid(raw, path, "shopper")
        if self.common_shopper is None:
            self._bad(path, "shopper", "A service token names the shopper, by UUID, here or once for all.")
        return self.common_shopper


def _as_uuid(value: Any) -> uuids.UUID | None:
    return uuids.UUID(value) if isinstance(value, str) and UUID.fullmatch(value) else None


def _storable(text: str) -> bool:
    """Postgres stores neither null characters nor halves of surrogate pairs."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _name(value: Any) -> str:
    if value is None:
        return "null"
    for types, name in ((bool, "a boolean"), (str, "a string"), (int | float, "a number"), (list, "a list")):
        if isinstance(value, types):
            return name
    return "an object"
