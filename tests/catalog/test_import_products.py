"""import_products, as an owner runs it."""

import csv
import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from catalog.models import Category, Product
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    """An empty media folder with one picture, ``products/mug.png``."""
    settings.MEDIA_ROOT = tmp_path / "media"
    folder = settings.MEDIA_ROOT / "products"
    folder.mkdir(parents=True)
    picture = BytesIO()
    Image.new("RGB", (2, 2), "red").save(picture, "PNG")
    (folder / "mug.png").write_bytes(picture.getvalue())
    return settings.MEDIA_ROOT


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("import_products", path, **options)
    return str(refused.value)


def shop() -> list[dict[str, object]]:
    return list(
        Product.objects.values(
            "code", "name", "slug", "price", "currency", "description", "category__name", "stock",
            "visible", "image", "attributes", "created_at",
        ).order_by("code")
    )  # fmt: skip


def test_every_column_arrives_whatever_their_order(tmp_path):
    file = written(
        tmp_path / "p.csv",
        "price,name,code,currency,description,category,stock,visible,image,attributes,created_at\n"
        '1.95,"Mug, red",M1,GBP,For tea,Mugs,7,no,products/mug.png,"{""colour"": ""red""}",2011-12-09T12:50\n',
    )

    call_command("import_products", file)

    assert shop() == [
        {
            "code": "M1",
            "name": "Mug, red",
            "slug": "mug-red",
            "price": Decimal("1.95"),
            "currency": "GBP",
            "description": "For tea",
            "category__name": "Mugs",
            "stock": 7,
            "visible": False,
            "image": "products/mug.png",
            "attributes": {"colour": "red"},
            "created_at": datetime(2011, 12, 9, 12, 50, tzinfo=UTC),
        }
    ]


def test_json_lines_and_parquet_say_the_same_as_csv(tmp_path):
    rows = [{"code": "A", "name": "Apple", "price": "0.50", "stock": 3}]
    written(tmp_path / "p.ndjson", "\n".join(map(json.dumps, rows)))
    written(
        tmp_path / "p.jsonl.gz", gzip.compress(b'{"code": "B", "name": "Pear", "price": 0.50, "stock": 3}')
    )
    price = pa.array([0.5], pa.float64())
    pq.write_table(
        pa.table({"code": ["C"], "name": ["Plum"], "price": price, "stock": [3]}), tmp_path / "p.parquet"
    )

    for name in ("p.ndjson", "p.jsonl.gz", "p.parquet"):
        call_command("import_products", tmp_path / name)

    found = Product.objects.order_by("code").values_list("code", "name", "price", "stock")
    assert list(found) == [
        ("A", "Apple", Decimal("0.50"), 3),
        ("B", "Pear", Decimal("0.50"), 3),
        ("C", "Plum", Decimal("0.50"), 3),
    ]


def test_a_second_run_tells_the_new_from_the_changed_and_the_same(tmp_path, capsys):
    file = written(tmp_path / "p.csv", "code,name,price\nA,Apple,1\nB,Pear,2\n")
    call_command("import_products", file)
    assert "2 products created, 0 updated, 0 as they were, 0 left out" in capsys.readouterr().out
    before = dict(Product.objects.values_list("code", "updated_at"))

    written(file, "code,name,price\nA,Apple,1\nB,Pear,2.50\nC,Plum,3\n")
    call_command("import_products", file)

    assert "1 products created, 1 updated, 1 as they were, 0 left out" in capsys.readouterr().out
    after = dict(Product.objects.values_list("code", "updated_at"))
    assert after["A"] == before["A"]
    assert after["B"] > before["B"]
    assert Product.objects.get(code="B").price == Decimal("2.50")


def test_columns_that_a_file_lacks_stay_as_they_are(tmp_path):
    category = CategoryFactory(name="Mugs")
    ProductFactory(code="A", name="Mug", description="For tea", category=category, stock=4)

    call_command("import_products", written(tmp_path / "p.csv", "code,name,price\nA,Cup,3\n"))

    product = Product.objects.get(code="A")
    assert (product.name, product.slug, product.description, product.category, product.stock) == (
        "Cup", "cup", "For tea", category, 4,
    )  # fmt: skip


