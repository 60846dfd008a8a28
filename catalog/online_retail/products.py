"""Cleaned lines → products: a readable name, the latest usual price, a stock, the day it was first sold."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from catalog.online_retail.cleaning import DATA, Lines

RECENT_SALES = 30
"""The usual price is the most frequent among this many newest lines: discounts for quantity are rarer."""
STOCK_DAYS = 60
"""Stock is what this many days of average sales take, and at least LEAST_STOCK: the data has no stock."""
LEAST_STOCK = 12

SHORT = {
    "ASS": "assorted",
    "ASSTD": "assorted",
    "ASST": "assorted",
    "COL": "colour",
    "COLS": "colours",
    "P'WEIGHT": "paperweight",
    "PCS": "pieces",
    "CHILDS": "child's",
    "CHILDRENS": "children's",
    "LADIES": "ladies'",
    "W": "with",
    "S/2": "set of 2",
    "S/3": "set of 3",
    "S/4": "set of 4",
    "S/6": "set of 6",
    "S/12": "set of 12",
    "SET/2": "set of 2",
    "SET/3": "set of 3",
    "SET/4": "set of 4",
    "SET/5": "set of 5",
    "SET/6": "set of 6",
    "SET/10": "set of 10",
    "SET/20": "set of 20",
    "&": "and",
    "T-LIGHT": "tea light",
    "T-LIGHTS": "tea lights",
    "TLIGHT": "tea light",
    "D.O.F.": "double old fashioned",
    "BLK": "black",
    "WHT": "white",
    "GRN": "green",
    "LGE": "large",
    "LRG": "large",
    "SML": "small",
    "XMAS": "Christmas",
    "CHRISTAMS": "Christmas",
    "GIN": "gin",
    "METRE": "metre",
}
NAMES = {
    "CHRISTMAS",
    "EASTER",
    "ENGLAND",
    "ENGLISH",
    "FRENCH",
    "PARIS",
    "LONDON",
    "BRITISH",
    "SPANISH",
    "DANISH",
    "SWISS",
    "INDIAN",
    "JAPANESE",
    "CHINESE",
    "MOROCCAN",
    "KASHMIRI",
    "UNION",
    "JACK",
    "SKULL",
    "BAROQUE",
    "RUSSIAN",
    "AFRICAN",
    "SCANDINAVIAN",
    "VICTORIAN",
    "EDWARDIAN",
    "GEORGIAN",
    "SCOTTISH",
    "SCOTTIE",
    "ENID",
    "TOKYO",
    "MADRAS",
    "ROMAN",
    "GREEK",
    "COLUMBIAN",
    "VALENTINE",
    "HALLOWEEN",
    "PANTONE",
    "BERTIE",
} - {"UNION", "JACK", "SKULL", "BAROQUE", "SCOTTIE"}
CAPITALS = {"CD", "DVD", "TV", "LED", "USB", "UK", "USA", "I", "XL", "DIY", "BBQ", "VIP"}


@dataclass(frozen=True, slots=True)
class RawProduct:
    """``created_at`` is the first sale; ``art`` the name of its picture without ending, or empty."""

    code: str
    name: str
    price: Decimal
    stock: int
    created_at: datetime
    art: str


def readable(description: str) -> str:
    """``WHITE HANGING HEART T-LIGHT HOLDER`` → ``White hanging heart tea light holder``."""
    text = re.sub(r"\s+", " ", description.replace(" ,", ",").replace(",", ", ")).strip(" .,*-")
    words = []
    for word in text.split(" "):
        bare = word.strip(",.;:()\"'")
        if not bare:
            continue
        upper = bare.upper()
        if upper in SHORT:
            replacement = SHORT[upper]
        elif upper in CAPITALS or any(letter.islower() for letter in bare):
            replacement = bare
        elif upper in NAMES:
            replacement = upper.capitalize()
        else:
            replacement = bare.lower()
        words.append(word.replace(bare, replacement, 1))
    name = " ".join(words)
    return name[:1].upper() + name[1:]


def products_of(lines: Lines) -> list[RawProduct]:
    """One per stock code, in the order of codes."""
    art = picture_names()
    rows: dict[str, list[int]] = defaultdict(list)
    for place, code in enumerate(lines.code):
        rows[code].append(place)
    days = (
        max(1.0, float((lines.time.max() - lines.time.min()) / np.timedelta64(1, "D"))) if len(lines) else 1.0
    )
    products = []
    for code in sorted(rows):
        places = np.array(rows[code])
        places = places[np.argsort(lines.time[places], kind="stable")]
        sold = float(lines.quantity[places].sum())
        products.append(
            RawProduct(
                code=code,
                name=usual_name(lines.description[places].tolist()) or f"Item {code}",
                price=usual_price(lines.price[places][-RECENT_SALES:]),
                stock=max(LEAST_STOCK, round(sold / days * STOCK_DAYS)),
                created_at=lines.time[places[0]].astype(datetime).replace(tzinfo=UTC),
                art=art.get(code, ""),
            )
        )
    return products


def usual_name(descriptions: list[str]) -> str:
    """The most frequent description, made readable; of equals the newest."""
    counts = Counter(text.strip() for text in descriptions if text.strip())
    if not counts:
        return ""
    most = max(counts.values())
    newest_first = (text.strip() for text in reversed(descriptions) if text.strip())
    return readable(next(text for text in newest_first if counts[text] == most))


def usual_price(prices: np.ndarray) -> Decimal:
    """The most frequent price; of equals the newest. At least a penny."""
    pennies = [max(1, round(price * 100)) for price in prices.tolist()]
    counts = Counter(pennies)
    most = max(counts.values())
    return Decimal(next(price for price in reversed(pennies) if counts[price] == most)) / 100


def picture_names() -> dict[str, str]:
    """Stock code → name of its picture in data/product_art."""
    with (DATA / "product_art.csv").open(newline="", encoding="utf-8") as file:
        return {row["StockCode"].strip().upper(): row["art"] for row in csv.DictReader(file)}
