"""The rules that turn raw rows into lines that a person bought, on tables small enough to count by hand."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.online_retail.cleaning import COLUMNS, Lines, clean, lines_of, read_lines

RULES = [
    "cancellations",
    "no customer",
    "quantity not positive",
    "price not positive",
    "postage, fees and other lines that are no goods",
    "duplicates of another row",
]
MUG = {
    "InvoiceNo": "536365",
    "StockCode": "22386",
    "Description": "RED MUG",
    "Quantity": 6,
    "InvoiceDate": datetime(2010, 12, 1, 8, 26),
    "UnitPrice": 2.55,
    "CustomerID": 17850,
    "Country": "United Kingdom",
}
SCHEMA = pa.schema(
    [
        ("InvoiceNo", pa.string()),
        ("StockCode", pa.string()),
        ("Description", pa.string()),
        ("Quantity", pa.int64()),
        ("InvoiceDate", pa.timestamp("s")),
        ("UnitPrice", pa.float64()),
        ("CustomerID", pa.int64()),
        ("Country", pa.string()),
    ]
)


def raw(*changes: dict[str, object]) -> Lines:
    """One row per change of the ordinary one."""
    return lines_of(pa.Table.from_pylist([MUG | change for change in changes], schema=SCHEMA))


def test_an_ordinary_row_stays_as_it_is():
    cleaned = clean(raw({}))

    lines = cleaned.lines
    assert (cleaned.raw, cleaned.dropped) == (1, dict.fromkeys(RULES, 0))
    assert [getattr(lines, name).tolist() for name in Lines.__slots__] == [
        [0],
        ["536365"],
        ["22386"],
        ["RED MUG"],
        [6],
        [datetime(2010, 12, 1, 8, 26)],
        [2.55],
        [17850],
    ]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"InvoiceNo": "C536379"}, "cancellations"),
        ({"CustomerID": None}, "no customer"),
        ({"Quantity": 0}, "quantity not positive"),
        ({"Quantity": -3}, "quantity not positive"),
        ({"UnitPrice": 0.0}, "price not positive"),
        ({"UnitPrice": -11062.06}, "price not positive"),
        ({"UnitPrice": None}, "price not positive"),
        *(
            ({"StockCode": code}, "postage, fees and other lines that are no goods")
            for code in (
                "POST",
                "DOT",
                "M",
                "C2",
                "PADS",
                "BANK CHARGES",
                "gift_0001_20",
                "2238",
                "223866",
                "",
            )
        ),
        ({"Description": "Next Day Carriage"}, "postage, fees and other lines that are no goods"),
        ({"Description": "PACKING CHARGE"}, "postage, fees and other lines that are no goods"),
        (
            {"Description": "Dotcomgiftshop Gift Voucher £20"},
            "postage, fees and other lines that are no goods",
        ),
    ],
)
def test_each_rule_drops_what_it_is_for(change, rule):
    cleaned = clean(raw(change, {"InvoiceNo": "536366"}))

    assert cleaned.dropped == dict.fromkeys(RULES, 0) | {rule: 1}
    assert cleaned.lines.invoice.tolist() == ["536366"]


def test_a_row_counts_for_the_first_rule_that_drops_it():
    cleaned = clean(
        raw(
            {"InvoiceNo": "C1", "CustomerID": None, "Quantity": -1},
            {"CustomerID": None, "Quantity": -1, "UnitPrice": 0.0},
            {"Quantity": -1, "StockCode": "POST"},
        )
    )

    assert [cleaned.dropped[rule] for rule in RULES] == [1, 1, 1, 0, 0, 0]
    assert len(cleaned.lines) == 0


def test_a_repeated_row_is_dropped_and_one_that_differs_anywhere_is_not():
    cleaned = clean(
        raw(
            {},
            {},
            {"Quantity": 7},
            {"InvoiceNo": "536366"},
            {"InvoiceDate": datetime(2010, 12, 1, 8, 27)},
            {"UnitPrice": 2.54},
            {"CustomerID": 17851},
            {"Description": "RED  MUG"},
            {"StockCode": "22387"},
            {},
        )
    )

    assert cleaned.dropped["duplicates of another row"] == 2
    assert cleaned.lines.row.tolist() == [0, 2, 3, 4, 5, 6, 7, 8]


def test_stock_codes_are_one_product_whatever_their_letters():
    assert clean(raw({"StockCode": " 85123a "}, {"StockCode": "85123A"})).lines.code.tolist() == ["85123A"]


def test_a_file_without_its_columns_says_which(tmp_path):
    path = tmp_path / "raw.parquet"
    pq.write_table(pa.table({name: ["1"] for name in COLUMNS if name not in ("Quantity", "UnitPrice")}), path)

    with pytest.raises(ValueError, match="lacks the columns Quantity, UnitPrice"):
        read_lines(path)


CHANGES = st.fixed_dictionaries(
    {
        "InvoiceNo": st.sampled_from(["1", "2", "C3", ""]),
        "StockCode": st.sampled_from(["22386", "85123a", "POST", "", "  22386"]),
        "Description": st.sampled_from(["RED MUG", None, "", "POSTAGE"]),
        "Quantity": st.integers(-2, 3),
        "UnitPrice": st.sampled_from([2.55, 0.0, -1.0, float("nan"), float("inf")]),
        "CustomerID": st.sampled_from([None, 0, 17850]),
    }
)


@given(changes=st.lists(CHANGES, min_size=1, max_size=12))
def test_nothing_is_lost_between_the_rules_and_cleaning_again_drops_nothing(changes):
    cleaned = clean(raw(*changes))

    assert cleaned.raw == len(changes)
    assert sum(cleaned.dropped.values()) + len(cleaned.lines) == cleaned.raw
    assert sum(clean(cleaned.lines).dropped.values()) == 0
    assert np.all(np.diff(cleaned.lines.row) > 0)
    assert np.all(cleaned.lines.quantity > 0)
    assert np.all(cleaned.lines.price > 0)
    assert np.all(cleaned.lines.customer > 0)


@pytest.mark.slow
def test_the_real_file_gives_what_the_import_reports():
    cleaned = clean(read_lines())

    assert cleaned.raw == sum(cleaned.dropped.values()) + len(cleaned.lines)
    assert list(cleaned.dropped) == RULES
    assert (len(np.unique(cleaned.lines.code.astype(str))), len(np.unique(cleaned.lines.customer))) == (
        3_657,
        4_334,
    )
