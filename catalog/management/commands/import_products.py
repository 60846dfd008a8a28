"""Products from anybody's CSV, JSON lines or Parquet file."""

from __future__ import annotations

from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from catalog.files.products import COLUMNS, place_pictures, read_products
from catalog.files.reading import FileError
from catalog.files.report import add_file_arguments, columns_help, progress_bar, report_problems
from catalog.services import products_import


class Command(BaseCommand):
    help = f"""Imports products: creates those whose code is new, updates the others. Safe to repeat.

Columns, in any order:
{columns_help(COLUMNS)}

A product that exists keeps what no column speaks of; an empty cell empties description, category, image
and attributes, and leaves the rest as it is. All rows are imported or, if one is bad, none (--skip-bad).
New products are encoded, and so recommended, by the default worker; or at once by encode_content."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        add_file_arguments(parser)
        parser.add_argument(
            "--images",
            type=_folder,
            metavar="FOLDER",
            help="where the pictures lie that the column image names",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        try:
            with progress_bar(console, "reading") as say:
                read = read_products(options["file"], images=options["images"], say=say)
        except FileError as failure:
            raise CommandError(str(failure)) from failure
        report_problems(
            Console(stderr=True),
            read.problems,
            file=options["file"],
            errors=options["errors"],
            skip_bad=options["skip_bad"],
        )
        products = read.products
        if options["images"]:
            products = place_pictures(products, options["images"])
        imported = products_import(products=products, update=True)
        same = len(products) - imported.created - imported.updated
        console.print(
            f"{read.rows:,} rows: {imported.created:,} products created, {imported.updated:,} updated,"
            f" {same:,} as they were, {read.rows - len(products):,} left out",
            highlight=False,
        )


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise ArgumentTypeError(f"{name}: there is no such folder")
    return Path(name)
