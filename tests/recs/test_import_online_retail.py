"""The demo's shop, from the first rows of the real file."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from accounts.models import Shopper
from catalog.models import Category, Product
from catalog.online_retail.categories import SHELVES
from catalog.online_retail.cleaning import DATA, Lines, lines_of
from recs.engine.interactions import Kind
from recs.management.commands import import_online_retail as command
from recs.models import Interaction, ProductPopularity

pytestmark = pytest.mark.django_db
ROWS = 1_500


@pytest.fixture(scope="module")
def first_lines() -> Lines:
    return lines_of(pq.read_table(DATA / "online_retail.parquet").slice(0, ROWS))


@pytest.fixture(autouse=True)
def small_file(first_lines, monkeypatch, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(command, "read_lines", lambda: first_lines)


def rows() -> dict[str, list]:
    return {
        "products": list(Product.objects.order_by("pk").values()),
        "shoppers": list(Shopper.objects.order_by("pk").values()),
        "interactions": list(Interaction.objects.order_by("pk").values()),
        "categories": list(Category.objects.order_by("pk").values()),
    }


def test_every_shelf_has_a_picture_of_its_own(settings):
    call_command("import_online_retail")

    pictures = dict(Category.objects.values_list("slug", "image"))
    assert pictures["christmas"] == "categories/1f384.webp"
    assert len(set(pictures.values())) == len(SHELVES)
    assert all((Path(settings.MEDIA_ROOT) / picture).is_file() for picture in pictures.values())


def test_products_customers_and_purchases_are_those_of_the_file(settings, capsys):
    call_command("import_online_retail")

    heart = Product.objects.get(code="85123A")
    assert heart.name == "White hanging heart tea light holder"
    assert heart.price == Decimal("2.55")
    assert heart.currency == "GBP"
    assert heart.available
    assert heart.created_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (Path(settings.MEDIA_ROOT) / heart.image.name).is_file()
    customer = Shopper.objects.get(code="17850")
    bought = customer.interactions.filter(product=heart).order_by("occurred_at")
    first = bought[0]
    assert (first.kind, first.value) == (Kind.PURCHASE, 6.0)
    assert first.occurred_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert customer.last_seq == customer.interactions.count()
    assert set(customer.interactions.values_list("seq", flat=True)) == set(range(1, customer.last_seq + 1))
    assert customer.last_seen_at == customer.interactions.latest("occurred_at").occurred_at
    assert Category.objects.count() == len(SHELVES)
    assert ProductPopularity.objects.filter(total__gt=0).count() == Product.objects.count()
    report = capsys.readouterr().out
    assert "1,500 raw rows" in report
    assert "cancellations" in report


def test_a_second_import_changes_nothing():
    call_command("import_online_retail")
    before = rows()

    call_command("import_online_retail")

    assert rows() == before


def test_what_the_owner_changed_stays():
    call_command("import_online_retail")
    Product.objects.filter(code="85123A").update(name="Heart", price=Decimal("9.99"), visible=False)
    Category.objects.filter(slug="bags").update(name="Handbags")

    call_command("import_online_retail")

    heart = Product.objects.get(code="85123A")
    assert (heart.name, heart.price, heart.visible) == ("Heart", Decimal("9.99"), False)
    assert Category.objects.get(slug="bags").name == "Handbags"
    assert Category.objects.count() == len(SHELVES)


def test_an_import_that_was_killed_is_completed(monkeypatch):
    def killed(rows: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "store_interactions", killed)
        with pytest.raises(KeyboardInterrupt):
            call_command("import_online_retail")
    assert Product.objects.exists()
    assert not Interaction.objects.exists()

    call_command("import_online_retail")

    stored = Interaction.objects.count()
    assert stored > 1_000
    assert sum(Shopper.objects.values_list("last_seq", flat=True)) == stored


def test_pictures_are_copied_once_and_shared(settings):
    call_command("import_online_retail")

    folder = Path(settings.MEDIA_ROOT) / "products"
    files = {path.name for path in folder.iterdir()}
    named = {Path(image).name for image in Product.objects.exclude(image="").values_list("image", flat=True)}
    assert files == named
    assert len(files) < Product.objects.exclude(image="").count()
