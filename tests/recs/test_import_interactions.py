"""import_interactions, as an owner runs it."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Shopper
from recs.models import Interaction, ProductPopularity
from tests.factories import ProductFactory, ShopperFactory

pytestmark = pytest.mark.django_db

HEADER = "shopper,kind,product,occurred_at,value,query\n"


@pytest.fixture(autouse=True)
def _products() -> None:
    ProductFactory(code="A")
    ProductFactory(code="B")


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("import_interactions", path, **options)
    return str(refused.value)


def stored() -> list[tuple[object, ...]]:
    fields = ("shopper__code", "seq", "kind", "product__code", "value", "query", "occurred_at")
    return list(Interaction.objects.order_by("shopper__code", "seq").values_list(*fields))


def test_every_kind_of_row_arrives(tmp_path, capsys):
    own = uuid4()
    file = written(
        tmp_path / "i.csv",
        "occurred_at,id,query,value,product,kind,shopper\n"
        f"2026-11-01T12:00:00Z,{own},,,A,view,c1\n"
        "2026-11-01T14:05:00+02:00,,,3,B,purchase,c1\n"
        "2026-11-01 12:06,,,,B,PURCHASE,c1\n"
        "2026-11-01T12:07:00.5,,,4.5,B,rating,c1\n"
        "2026-11-01T12:08:00Z,,tea – 茶,,,search,c2\n",
    )

    call_command("import_interactions", file)

    assert stored() == [
        ("c1", 1, 1, "A", None, "", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("c1", 2, 5, "B", 3.0, "", datetime(2026, 11, 1, 12, 5, tzinfo=UTC)),
        ("c1", 3, 5, "B", 1.0, "", datetime(2026, 11, 1, 12, 6, tzinfo=UTC)),
        ("c1", 4, 6, "B", 4.5, "", datetime(2026, 11, 1, 12, 7, 0, 500_000, tzinfo=UTC)),
        ("c2", 1, 9, None, None, "tea – 茶", datetime(2026, 11, 1, 12, 8, tzinfo=UTC)),
    ]
    assert Interaction.objects.get(seq=1, shopper__code="c1").uuid == own
    assert dict(Shopper.objects.values_list("code", "last_seq")) == {"c1": 4, "c2": 1}
    assert "5 rows: 5 interactions stored, 0 known already, 0 repeated in the file, 0 left out; 2 new" in (
        capsys.readouterr().out
    )


def test_the_same_rows_in_any_format_and_order_are_stored_once(tmp_path, capsys):
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    csv_file = written(
        tmp_path / "i.csv", HEADER + "7,view,A,2026-11-01T12:00:00Z,,\n7,purchase,B,2026-11-01T12:00:00Z,2,\n"
    )
    rows = [
        {
            "shopper": 7,
            "kind": "purchase",
            "product": "B",
            "occurred_at": "2026-11-01T13:00:00+01:00",
            "value": 2,
        },
        {"kind": "view", "occurred_at": "2026-11-01 12:00", "product": "A", "shopper": "7"},
    ]
    json_file = written(tmp_path / "i.jsonl", "\n".join(map(json.dumps, rows)))
    pq.write_table(
        pa.table(
            {
                "kind": ["view", "purchase"],
                "value": pa.array([None, 2.0]),
                "product": ["A", "B"],
                "occurred_at": pa.array([at, at], pa.timestamp("us", tz="UTC")),
                "shopper": [7, 7],
            }
        ),
        tmp_path / "i.parquet",
    )

    for file in (csv_file, csv_file, json_file, tmp_path / "i.parquet"):
        call_command("import_interactions", file)

    assert Interaction.objects.count() == 2
    assert Shopper.objects.get().last_seq == 2
    said = capsys.readouterr().out.splitlines()
    assert [line.split(";")[0] for line in said] == [
        "2 rows: 2 interactions stored, 0 known already, 0 repeated in the file, 0 left out",
        *["2 rows: 0 interactions stored, 2 known already, 0 repeated in the file, 0 left out"] * 3,
    ]


def test_equal_rows_count_once_and_an_id_that_comes_twice_is_refused(tmp_path, capsys):
    same = uuid4()
    file = written(
        tmp_path / "i.csv",
        "shopper,kind,product,occurred_at,id\n"
        "c1,view,A,2026-11-01,\n"
        "c1,view,A,2026-11-01,\n"
        f"c1,view,A,2026-11-02,{same}\n"
        f"c1,view,B,2026-11-03,{same}\n"
        f"c2,view,B,2026-11-03,{same}\n",
    )

    call_command("import_interactions", file, skip_bad=True)

    said = capsys.readouterr()
    assert f"row 4 (line 5): id: is {same} as in row 3: an id comes once" in said.err
    assert "5 rows: 3 interactions stored, 0 known already, 1 repeated in the file, 1 left out" in said.out
    assert [(row[0], row[3]) for row in stored()] == [("c1", "A"), ("c1", "A"), ("c2", "B")]


def test_shoppers_are_known_by_code_or_uuid_and_made_if_new(tmp_path):
    known = ShopperFactory(code="c1")
    anonymous = ShopperFactory()
    rows = ["c1", str(anonymous.uuid), str(anonymous.uuid).upper(), "c2"]
    lines = "".join(f"{who},view,A,2026-11-0{day},,\n" for day, who in enumerate(rows, start=1))

    call_command("import_interactions", written(tmp_path / "i.csv", HEADER + lines))

    counts = {shopper.pk: shopper.interactions.count() for shopper in Shopper.objects.all()}
    new = Shopper.objects.get(code="c2")
    assert counts == {known.pk: 1, anonymous.pk: 2, new.pk: 1}


def test_an_import_goes_on_where_live_interactions_stopped(tmp_path):
    shopper = ShopperFactory(code="c1", last_seq=5)

    call_command("import_interactions", written(tmp_path / "i.csv", HEADER + "c1,view,A,2026-11-01,,\n"))

    shopper.refresh_from_db()
    assert shopper.last_seq == 6
    assert Interaction.objects.get().seq == 6


def test_one_bad_row_stops_all_of_them_shoppers_too(tmp_path, capsys):
    file = written(tmp_path / "i.csv", HEADER + "c1,view,A,2026-11-01,,\nc2,fly,Z,soon,,\n")

    assert refusal(file, errors=tmp_path / "errors.csv").startswith("nothing was imported: 1 bad rows")

    kinds = "view, click, cart_add, cart_remove, purchase, rating, like, hide, search"
    assert capsys.readouterr().err.splitlines()[:3] == [
        f"  row 2 (line 3): kind: must be one of {kinds}",
        "  row 2 (line 3): occurred_at: must be a time in ISO 8601, such as 2026-11-24T09:30:00Z",
        "  row 2 (line 3): product: is Z: there is no such product; import products first",
    ]
    with (tmp_path / "errors.csv").open(encoding="utf-8") as report:
        assert [row["field"] for row in csv.DictReader(report)] == ["kind", "occurred_at", "product"]
    assert (stored(), Shopper.objects.count()) == ([], 0)


def test_skip_bad_stores_the_good_rows(tmp_path, capsys):
    file = written(tmp_path / "i.csv", HEADER + "c1,view,A,2026-11-01,,\nc2,view,Z,2026-11-01,,\n")

    call_command("import_interactions", file, skip_bad=True)

    assert [row[0] for row in stored()] == ["c1"]
    assert list(Shopper.objects.values_list("code", flat=True)) == ["c1"]
    assert "1 left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"shopper": ""}, "shopper: is missing"),
        ({"shopper": "x" * 65}, "shopper: has 65 characters; at most 64 may be"),
        ({"shopper": "a\x00"}, "shopper: holds the control character U+0000: remove it"),
        ({"kind": 5}, "kind: must be one of view, click"),
        ({"product": None}, "product: is missing"),
        ({"kind": "rating"}, "value: is missing"),
        ({"kind": "rating", "value": 0.9}, "value: is 0.9: must be the stars of the rating, from 1 to 5"),
        ({"kind": "rating", "value": 6}, "value: is 6: must be the stars of the rating, from 1 to 5"),
        ({"kind": "rating", "value": "NaN"}, "value: is NaN: must be the stars of the rating, from 1 to 5"),
        ({"kind": "purchase", "value": 0}, "value: is 0: must be the quantity bought, above 0"),
        (
            {"kind": "purchase", "value": 10**400},
            "value: is over 30 digits long: must be the quantity bought",
        ),
        ({"kind": "view", "value": 3}, "value: must be empty: only a rating and a purchase have one"),
        ({"kind": "search"}, "product: must be empty: a search has a query instead"),
        ({"kind": "search", "product": ""}, "query: is missing"),
        ({"kind": "search", "product": "", "query": "x" * 201}, "query: has 201 characters; at most 200"),
        ({"query": "tea"}, "query: must be empty: only a search has one"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at: is 1969-12-31: must be 1970 or later"),
        ({"occurred_at": 1_700_000_000}, "occurred_at: must be a time in ISO 8601"),
        ({"id": "7"}, "id: must be a UUID"),
    ],
)
def test_a_bad_cell_is_named_with_what_was_expected(tmp_path, capsys, cells, problem):
    row = {"shopper": "c1", "kind": "view", "product": "A", "occurred_at": "2026-11-01"} | cells

    refusal(written(tmp_path / "i.jsonl", json.dumps(row)))

    assert f"row 1 (line 1): {problem}" in capsys.readouterr().err
    assert (stored(), Shopper.objects.count()) == ([], 0)


def test_times_may_be_as_far_ahead_as_clocks_differ(tmp_path, capsys):
    now = datetime.now(UTC)
    ahead = [(now + timedelta(minutes=minutes)).isoformat() for minutes in (4, 6)]
    file = written(tmp_path / "i.csv", HEADER + "".join(f"c1,view,A,{at},,\n" for at in ahead))

    call_command("import_interactions", file, skip_bad=True)

    assert "row 2 (line 3): occurred_at: lies ahead" in capsys.readouterr().err
    assert Interaction.objects.count() == 1


def test_what_is_popular_follows_the_import(tmp_path):
    file = written(tmp_path / "i.csv", HEADER + "c1,purchase,A,2026-11-01,,\nc1,view,B,2026-11-01,,\n")

    call_command("import_interactions", file)

    assert dict(ProductPopularity.objects.values_list("product__code", "total")) == {"A": 5.0, "B": 1.0}


def test_two_thousand_rows_of_two_hundred_shoppers_take_as_many_statements_as_one(tmp_path):
    def statements(rows: int, name: str) -> int:
        start = datetime(2026, 10, 1, tzinfo=UTC)
        lines = "".join(
            f"{name}{row % 200},view,A,{(start + timedelta(minutes=row)).isoformat()},,\n"
            for row in range(rows)
        )
        file = written(tmp_path / f"{name}.csv", HEADER + lines)
        with CaptureQueriesContext(connection) as queries:
            call_command("import_interactions", file)
        return len(queries)

    assert statements(2_000, "many") == statements(1, "one")
    assert Interaction.objects.count() == 2_001


def test_an_id_made_from_a_row_never_changes(tmp_path):
    """Else every row of an earlier import would be stored again."""
    call_command("import_interactions", written(tmp_path / "i.csv", HEADER + "c1,purchase,A,2026-11-01,2,\n"))

    assert Interaction.objects.get().uuid == UUID("9644a478-5813-58b2-a515-dd8998f42f73")
