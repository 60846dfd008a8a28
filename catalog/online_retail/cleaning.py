"""Raw rows → the lines that a person bought. Every rule says how many rows it dropped; no Django in here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).parent / "data"
COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
PRODUCT_CODE = re.compile(r"\d{5}[A-Za-z]{0,2}")
"""A stock code of goods. The others are postage, fees, samples and corrections: POST, DOT, M, C2, PADS …"""
NO_GOODS = re.compile(r"(?i)\s*(next day carriage|packing charge|postage|.*gift voucher.*)\s*")
"""Fees that the shop gave the code of goods."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Columns of equal length, one row a line of an invoice; ``row`` is its number in the raw file."""

    row: np.ndarray
    invoice: np.ndarray
    code: np.ndarray
    description: np.ndarray
    quantity: np.ndarray
    time: np.ndarray  # datetime64[s], the shop's clock, taken as UTC
    price: np.ndarray
    customer: np.ndarray  # 0 where there is none

    def __len__(self) -> int:
        return len(self.row)

    def where(self, keep: np.ndarray) -> Lines:
        return Lines(*(getattr(self, name)[keep] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """``dropped``: rows that each rule took away, in the order of the rules."""

    lines: Lines
    raw: int
    dropped: dict[str, int]


def read_lines(path: Path = DATA / "online_retail.parquet") -> Lines:
    """Raises ValueError if columns are missing."""
    table = pq.read_table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
    return lines_of(table)


def lines_of(table: pa.Table) -> Lines:
    def text(name: str) -> np.ndarray:
        return np.array([value or "" for value in table[name].to_pylist()], dtype=object)

    customers = table["CustomerID"].to_pylist()
    return Lines(
        row=np.arange(len(table)),
        invoice=text("InvoiceNo"),
        code=np.array([code.strip().upper() for code in text("StockCode")], dtype=object),
        description=text("Description"),
        quantity=table["Quantity"].to_numpy().astype(np.int64),
        time=table["InvoiceDate"].to_numpy().astype("datetime64[s]"),
        price=table["UnitPrice"].to_numpy().astype(np.float64),
        customer=np.array([0 if value is None else value for value in customers], dtype=np.int64),
    )


def clean(lines: Lines) -> Cleaned:
    """Applies the rules one after the other: a row counts for the first that drops it."""
    dropped: dict[str, int] = {}
    raw = len(lines)

    def drop(rule: str, bad: np.ndarray) -> None:
        nonlocal lines
        dropped[rule] = int(bad.sum())
        lines = lines.where(~bad)

    drop("cancellations", np.array([str(invoice).startswith("C") for invoice in lines.invoice], dtype=bool))
    drop("no customer", lines.customer <= 0)
    drop("quantity not positive", lines.quantity <= 0)
    drop("price not positive", ~(lines.price > 0))
    drop(
        "postage, fees and other lines that are no goods",
        np.array(
            [
                not PRODUCT_CODE.fullmatch(code) or NO_GOODS.fullmatch(text) is not None
                for code, text in zip(lines.code, lines.description, strict=True)
            ],
            dtype=bool,
        ),
    )
    drop("duplicates of another row", _repeated(lines))
    return Cleaned(lines, raw, dropped)


def _repeated(lines: Lines) -> np.ndarray:
    """True for a row that says what an earlier one of the same invoice said, to the letter."""
    seen: set[tuple] = set()
    repeated = np.zeros(len(lines), dtype=bool)
    columns = zip(
        lines.invoice,
        lines.code,
        lines.description,
        lines.quantity.tolist(),
        lines.time.tolist(),
        lines.price.tolist(),
        lines.customer.tolist(),
        strict=True,
    )
    for place, key in enumerate(columns):
        repeated[place] = key in seen
        seen.add(key)
    return repeated
