"""Rows of anybody's files, and what is said about those that are broken."""

import contextlib
import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.files.reading import FileError, Row, TableFile, format_of


def rows(path: Path, content: bytes | str, **kwargs: object) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(TableFile(path, columns=("code", "name", "price"), required=("code",), **kwargs).rows())


def test_csv_rows_know_their_number_and_their_line(tmp_path):
    found = rows(tmp_path / "p.csv", 'name,code\n"two\nlines",A\n\nB,C\n')

    assert found == [
        Row(1, 2, {"name": "two\nlines", "code": "A"}),
        Row(2, 5, {"name": "B", "code": "C"}),
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_cells(tmp_path):
    assert rows(tmp_path / "p.csv", b"\xef\xbb\xbfcode,name\r\n1,a\r\n") == [
        Row(1, 2, {"code": "1", "name": "a"})
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_may_be_separated_as_spreadsheets_do_anywhere(tmp_path, delimiter):
    found = rows(tmp_path / "p.csv", f"code{delimiter}name\n1{delimiter}a\n")

    assert found == [Row(1, 2, {"code": "1", "name": "a"})]


def test_unknown_missing_and_repeated_columns_are_named(tmp_path):
    with pytest.raises(FileError, match="unknown columns: colour, size; expected: code, name, price"):
        rows(tmp_path / "p.csv", "code,colour,size\n1,red,2\n")
    with pytest.raises(FileError, match="missing columns: code"):
        rows(tmp_path / "p.csv", "name\na\n")
    with pytest.raises(FileError, match="repeated columns: code"):
        rows(tmp_path / "p.csv", "code,code\n1,2\n")
    with pytest.raises(FileError, match="missing columns: code"):
        rows(tmp_path / "p.csv", "")


def test_a_row_with_cells_too_many_is_bad_and_the_next_is_good(tmp_path):
    found = rows(tmp_path / "p.csv", "code,name\n1,a,b\n2,c\n")

    assert found[0] == Row(1, 2, {}, "has 3 cells, but the header names 2 columns")
    assert found[1].cells == {"code": "2", "name": "c"}


def test_an_open_quotation_mark_breaks_the_file_where_it_ends(tmp_path):
    with pytest.raises(FileError, match="is broken at line 3"):
        rows(tmp_path / "p.csv", 'code,name\n1,a\n2,"b\n')


def test_utf_16_is_told_what_to_do(tmp_path):
    with pytest.raises(FileError, match="is UTF-16: save it as UTF-8"):
        rows(tmp_path / "p.csv", "code,name\n1,a\n".encode("utf-16"))


def test_json_lines_keep_decimals_and_name_what_is_no_json(tmp_path):
    found = rows(
        tmp_path / "p.jsonl", '{"code": "1", "price": 1.10}\n\n{"code": \n[1]\n{"code": NaN}\n{"x": 1}\n'
    )

    assert found[0] == Row(1, 1, {"code": "1", "price": Decimal("1.10")})
    assert [(row.number, row.line) for row in found] == [(1, 1), (2, 3), (3, 4), (4, 5), (5, 6)]
    assert found[1].problem.startswith("is no JSON")
    assert found[2].problem == "must be a JSON object, {…}"
    assert found[3].problem == "is no JSON: NaN is no JSON number"
    assert found[4].problem == "has unknown fields: x; known: code, name, price"


def test_json_nested_without_end_is_one_bad_row(tmp_path):
    assert rows(tmp_path / "p.jsonl", "[" * 200_000)[0].problem.startswith("is no JSON")


def test_packed_files_are_read_as_they_are(tmp_path):
    assert rows(tmp_path / "p.csv.gz", gzip.compress(b"code\n1\n")) == [Row(1, 2, {"code": "1"})]
    with pytest.raises(FileError, match="cannot be unpacked"):
        rows(tmp_path / "p.csv.gz", gzip.compress(b"code\n1\n" * 1000)[:40])


def test_parquet_rows_have_types_and_nanoseconds_become_microseconds(tmp_path):
    path = tmp_path / "p.parquet"
    at = pa.array([1_322_733_600_000_000_001], pa.timestamp("ns", tz="UTC"))
    pq.write_table(pa.table({"code": [1], "name": at}), path)

    found = list(TableFile(path, columns=("code", "name"), required=("code",)).rows())

    assert found == [Row(1, None, {"code": 1, "name": datetime(2011, 12, 1, 10, tzinfo=UTC)})]


def test_a_file_that_is_no_parquet_says_so(tmp_path):
    with pytest.raises(FileError, match="is no Parquet file"):
        rows(tmp_path / "p.parquet", b"code,name\n")


def test_endings_that_stand_for_nothing_and_files_that_are_not_there(tmp_path):
    with pytest.raises(FileError, match=r"must end with \.csv"):
        format_of(Path("products.xlsx"))
    with pytest.raises(FileError, match="must end with"):
        format_of(Path("products.parquet.gz"))
    with pytest.raises(FileError, match="there is no such file"):
        TableFile(tmp_path / "none.csv", columns=("code",), required=())


@given(content=st.binary(max_size=400), ending=st.sampled_from(["csv", "jsonl", "parquet", "csv.gz"]))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("any") / f"file.{ending}"
    with contextlib.suppress(FileError):
        for row in rows(path, content):
            assert row.problem or set(row.cells) <= {"code", "name", "price"}
