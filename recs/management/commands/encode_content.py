"""Text and picture vectors of all products whose content is new or changed, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recs.categories import categorise_products
from recs.content import encode_content, products_to_encode
from recs.product_vectors import place_products
from recs.query_words import distil_queries, measure_queries


class Command(BaseCommand):
    help = (
        "Encodes product texts and pictures, fills missing categories, distils the words of search queries."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--measure-queries",
            action="store_true",
            help="compare search by the distilled table with the text model",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        if options["measure_queries"]:
            for line in measure_queries():
                console.print(line, highlight=False)
            return
        stale = products_to_encode(limit=1_000_000)
        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
            say = _bars(bars)
            encoded = encode_content(say=say)
            categorised = categorise_products()
            words = distil_queries(progress=lambda done: say("query words", done))
        placed = place_products(product_ids=stale) if stale else 0
        console.print(
            f"{encoded} products encoded, {categorised} put on a shelf, {words} query words distilled,"
            f" {placed} placed in the models that serve",
            highlight=False,
        )


def _bars(bars: Progress) -> Callable[[str, float], None]:
    tasks: dict[str, TaskID] = {}

    def say(stage: str, done: float) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
        bars.update(tasks[stage], completed=done)

    return say
