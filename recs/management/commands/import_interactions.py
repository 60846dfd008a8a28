"""Interactions from anybody's CSV, JSON lines or Parquet file."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from catalog.files.reading import FileError
from catalog.files.report import add_file_arguments, columns_help, progress_bar, report_problems
from recs.interaction_files import COLUMNS, check_interactions, store_file
from recs.popularity import refresh_popularity


class Command(BaseCommand):
    help = f"""Imports interactions: what shoppers did. Safe to repeat: each is stored once.

Columns, in any order:
{columns_help(COLUMNS)}

Rows without an id that are equal to the letter count as one interaction. All rows are imported or, if one
is bad, none (--skip-bad). The vectors of the shoppers follow within the minute, by the realtime worker's sweep,
and a feed asked for before that encodes by itself; the models learn from the rows in the next training.
Products that are new as well are recommended once encode_content, or the default worker, encoded them."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        add_file_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        file = options["file"]
        try:
            with progress_bar(console, "checking") as say:
                checked = check_interactions(file, say=say)
            report_problems(
                Console(stderr=True),
                checked.problems,
                file=file,
                errors=options["errors"],
                skip_bad=options["skip_bad"],
            )
            with progress_bar(console, "storing") as say:
                done = store_file(file, checked, say=say)
        except FileError as failure:
            raise CommandError(str(failure)) from failure
        if done.stored:
            refresh_popularity()
        known = checked.good - checked.repeated - done.stored
        console.print(
            f"{checked.rows:,} rows: {done.stored:,} interactions stored, {known:,} known already,"
            f" {checked.repeated:,} repeated in the file, {checked.rows - checked.good:,} left out;"
            f" {done.new_shoppers:,} new shoppers",
            highlight=False,
            soft_wrap=True,
        )
