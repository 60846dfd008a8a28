"""What a cell may hold. Each function takes what a file gave and returns the value, or says what is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from catalog.files.reading import Row

Value = TypeVar("Value")

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u2028\u2029]")
BREAK = re.compile(r"[\n\r\t]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
YES = {"true", "yes", "1"}
NO = {"false", "no", "0"}
MOST_WHOLE = 2**31 - 1
CENT = Decimal("0.01")
TOO_LONG = 10**30
"""No whole number of a shop is; writing one of thousands of digits is refused by Python itself."""


class CellError(ValueError):
    """What was expected, as the end of a sentence that begins with the column's name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``field`` is empty if it concerns the whole row."""

    row: int
    line: int | None
    field: str
    detail: str

    def __str__(self) -> str:
        place = f"row {self.row}" + (f" (line {self.line})" if self.line else "")
        return f"{place}: {self.field + ': ' if self.field else ''}{self.detail}"


class Cells:
    """Reads one row's cells one after the other; notes every problem, so that a row tells all of them at once."""

    def __init__(self, row: Row, problems: list[Problem]) -> None:
        self._row = row
        self._problems = problems
        self.good = True
        if row.problem:
            self.refuse("", row.problem)

    def has(self, field: str) -> bool:
        """Whether the file has that column (of JSON: this object has that key), be the cell empty or not."""
        return field in self._row.cells

    def read(
        self, field: str, parse: Callable[[Any], Value], default: Value, *, required: bool = False
    ) -> Value:
        """The default for an empty cell, and for a bad one, which is noted."""
        value = self._row.cells.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                self.refuse(field, "is missing")
            return default
        try:
            return parse(value)
        except CellError as failure:
            self.refuse(field, str(failure))
            return default

    def refuse(self, field: str, detail: str) -> None:
        self.good = False
        self._problems.append(Problem(self._row.number, self._row.line, field, detail))


def text(value: Any, *, longest: int, lines: bool = False) -> str:
    """Plain text without the spaces around it; a whole number counts as its digits. Raises CellError."""
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= TOO_LONG:
            raise CellError("is a number of more than 30 digits: put it between quotation marks")
        value = str(value)
    if not isinstance(value, str):
        raise CellError(f"must be text, not {_kind(value)}")
    value = value.strip().strip("\ufeff").strip()
    if SURROGATE.search(value):
        raise CellError("is not UTF-8: save the file as UTF-8")
    wrong = CONTROL.search(value) or (None if lines else BREAK.search(value))
    if wrong:
        raise CellError(f"holds the control character U+{ord(wrong[0]):04X}: remove it")
    if TAG.search(value):
        raise CellError("holds HTML: give plain text, without tags")
    if len(value) > longest:
        raise CellError(f"has {len(value):,} characters; at most {longest:,} may be")
    if not value:
        raise CellError("is missing")
    return value


def money(value: Any) -> Decimal:
    """From 0 to 99,999,999.99. Raises CellError."""
    amount = _decimal(value, "must be a price such as 1.95, with a point and without a currency sign")
    if amount < 0:
        raise CellError(f"is {_short(value)}: a price must not be negative")
    if amount >= 100_000_000:
        raise CellError(f"is {_short(value)}: a price must be below 100,000,000")
    cents = amount.quantize(CENT)
    # A binary fraction is as near to its cents as binary fractions get, single precision included.
    near = Decimal("1e-6") * max(amount, Decimal(1)) if isinstance(value, float) else Decimal(0)
    if abs(cents - amount) > near:
        raise CellError(f"is {_short(value)}: a price has at most 2 decimals")
    return cents


def whole(value: Any, *, least: int = 0, most: int = MOST_WHOLE) -> int:
    """Raises CellError."""
    expected = f"must be a whole number from {least:,} to {most:,}"
    number = _decimal(value, expected)
    if not least <= number <= most or number != number.to_integral_value():
        raise CellError(f"is {_short(value)}: {expected}")
    return int(number)


def number(
    value: Any, *, expected: str, most: float, least: float = -math.inf, above: float = -math.inf
) -> float:
    """A number n, least ≤ n ≤ most, above < n. Raises CellError with what was expected."""
    found = _decimal(value, expected)
    if not (least <= found <= most and above < found):
        raise CellError(f"is {_short(value)}: {expected}")
    return float(found)


def truth(value: Any) -> bool:
    """Raises CellError."""
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in YES or word in NO:
        return word in YES
    raise CellError("must be true or false")


def moment(value: Any) -> datetime:
    """A time in UTC; one without an offset counts as UTC. Raises CellError."""
    expected = "must be a time in ISO 8601, such as 2026-11-24T09:30:00Z"
    try:
        if isinstance(value, str) and len(value) <= 40:
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if not isinstance(value, datetime):
            raise CellError(expected)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except CellError:
        raise
    except (ValueError, OverflowError):
        raise CellError(expected) from None


def json_object(value: Any, *, longest: int = 20_000) -> dict[str, Any]:
    """An object, or its text as a CSV holds it. Raises CellError."""
    expected = 'must be a JSON object such as {"colour": "red"}'
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise CellError(expected) from None
    if not isinstance(value, dict):
        raise CellError(expected)
    try:
        written = json.dumps(value, default=_number, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise CellError(f"{expected}, of texts and finite numbers") from None
    if len(written) > longest:
        raise CellError(f"is longer than {longest:,} characters")
    if "\\u0000" in written or (re.search(r"\\ud[89a-f]", written) and not _encodes(written)):
        raise CellError("holds characters that cannot be stored")
    plain: dict[str, Any] = json.loads(written)
    return plain


def _encodes(written: str) -> bool:
    try:
        json.dumps(json.loads(written), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal) and math.isfinite(float(value)):
        return float(value)
    raise TypeError


def _decimal(value: Any, expected: str) -> Decimal:
    """Finite, at most 30 characters long, whatever notation."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise CellError(expected)
    written = _digits(value) if isinstance(value, int) else str(value).strip()
    if len(written) > 30 or "_" in written:
        raise CellError(f"is {_short(written)}: {expected}")
    try:
        found = Decimal(written)
    except InvalidOperation:
        raise CellError(f"is {_short(written)}: {expected}") from None
    if not found.is_finite() or abs(found.adjusted()) > 30:
        raise CellError(f"is {_short(written)}: {expected}")
    return found


def _digits(value: int) -> str:
    """Python refuses to write numbers of thousands of digits: nobody needs them here either."""
    return str(value) if abs(value) < TOO_LONG else "over 30 digits long"


def _short(value: Any) -> str:
    written = value if isinstance(value, str) else _digits(value) if isinstance(value, int) else str(value)
    written = "".join(letter if letter.isprintable() else "�" for letter in written)
    return written if len(written) <= 30 else f"{written[:29]}…"


def _kind(value: Any) -> str:
    names = {bool: "a boolean", float: "a fraction", Decimal: "a fraction", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")
