"""Recommendation quality on a public file, by the fixed protocol of leave-last-out. Needs no database."""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from recs.engine.evaluation import evaluate
from recs.engine.recommender import Budget
from recs.engine.recommender import Progress as Step
from recs.engine.recommenders import FAMILY
from recs.engine.sequences import SequenceData, SequenceFileError, leave_last_out, read_sequences

WIDE = 140
"""Columns of a table that goes to a file: none may be cut."""
DEFAULT = "popularity,item_knn,ease,transformer"
METRICS = ("hr@5", "hr@10", "ndcg@5", "ndcg@10", "mrr", "coverage@10")


@dataclass(frozen=True, slots=True)
class Task:
    """What a child process is asked to do."""

    sequences: Path
    attributes: Path | None
    recommender: str
    seconds: float
    seed: int


class Command(BaseCommand):
    help = (
        "Ranks the whole catalogue for each user of a file `user item item …`: the last item is the test, the one"
        " before it the validation, the rest training. Everything is chosen on validation; the test is looked at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sequences", required=True, metavar="FILE[.gz]", help="one line a user, oldest first"
        )
        parser.add_argument("--attributes", metavar="FILE[.gz]", help="JSON {item: [attribute id, …]}")
        parser.add_argument(
            "--recommenders", default=DEFAULT, metavar="NAME,NAME", help=f"or all; known: {', '.join(FAMILY)}"
        )
        parser.add_argument(
            "--minutes", type=float, default=10.0, help="bound of each training (default: 10)"
        )
        parser.add_argument(
            "--seed", type=int, default=0, help="the same seed gives the same figures (default: 0)"
        )
        parser.add_argument("--json", metavar="FILE", help="write the figures there, - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        names = list(FAMILY) if options["recommenders"] == "all" else options["recommenders"].split(",")
        unknown = [name for name in names if name not in FAMILY]
        if unknown:
            raise CommandError(f"--recommenders: unknown {', '.join(unknown)}; known are {', '.join(FAMILY)}")
        if not 0 < options["minutes"] <= 24 * 60:
            raise CommandError("--minutes must lie above 0 and be at most 1440")
        if options["json"] not in (None, "-") and not Path(options["json"]).absolute().parent.is_dir():
            raise CommandError(f"--json {options['json']}: its folder does not exist")
        sequences = Path(options["sequences"])
        attributes = Path(options["attributes"]) if options["attributes"] else None
        try:
            data = read_sequences(sequences, attributes)
        except SequenceFileError as failure:
            raise CommandError(str(failure)) from failure
        console = Console(stderr=options["json"] == "-")
        if not console.is_terminal:
            console.width = WIDE
        results = []
        for name in names:
            task = Task(sequences, attributes, name, 60 * options["minutes"], options["seed"])
            results.append(_in_child(task, console))
        console.print(_table(data, results))
        report = {
            "dataset": data.name,
            "users": len(data.sequences),
            "items": data.items.count,
            "interactions": sum(len(row) for row in data.sequences),
            "seed": options["seed"],
            "results": results,
        }
        _write(report, options["json"])


def _in_child(task: Task, console: Console) -> dict[str, Any]:
    """Each recommender in a process of its own, so that its peak of memory is its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(task, there), daemon=True)
    child.start()
    there.close()
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task(task.recommender, total=1.0, figures="")
        while True:
            try:
                told = here.recv()
            except EOFError:
                child.join()
                raise CommandError(
                    f"{task.recommender}: the process ended with code {child.exitcode}"
                ) from None
            if isinstance(told, Step):
                figures = "  ".join(f"{name} {value:.4g}" for name, value in told.figures.items())
                bars.update(bar, completed=told.done, figures=figures)
            elif isinstance(told, str):
                raise CommandError(f"{task.recommender}: {told}")
            else:
                bars.update(bar, completed=1.0)
                child.join()
                return told


def _work(task: Task, pipe: Connection) -> None:
    data = read_sequences(task.sequences, task.attributes)
    split = leave_last_out(data)
    recommender = FAMILY[task.recommender]()
    began = time.monotonic()
    try:
        recommender.fit(
            split.training,
            data.items,
            budget=Budget(seconds=task.seconds),
            seed=task.seed,
            validation=split.validation,
            progress=pipe.send,
        )
    except ValueError as failure:
        pipe.send(str(failure))
        return
    seconds = time.monotonic() - began
    count = data.items.count
    validation = evaluate(recommender, split.validation, item_count=count).figures()
    figures = evaluate(recommender, split.test, item_count=count).figures()
    pipe.send(
        {
            "recommender": task.recommender,
            **{name: figures[name] for name in METRICS},
            "validation_ndcg@10": validation["ndcg@10"],
            "train_seconds": round(seconds, 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "parameters": recommender.parameters,
        }
    )


def _table(data: SequenceData, results: list[dict[str, Any]]) -> Table:
    interactions = sum(len(row) for row in data.sequences)
    title = f"{data.name}: {len(data.sequences):,} users, {data.items.count:,} items, {interactions:,} interactions"
    table = Table(title=title)
    table.add_column("recommender")
    for name in (*METRICS, "train s", "peak MB", "parameters"):
        table.add_column(name, justify="right")
    for row in results:
        table.add_row(
            row["recommender"],
            *[f"{row[name]:.4f}" for name in METRICS],
            f"{row['train_seconds']:.0f}",
            f"{row['peak_rss_mb']:,}",
            f"{row['parameters']:,}",
        )
    return table


def _write(report: dict[str, Any], target: str | None) -> None:
    if target is None:
        return
    text = json.dumps(report, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text)
    except OSError as failure:
        raise CommandError(f"--json {target}: {failure.strerror}") from failure
