"""All products into a CSV, JSON lines or Parquet file, as import_products takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.files.products import SCHEMA, product_rows
from catalog.files.reading import FileError
from catalog.files.writing import write_table


class Command(BaseCommand):
    help = "Writes all products into FILE, by the columns that import_products reads (see its --help)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="FILE", help="*.csv, *.jsonl, *.parquet (or .csv.gz, .jsonl.gz)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = write_table(options["file"], product_rows(), schema=SCHEMA)
        except FileError as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(f"{count:,} products written to {options['file']}")
