"""What cells may hold."""

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.files import cells
from catalog.files.cells import CellError

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.binary(),
    st.lists(st.text(), max_size=2),
    st.datetimes(),
    st.dates(),
    st.dictionaries(st.text(), st.floats(), max_size=2),
)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  Mug ", "Mug"),
        ("I <3 tea", "I <3 tea"),
        ("\ufeffMug", "Mug"),
        (22386, "22386"),
        ("Tasse à thé 茶", "Tasse à thé 茶"),
    ],
)
def test_plain_text(given_text, expected):
    assert cells.text(given_text, longest=20) == expected


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("a\x07b", r"control character U\+0007"),
        ("a\nb", r"control character U\+000A"),
        ("<b>Mug</b>", "holds HTML"),
        ("<script src=x>", "holds HTML"),
        ("caf\udce9", "is not UTF-8"),
        ("x" * 21, "has 21 characters; at most 20 may be"),
        (1.5, "must be text, not a fraction"),
        (True, "must be text, not a boolean"),
        (["a"], "must be text, not a list"),
    ],
)
def test_what_is_no_plain_text(bad, why):
    with pytest.raises(CellError, match=why):
        cells.text(bad, longest=20)


def test_a_description_has_lines():
    assert cells.text("one\r\n\ttwo", longest=20, lines=True) == "one\r\n\ttwo"


@pytest.mark.parametrize(
    ("given_price", "expected"),
    [
        ("1.95", "1.95"),
        (" 3 ", "3.00"),
        (0, "0.00"),
        (Decimal("2.5"), "2.50"),
        (1.9500000476837158, "1.95"),
        ("99999999.99", "99999999.99"),
    ],
)
def test_prices(given_price, expected):
    assert str(cells.money(given_price)) == expected


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("-0.01", "a price must not be negative"),
        (-5, "a price must not be negative"),
        ("1.955", "at most 2 decimals"),
        (1.955, "at most 2 decimals"),
        ("100000000", "below 100,000,000"),
        (10**400, "must be a price"),
        ("1e400", "must be a price"),
        ("9" * 50, "must be a price"),
        ("NaN", "must be a price"),
        (float("inf"), "must be a price"),
        ("£1.95", "without a currency sign"),
        ("1,95", "must be a price"),
        ("1_0", "must be a price"),
        (True, "must be a price"),
    ],
)
def test_what_is_no_price(bad, why):
    with pytest.raises(CellError, match=why):
        cells.money(bad)


def test_whole_numbers():
    assert [cells.whole("12"), cells.whole(12.0), cells.whole(Decimal("3"))] == [12, 12, 3]
    for bad in ("-1", "1.5", 2**31, "many", False):
        with pytest.raises(CellError, match=r"must be a whole number from 0 to 2,147,483,647"):
            cells.whole(bad)


def test_truths():
    assert [cells.truth(word) for word in ("TRUE", "yes", 1, True, "no", 0, "False")] == [True] * 4 + [
        False
    ] * 3
    for bad in ("maybe", 2, 1.0):
        with pytest.raises(CellError, match="must be true or false"):
            cells.truth(bad)


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2011-12-09T12:50:00Z", datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        ("2011-12-09 12:50+02:00", datetime(2011, 12, 9, 10, 50, tzinfo=UTC)),
        ("2011-12-09", datetime(2011, 12, 9, tzinfo=UTC)),
        (datetime(2011, 12, 9, 12, 50), datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        (date(2011, 12, 9), datetime(2011, 12, 9, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(given_time, expected):
    assert cells.moment(given_time) == expected


@pytest.mark.parametrize(
    "bad", ["yesterday", "09/12/2011", 1323435000, "0001-01-01T00:00:00+14:00", "2011-13-01"]
)
def test_what_is_no_time(bad):
    with pytest.raises(CellError, match="must be a time in ISO 8601"):
        cells.moment(bad)


def test_attributes():
    assert cells.json_object('{"colour": "red"}') == {"colour": "red"}
    assert cells.json_object({"size": Decimal("1.5")}) == {"size": 1.5}
    for bad in ("[1]", '{"a"', '{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', {"a": object()}, 5):
        with pytest.raises(CellError):
            cells.json_object(bad)


@given(value=ANYTHING)
@pytest.mark.parametrize(
    ("parse", "gives"),
    [
        (cells.money, Decimal),
        (cells.whole, int),
        (cells.truth, bool),
        (cells.moment, datetime),
        (cells.json_object, dict),
    ],
)
def test_whatever_a_cell_holds_it_is_read_or_refused(parse, gives, value):
    read = None
    with contextlib.suppress(CellError):
        read = parse(value)

    assert read is None or type(read) is gives
