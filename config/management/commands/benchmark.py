"""``manage.py benchmark``: see config/benchmark."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from config import services
from config.benchmark.installation import BenchmarkError, temporary_installation
from config.benchmark.report import Report, rounded
from config.demo import Stopped, children
from recs.evaluation.written import WriteError, check_target, write_json

NAMES = ("feed", "freshness", "ingest", "retrieval", "training", "warm_start", "page", "engine")
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
"""Read by the libraries under numpy and torch when they are loaded; torch can be told another number later. Threads
that wait by spinning take the processor from those they wait for: with another program on one of two processors a
step of training took 15.5 s instead of 2.0 s."""


class Command(BaseCommand):
    help = "Measure the speed of the real servers on synthetic data, in an installation made for it, or of the engine."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=NAMES)
        parser.add_argument("--products", type=positive, default=10_000, help="default: 10000")
        parser.add_argument("--shoppers", type=positive, default=1_000, help="default: 1000")
        parser.add_argument("--items", type=positive, default=100_000, help="of engine; default: 100000")
        parser.add_argument(
            "--interactions", type=positive, default=2_000_000, help="of engine; default: 2000000"
        )
        parser.add_argument(
            "--seconds", type=positive, help="of each load or training; default: 10, of engine 30"
        )
        parser.add_argument(
            "--json", metavar="FILE", help="also write the figures there; - for standard output"
        )

    def handle(self, *args: Any, name: str, json: str | None, **options: Any) -> None:
        # A hundred thousand items take eight seconds before the first step.
        options["seconds"] = options["seconds"] or (30 if name == "engine" else 10)
        try:
            check_target(json)
            report = _engine(options) if name == "engine" else _shop(name, options)
            # With ``--json -`` standard output is JSON alone.
            report.print(Console(stderr=json == "-", width=None if os.isatty(1) else 100))
            write_json(rounded(report.figures), json)
        except Stopped:
            raise SystemExit(130) from None
        except (BenchmarkError, WriteError, services.ServiceError) as failure:
            raise CommandError(str(failure)) from None


def _shop(name: str, options: dict[str, Any]) -> Report:
    """Measured in an installation made for it."""
    stop_requests = children.StopRequests()
    addresses = {"database_url": settings.DATABASE_URL, "redis_url": settings.REDIS_URL}
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with (
        services.running_as_configured(settings.VAR_DIR, **addresses),
        temporary_installation(var=settings.VAR_DIR, **addresses) as installation,
    ):
        found = installation.folder / "report.json"
        arguments = [f"--{word}={options[word]}" for word in ("products", "shoppers", "seconds")]
        command = ["config.benchmark.run", name, *arguments, f"--report={found}"]
        _run(command, installation.environment, stop_requests)
        return Report.load(found)


def _engine(options: dict[str, Any]) -> Report:
    """Measured by itself: no database, no servers."""
    stop_requests = children.StopRequests()
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "report.json"
        arguments = [f"--{word}={options[word]}" for word in ("items", "interactions", "seconds")]
        threads = f"--threads={len(os.sched_getaffinity(0))}"
        _run(["config.benchmark.engine", *arguments, threads, f"--report={found}"], THREADS, stop_requests)
        return Report.load(found)


def _run(module: list[str], environment: Mapping[str, str], stop_requests: children.StopRequests) -> None:
    child = children.spawn(
        [sys.executable, "-m", *module], environment=environment, cwd=settings.BASE_DIR, stdout=sys.stderr
    )
    try:
        code = children.wait(child, stopping=stop_requests.stopping)
    finally:
        children.end([child])
    if code:
        raise CommandError("the benchmark did not come to its end: see its last lines above")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)
