"""Trains a challenger now and publishes it if it beats the champion."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from recs.evaluation.options import OptionError, check_minutes
from recs.models import TrainingRun
from recs.nightly.run import AlreadyRunning, LeaseLost, run_nightly
from recs.registry import active_version

METRICS = ("hr@10", "ndcg@10", "mrr", "coverage@10")


class Command(BaseCommand):
    help = (
        "Runs the nightly path now: trains a challenger, compares it with the champion, publishes the better."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--minutes", type=float, help="bound of the transformer's training (default: TRAINING_MINUTES)"
        )
        parser.add_argument("--if-none", action="store_true", help="do nothing if a model is active already")

    def handle(self, *args: Any, **options: Any) -> None:
        minutes = options["minutes"]
        if minutes is not None:
            try:
                check_minutes(minutes)
            except OptionError as failure:
                raise CommandError(str(failure)) from failure
        version = active_version()
        if options["if_none"] and version:
            self.stdout.write(f"model version {version.name} is active: nothing to do")
            return
        console = Console()
        try:
            run = self._run(console, minutes)
        except (AlreadyRunning, LeaseLost) as reason:
            raise CommandError(f"{reason}; wait for it, or stop it") from reason
        except KeyboardInterrupt:
            raise CommandError("interrupted; the next run goes on from its last checkpoint") from None
        self._show(console, run)

    def _run(self, console: Console, minutes: float | None) -> TrainingRun:
        if not console.is_terminal:
            return run_nightly(minutes=minutes, say=PlainLines(console))
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=console) as bars:
            tasks: dict[str, TaskID] = {}

            def say(stage: str, done: float, figures: dict[str, float]) -> None:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(stage, total=1.0, figures="")
                bars.update(tasks[stage], completed=done)
                if figures:
                    bars.update(tasks[stage], figures=_shown(figures))

            return run_nightly(minutes=minutes, say=say)

    def _show(self, console: Console, run: TrainingRun) -> None:
        quality = run.figures.get("quality", {})
        if quality:
            data, best = run.figures["data"], run.figures["challenger"]
            until = datetime.fromisoformat(run.figures["history_until"])
            title = (
                f"the newest {100 * data['test_share']:.3g} % of what was stored until {until:%H:%M} UTC:"
                f" {quality[best]['targets']:,} shoppers, one new product each"
            )
            table = Table(title=title)
            table.add_column("recommender")
            for metric in METRICS:
                table.add_column(metric, justify="right")
            names = {best: f"challenger ({best})", "champion": "champion (active version)"}
            for name, figures in quality.items():
                table.add_row(names.get(name, name), *[f"{figures[metric]:.4f}" for metric in METRICS])
            console.print(table)
        seconds = run.figures.get("seconds", {})
        if seconds:
            console.print("seconds: " + ", ".join(f"{step} {spent:.1f}" for step, spent in seconds.items()))
        if run.version:
            console.print(f"[bold]published[/bold] {run.version.name}: {run.reason}")
        else:
            console.print(f"[bold]{run.status}[/bold]: {run.reason}")


class PlainLines:
    """Progress where nobody watches a terminal: each stage's end, and a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = time.monotonic()

    def __call__(self, stage: str, done: float, figures: dict[str, float]) -> None:
        if done < 1.0 and time.monotonic() - self._told < 10:
            return
        self._told = time.monotonic()
        self._console.print(f"{stage}: {100 * done:.0f} % {_shown(figures)}".rstrip(), highlight=False)


def _shown(figures: dict[str, float]) -> str:
    return "  ".join(
        f"{name} {value:,.0f}" if value >= 1_000 else f"{name} {value:.4g}" for name, value in figures.items()
    )