def test_an_empty_cell_empties_the_description_and_takes_the_product_off_its_shelf(tmp_path):
    ProductFactory(code="A", description="For tea", attributes={"colour": "red"}, stock=4)

    file = written(tmp_path / "p.csv", "code,name,price,description,category,attributes,stock\nA,Cup,3,,,,\n")
    call_command("import_products", file)

    product = Product.objects.get(code="A")
    assert (product.description, product.category, product.attributes, product.stock) == ("", None, {}, 4)


def test_categories_are_found_by_name_and_slug_and_made_once(tmp_path):
    CategoryFactory(name="Mugs and tea", slug="mugs", position=4)

    call_command(
        "import_products",
        written(
            tmp_path / "p.csv",
            "code,name,price,category\nA,a,1,mugs\nB,b,1,Mugs and tea\nC,c,1,Toys\nD,d,1,Toys\n",
        ),
    )

    assert list(Category.objects.values_list("name", "slug", "position")) == [
        ("Mugs and tea", "mugs", 4), ("Toys", "toys", 5),
    ]  # fmt: skip
    assert list(Product.objects.order_by("code").values_list("category__slug", flat=True)) == [
        "mugs", "mugs", "toys", "toys",
    ]  # fmt: skip


def test_one_bad_row_stops_all_of_them(tmp_path, capsys):
    file = written(tmp_path / "p.csv", "code,name,price\nA,Apple,1\nB,,-2\n")

    assert refusal(file) == "nothing was imported: 1 bad rows; mend them, or leave them out with --skip-bad"

    assert capsys.readouterr().err.splitlines() == [
        "  row 2 (line 3): name: is missing",
        "  row 2 (line 3): price: is -2: a price must not be negative",
    ]
    assert shop() == []


def test_skip_bad_stores_the_good_rows(tmp_path, capsys):
    file = written(tmp_path / "p.csv", "code,name,price\nA,Apple,1\nB,Pear,cheap\nC,Plum,3\n")

    call_command("import_products", file, skip_bad=True)

    said = capsys.readouterr()
    assert "row 2 (line 3): price: is cheap" in said.err
    assert "3 rows: 2 products created, 0 updated, 0 as they were, 1 left out" in said.out
    assert list(Product.objects.order_by("code").values_list("code", flat=True)) == ["A", "C"]


def test_fifty_problems_are_shown_and_all_are_written(tmp_path, capsys):
    rows = "".join(f"P{number},,1\n" for number in range(60))
    file = written(tmp_path / "p.csv", f"code,name,price\n{rows}")

    refusal(file, errors=tmp_path / "errors.csv")

    shown = capsys.readouterr().err.splitlines()
    assert len([line for line in shown if "name: is missing" in line]) == 50
    assert "  … and 10 more" in shown
    with (tmp_path / "errors.csv").open(encoding="utf-8") as report:
        found = list(csv.DictReader(report))
    assert len(found) == 60
    assert found[59] == {"row": "60", "line": "61", "field": "name", "detail": "is missing"}


def test_the_report_never_overwrites_the_file(tmp_path):
    file = written(tmp_path / "p.csv", "code,name,price\nA,,1\n")

    assert "is the file itself" in refusal(file, errors=tmp_path / "." / "p.csv")

    assert file.read_text() == "code,name,price\nA,,1\n"


