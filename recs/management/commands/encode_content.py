"""Text and picture vectors of all products whose content is new or changed, and what follows from them."""

from __future__ import annotations

import time
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
            say = _bars(bars, console)
            encoded = encode_content(say=say)
            categorised = categorise_products()
            words = distil_queries(progress=lambda done: say("query words", done))
        placed = place_products(product_ids=stale) if stale else 0
        console.print(
            f"{encoded} products encoded, {categorised} put on a shelf, {words} query words distilled,"
            f" {placed} placed in the models that serve",
            highlight=False,
            soft_wrap=True,
        )


def _bars(bars: Progress, console: Console) -> Callable[[str, float], None]:
    """Where no one watches, one line per stage when it is done."""
    tasks: dict[str, TaskID] = {}
    began = time.monotonic()

    def say(stage: str, done: float) -> None:
        nonlocal began
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
        bars.update(tasks[stage], completed=done)
        if done >= 1.0:
            if not console.is_terminal:
                console.print(f"{time.monotonic() - began:6.1f} s  {stage}", highlight=False)
            began = time.monotonic()

    return say
