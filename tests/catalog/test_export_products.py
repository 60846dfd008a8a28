"""export_products, whose files import_products takes back."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from catalog.models import Product
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    """A media folder with one picture, ``products/mug.png``."""
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "products").mkdir(parents=True)
    Image.new("RGB", (2, 2), "red").save(settings.MEDIA_ROOT / "products" / "mug.png")


def shop() -> list[dict[str, object]]:
    fields = (
        "code name slug price currency description category__name stock visible image attributes created_at"
    )
    return list(Product.objects.values(*fields.split()).order_by("code"))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "ndjson", "parquet"])
def test_what_is_exported_comes_back_the_same(tmp_path, capsys, ending):
    ProductFactory(
        code="Ü/1", name='Mug, "red"', description="One\nTwo; 茶", price=Decimal("0.10"), stock=0, visible=False,
        category=CategoryFactory(name="Mugs & tea"), attributes={"colour": "röd", "sizes": [1, 2.5], "new": None},
        image="products/mug.png", created_at=datetime(2011, 12, 9, 12, 50, 1, 234567, tzinfo=UTC),
    )  # fmt: skip
    ProductFactory(code="0042", name="=SUM(A1)", category=None, price=Decimal("99999999.99"))
    before = shop()
    file = tmp_path / f"out.{ending}"

    call_command("export_products", file)
    call_command("import_products", file)
    assert "2 rows: 0 products created, 0 updated, 2 as they were, 0 left out" in capsys.readouterr().out

    Product.objects.all().delete()
    call_command("import_products", file)
    assert shop() == before


def test_an_export_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_products", tmp_path / "none" / "out.csv")
    with pytest.raises(CommandError, match="its name must end with"):
        call_command("export_products", tmp_path / "out.xlsx")
