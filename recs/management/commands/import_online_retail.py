"""The demo's shop: UCI Online Retail, cleaned, into products, customers and purchases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from accounts.models import Shopper
from catalog.models import Product
from catalog.online_retail.cleaning import Cleaned, Lines, clean, read_lines
from catalog.online_retail.load import load_categories, load_pictures, load_products
from catalog.online_retail.products import products_of
from recs.bulk import BulkInteraction, store_interactions
from recs.engine.interactions import Kind
from recs.popularity import refresh_popularity

NAMESPACE = UUID("6ba8b5cb-6d1e-4b0c-9c1e-0c24b8c5bd33")


class Command(BaseCommand):
    help = "Imports UCI Online Retail: 3,657 products, 4,334 customers, their purchases. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        with _timed(console, "read and cleaned"):
            cleaned = clean(read_lines())
        console.print(_report(cleaned))
        with _timed(console, "products, pictures, shelves"):
            products = products_of(cleaned.lines)
            load_pictures(products)
            load_categories()
            imported = load_products(products)
        with _timed(console, "customers"):
            customers = _load_customers(cleaned.lines)
        with _timed(console, "purchases"):
            # Read before the COPY begins: until that ends its connection answers nothing else.
            keys = dict(Product.objects.values_list("code", "pk"))
            stored = store_interactions(_purchases(cleaned.lines, customers, keys))
        with _timed(console, "what is popular"):
            refresh_popularity()
        console.print(
            f"{imported.created} products, {len(customers)} customers, {stored} purchases stored;"
            f" what was there already is unchanged"
        )


def _load_customers(lines: Lines) -> dict[int, int]:
    """Customer number → primary key of their shopper; last seen when they bought last."""
    numbers, first = np.unique(lines.customer[::-1], return_index=True)
    last = lines.time[::-1][first]
    Shopper.objects.bulk_create(
        [
            Shopper(code=str(number), last_seen_at=_moment(at))
            for number, at in zip(numbers.tolist(), last, strict=True)
        ],
        ignore_conflicts=True,
        batch_size=2_000,
    )
    keys = Shopper.objects.filter(code__in=[str(number) for number in numbers.tolist()])
    return {int(code): pk for code, pk in keys.values_list("code", "pk") if code}


def _purchases(
    lines: Lines, customers: dict[int, int], products: dict[str, int]
) -> Iterator[BulkInteraction]:
    """One per line of an invoice; its id is made from its row in the raw file."""
    moments = {int(at.astype(np.int64)): _moment(at) for at in np.unique(lines.time)}
    for row, code, customer, quantity, at in zip(
        lines.row.tolist(),
        lines.code,
        lines.customer.tolist(),
        lines.quantity.tolist(),
        lines.time.astype(np.int64).tolist(),
        strict=True,
    ):
        yield BulkInteraction(
            uuid=uuid5(NAMESPACE, str(row)),
            shopper_id=customers[customer],
            kind=int(Kind.PURCHASE),
            product_id=products[code],
            value=float(quantity),
            query="",
            occurred_at=moments[at],
        )


def _report(cleaned: Cleaned) -> Table:
    table = Table("rule", "rows dropped", title=f"{cleaned.raw:,} raw rows")
    table.columns[1].justify = "right"
    for rule, rows in cleaned.dropped.items():
        table.add_row(rule, f"{rows:,}")
    table.add_row("[bold]left[/bold]", f"[bold]{len(cleaned.lines):,}[/bold]")
    return table


def _moment(at: np.datetime64) -> datetime:
    return at.astype("datetime64[s]").astype(datetime).replace(tzinfo=UTC)


@contextmanager
def _timed(console: Console, title: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {title}", highlight=False)
