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
    "&": "and",
    "ANT": "antique",
    "ASS": "assorted",
    "ASST": "assorted",
    "ASSTD": "assorted",
    "B'DRAW": "bottom drawer",
    "B'FLY": "butterfly",
    "BLK": "black",
    "C/COVER": "cushion cover",
    "CAND": "candle",
    "CANDL": "candle",
    "CHILDRENS": "children's",
    "CHILDS": "child's",
    "CHOC": "chocolate",
    "CHRISTAMS": "Christmas",
    "COL": "colour",
    "COLS": "colours",
    "D.O.F": "double old fashioned",
    "DEC": "decoration",
    "FLOWE": "flower",
    "FUSCHIA": "fuchsia",
    "GARLD": "garland",
    "GRN": "green",
    "HYDRANGA": "hydrangea",
    "LADIES": "ladies'",
    "LAZER": "laser",
    "LGE": "large",
    "LRG": "large",
    "LT": "light",
    "LT.BLUE": "light blue",
    "M.O.P": "mother of pearl",
    "M/COLOUR": "multicolour",
    "MED": "medium",
    "MOP": "mother of pearl",
    "MULTICOL": "multicolour",
    "NAT": "natural",
    "NECKL": "necklace",
    "NECKLAC": "necklace",
    "P'WEIGHT": "paperweight",
    "PAISELY": "paisley",
    "PANNETONE": "panettone",
    "PC": "pieces",
    "PCS": "pieces",
    "RND": "round",
    "SANDLEWOOD": "sandalwood",
    "SILOUETTE": "silhouette",
    "SIL'T": "silhouette",
    "SKIPPPING": "skipping",
    "SML": "small",
    "SQU": "square",
    "T-LIGHT": "tea light",
    "T-LIGHTS": "tea lights",
    "TASSLE": "tassel",
    "TLIGHT": "tea light",
    "TURQ": "turquoise",
    "TURQUOIS": "turquoise",
    "VIPPASSPORT": "VIP passport",
    "W": "with",
    "W/CHIME": "windchime",
    "W/KNIF": "with knife",
    "W/SUCK": "with sucker",
    "WHIT": "white",
    "WHT": "white",
    "XMAS": "Christmas",
}
"""What the till's 35 characters cut short, and its usual slips."""
REPLACED = (
    (re.compile(r"(?i)\b(?:set|s)\s*/\s*(?=\d)"), "set of "),
    (re.compile(r"(?i)\b(pack|box)\s*/\s*(?=\d)"), r"\1 of "),
    (re.compile(r"(?i)\b(set|pack|box) of(?=\d)"), r"\1 of "),
    (re.compile(r"(?i)\bset(?=\d)"), "set of "),
    (re.compile(r"(?i)(?<=\d)x(?=\d)"), "x"),
    (re.compile(r"(?i)(?<=\d)cm\b"), "cm"),
    (re.compile(r"(?i)(?<=\d)cmx(?=\d)"), "cm x "),
    (re.compile(r"(?i)\bneckl\.?(?=\d)"), "necklace "),
    (re.compile(r'(?<=\d)"(?=[a-zA-Z])'), '" '),
    (re.compile(r"(?<=\d)(?=(?:LIGHT|PCS?|PIECE)\b)"), " "),
    (re.compile(r"\s*\+\s*"), " and "),
    (re.compile(r"(?<=[a-zA-Z])\.(?=\s)"), ""),
    (re.compile(r'(?<=[a-zA-Z])"(?=[a-zA-Z])'), ' "'),
    (re.compile(r"\bART DEC\b"), "ART DECO"),
    (re.compile(r"\bHOLD$"), "HOLDER"),
)
"""What reads better by pattern, in this order: sets, sizes, the plus sign, a last word cut short."""
NAMES = {
    "AFRICAN",
    "BERTIE",
    "BRITISH",
    "BUDDHA",
    "CHARLIE",
    "CHINESE",
    "CHRISTMAS",
    "COLUMBIAN",
    "DANISH",
    "EASTER",
    "EDWARDIAN",
    "ENGLAND",
    "ENGLISH",
    "ENID",
    "FRENCH",
    "GEORGIAN",
    "GREEK",
    "HALLOWEEN",
    "INDIAN",
    "JAPANESE",
    "KASHMIR",
    "KASHMIRI",
    "LOLA",
    "LONDON",
    "MADRAS",
    "MOROCCAN",
    "PANTONE",
    "PARIS",
    "ROMAN",
    "RUSSIAN",
    "SANTA",
    "SCANDINAVIAN",
    "SCOTTISH",
    "SPANISH",
    "SWISS",
    "TOKYO",
    "VALENTINE",
    "VICTORIAN",
}
CAPITALS = {
    "A4",
    "A5",
    "A6",
    "A7",
    "BBQ",
    "CD",
    "DIY",
    "DVD",
    "I",
    "LED",
    "TV",
    "UK",
    "USA",
    "USB",
    "VIP",
    "XL",
}


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
    text = re.sub(r"\s+", " ", description.replace(" ,", ",").replace(",", ", ")).strip(" .,*-+")
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    name = " ".join(filter(None, (_readable_word(word) for word in text.split(" "))))
    return name[:1].upper() + name[1:]


def _readable_word(word: str) -> str:
    bare = word.strip(",.;:()\"'")
    if not bare:
        return ""
    upper = bare.upper()
    if upper in SHORT:
        replacement = SHORT[upper]
    elif "/" in bare.strip("/"):
        replacement = "/".join(map(_readable_word, bare.split("/")))
    elif upper in CAPITALS:
        replacement = upper
    elif upper in NAMES:
        replacement = upper.capitalize()
    elif any(letter.islower() for letter in bare):
        replacement = bare
    else:
        replacement = bare.lower()
    return word.replace(bare, replacement, 1)


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
