"""What import commands show: a bar, the first problems, where all of them are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from catalog.files.cells import Problem
from catalog.files.reading import FileError
from catalog.files.writing import write_problems

SHOWN = 50


def add_file_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="*.csv, *.jsonl, *.parquet (or .csv.gz, .jsonl.gz)"
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="import the good rows; without it one bad row stops all of them",
    )
    parser.add_argument(
        "--errors",
        type=Path,
        metavar="FILE",
        help=f"write every problem there by row and field; the first {SHOWN} are shown",
    )


def columns_help(columns: dict[str, str]) -> str:
    """The schema of a file, for a command's help."""
    width = max(map(len, columns))
    return "\n".join(f"  {name:<{width}}  {meaning}" for name, meaning in columns.items())


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[float], None]]:
    """Gives ``say(done in 0 … 1)``; silent where no one watches."""
    parts = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*parts, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=1.0)
        yield lambda done: bars.update(task, completed=done)


def report_problems(
    console: Console, problems: list[Problem], *, file: Path, errors: Path | None, skip_bad: bool
) -> None:
    """Shows the first problems and writes all to ``errors``. Raises CommandError unless bad rows are to be skipped.

    Without problems the file has no rows, so that none is left of an earlier run.
    """

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for problem in problems[:SHOWN]:
        say(f"  {problem}")
    if len(problems) > SHOWN:
        say(f"  … and {len(problems) - SHOWN:,} more" + ("" if errors else ": see all with --errors FILE"))
    if errors:
        if errors.resolve() == file.resolve():
            raise CommandError(f"nothing was imported: --errors {errors} is the file itself, name another")
        try:
            write_problems(errors, problems)
        except FileError as failure:
            raise CommandError(f"nothing was imported: {failure}") from failure
    if problems and errors:
        say(f"all of them: {errors}")
    bad = len({problem.row for problem in problems})
    if bad and not skip_bad:
        raise CommandError(
            f"nothing was imported: {bad:,} bad rows; mend them, or leave them out with --skip-bad"
        )