def test_a_code_that_comes_twice_is_refused_at_the_later_row(tmp_path, capsys):
    file = written(tmp_path / "p.csv", "code,name,price\nA,Apple,1\nB,Pear,1\nA,Apple,2\n")

    call_command("import_products", file, skip_bad=True)

    assert "row 3 (line 4): code: is A as in row 1: a product comes once" in capsys.readouterr().err
    assert Product.objects.get(code="A").price == Decimal("1.00")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"price": "NaN"}, "price: is NaN: must be a price"),
        ({"price": "inf"}, "price: is inf: must be a price"),
        ({"price": "1e999999"}, "price: is 1e999999: must be a price"),
        ({"price": "1.999"}, "price: is 1.999: a price has at most 2 decimals"),
        ({"price": "100000000"}, "price: is 100000000: a price must be below 100,000,000"),
        ({"name": "x" * 201}, "name: has 201 characters; at most 200 may be"),
        ({"name": "a\x00b"}, "name: holds the control character U+0000: remove it"),
        ({"name": "a\x1bb"}, "name: holds the control character U+001B: remove it"),
        ({"name": "\ud800"}, "name: is not UTF-8"),
        ({"code": 10**30}, "code: is a number of more than 30 digits: put it between quotation marks"),
        ({"code": "../x"}, "code: is '../x': it stands in addresses"),
        ({"stock": "-1"}, "stock: is -1: must be a whole number from 0 to 2,147,483,647"),
        ({"stock": 10**400}, "stock: is over 30 digits long: must be a whole number"),
        ({"stock": "3000000000"}, "stock: is 3000000000: must be a whole number"),
        ({"visible": "perhaps"}, "visible: must be true or false"),
        ({"image": "../secret.png"}, "image: is ../secret.png: it must lie below"),
        ({"image": "/etc/passwd"}, "image: is /etc/passwd: it must lie below"),
        ({"image": "products/none.png"}, "image: is products/none.png: there is no such file"),
        ({"attributes": "[1]"}, "attributes: must be a JSON object"),
        ({"attributes": {"a": "\x00"}}, "attributes: holds characters that cannot be stored"),
        ({"created_at": "yesterday"}, "created_at: must be a time in ISO 8601"),
        ({"currency": "USD"}, "currency: is USD, but the shop sells in GBP"),
    ],
)
def test_a_bad_cell_is_named_with_what_was_expected(tmp_path, capsys, cells, problem):
    row = {"code": "A", "name": "Apple", "price": "1"} | cells

    refusal(written(tmp_path / "p.jsonl", json.dumps(row)))

    assert problem in capsys.readouterr().err
    assert shop() == []


def test_files_that_cannot_be_read_are_one_clear_sentence(tmp_path):
    assert "unknown columns: colour; expected: code, name, price, currency" in refusal(
        written(tmp_path / "a.csv", "code,name,price,colour\n")
    )
    assert "missing columns: price" in refusal(written(tmp_path / "b.csv", "code,name\n"))
    assert "missing columns: code, name, price" in refusal(written(tmp_path / "c.csv", ""))
    assert "is empty: expected one JSON object a line" in refusal(written(tmp_path / "d.jsonl", ""))
    assert "is no Parquet file" in refusal(written(tmp_path / "e.parquet", ""))
    assert "there is no such file" in refusal(tmp_path / "none.csv")
    assert "its name must end with" in refusal(written(tmp_path / "p.xlsx", "x"))


def test_a_byte_that_is_no_utf_8_is_found_in_its_row(tmp_path, capsys):
    file = written(tmp_path / "p.csv", b"\xef\xbb\xbfcode,name,price\nA,Apple,1\nB,caf\xe9,1\n")

    call_command("import_products", file, skip_bad=True)

    assert "row 2 (line 3): name: is not UTF-8: save the file as UTF-8" in capsys.readouterr().err
    assert Product.objects.get().name == "Apple"


def test_pictures_from_a_folder_come_into_the_shop(tmp_path, media):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "mug.png").write_bytes((media / "products/mug.png").read_bytes())
    file = written(tmp_path / "p.csv", "code,name,price,image\nA,Mug,1,mug.png\n")

    call_command("import_products", file, images=folder)

    image = Product.objects.get(code="A").image.name
    assert image.startswith("products/")
    assert (media / image).read_bytes() == (folder / "mug.png").read_bytes()


def test_a_thousand_products_take_as_many_statements_as_one(tmp_path):
    def statements(count: int, name: str) -> int:
        rows = "".join(f"{name}{number},Mug,1\n" for number in range(count))
        file = written(tmp_path / f"{name}.csv", f"code,name,price\n{rows}")
        with CaptureQueriesContext(connection) as counted:
            call_command("import_products", file)
        return len([query for query in counted if "ANALYZE" not in query["sql"]])

    assert statements(1_000, "many") == statements(1, "one")
