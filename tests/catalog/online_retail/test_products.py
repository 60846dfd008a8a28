"""From lines to products: names that read well, the usual price, a stock."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.online_retail.cleaning import Lines
from catalog.online_retail.products import (
    CAPITALS,
    NAMES,
    RECENT_SALES,
    SHORT,
    products_of,
    readable,
    usual_name,
    usual_price,
)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White hanging heart tea light holder"),
        ("SET/6 RED SPOTTY PAPER CUPS", "Set of 6 red spotty paper cups"),
        ("S/4 CACTI CANDLES", "Set of 4 cacti candles"),
        ("PACK OF 72 RETROSPOT CAKE CASES", "Pack of 72 retrospot cake cases"),
        ("VIPPASSPORT COVER", "VIP passport cover"),
        ("DOORMAT I LOVE LONDON", "Doormat I love London"),
        ("BLACK/BLUE DOTS RUBY WHITE", "Black/blue dots ruby white"),
        ("MAT 60CMX80CM", "Mat 60cm x 80cm"),
        ("  RED   MUG ,LARGE . ", "Red mug, large"),
        ("Merry Mug", "Merry Mug"),
        ("", ""),
        (" . , ", ""),
    ],
)
def test_names_read_well(description, name):
    assert readable(description) == name


@given(description=st.text(max_size=60))
def test_whatever_the_till_wrote_a_name_has_single_spaces_and_begins_with_a_capital(description):
    name = readable(description)

    assert name == " ".join(name.split(" ")).strip(" ")
    assert "  " not in name
    assert name[:1] == name[:1].upper()


# Without the one whose long form ends in an apostrophe, which is taken for a quotation mark the second time.
WORDS = sorted((SHORT.keys() - {"LADIES"}) | NAMES | CAPITALS | {"RED", "SET/6", "12", "-", "HEART,"})


@given(words=st.lists(st.sampled_from(WORDS), max_size=6))
def test_a_readable_name_is_left_alone(words):
    name = readable(" ".join(words))

    assert readable(name) == name


def test_the_most_frequent_name_counts_and_of_equals_the_newest():
    assert usual_name(["RED MUG", "RED MUG", "BLUE MUG"]) == "Red mug"
    assert usual_name(["RED MUG", " BLUE MUG "]) == "Blue mug"
    assert usual_name(["", "  "]) == ""
    assert usual_name([]) == ""


def test_the_most_frequent_price_counts_and_of_equals_the_newest():
    assert usual_price(np.array([2.55, 2.55, 1.95])) == Decimal("2.55")
    assert usual_price(np.array([2.55, 1.95])) == Decimal("1.95")
    assert usual_price(np.array([0.001])) == Decimal("0.01")


def lines(*rows: tuple[str, str, int, datetime, float]) -> Lines:
    """Of (code, description, quantity, time, price)."""
    count = len(rows)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    return Lines(
        row=np.arange(count),
        invoice=np.array(["1"] * count, dtype=object),
        code=np.array(columns[0], dtype=object),
        description=np.array(columns[1], dtype=object),
        quantity=np.array(columns[2], dtype=np.int64),
        time=np.array(columns[3], dtype="datetime64[s]"),
        price=np.array(columns[4], dtype=np.float64),
        customer=np.ones(count, dtype=np.int64),
    )


def test_products_come_by_code_with_name_price_stock_and_first_sale():
    found = products_of(
        lines(
            ("99999B", "RED MUG", 5, datetime(2011, 1, 11), 3.0),
            ("99999A", "TEAPOT", 10, datetime(2011, 1, 11), 9.0),
            ("99999B", "RED MUG", 1, datetime(2011, 1, 1, 8, 26), 2.0),
            ("99999A", "TEAPOT", 10, datetime(2011, 1, 6), 8.0),
        )
    )

    # Ten days: 20 teapots are 2 a day, 120 in sixty days; 6 mugs are 36. Of two prices the newer counts.
    assert [(one.code, one.name, one.price, one.stock, one.art) for one in found] == [
        ("99999A", "Teapot", Decimal("9.00"), 124, ""),
        ("99999B", "Red mug", Decimal("3.00"), 37, ""),
    ]
    assert [one.created_at for one in found] == [
        datetime(2011, 1, 6, tzinfo=UTC),
        datetime(2011, 1, 1, 8, 26, tzinfo=UTC),
    ]


def test_the_price_is_that_of_the_newest_sales():
    old = [("99999A", "MUG", 1, datetime(2011, 1, 1), 5.0)] * RECENT_SALES * 2
    new = [("99999A", "MUG", 1, datetime(2011, 6, 1), 4.0)] * RECENT_SALES

    assert products_of(lines(*new, *old))[0].price == Decimal("4.00")


def test_a_product_without_a_name_has_one_and_a_rare_one_has_a_stock():
    (product,) = products_of(lines(("99999A", "", 1, datetime(2011, 1, 1), 5.0)))

    assert product.name == "Item 99999A"
    assert products_of(
        lines(
            ("99999A", "MUG", 1, datetime(2011, 1, 1), 5.0), ("99999B", "CUP", 1, datetime(2011, 12, 1), 5.0)
        )
    )[0].stock == 12  # fmt: skip


def test_no_lines_are_no_products():
    assert products_of(lines()) == []
