"""The shop's real servers, started as ``make demo`` starts them, on a free port of loopback."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from config.benchmark.installation import BenchmarkError
from config.benchmark.load import get
from config.demo import children
from config.demo.programs import Program, web, worker

START_SECONDS = 120.0
"""Two busy cores took 25 s to import torch in three processes at once."""


@contextlib.contextmanager
def running_shop() -> Iterator[int]:
    """The port of a shop that answers; its workers may still be starting. Raises BenchmarkError.

    Without beat: its sweep would hide what the worker loses.
    """
    port = _free_port()
    programs = [web(port), worker("realtime"), worker("default")]
    started: list[tuple[Program, subprocess.Popen[bytes]]] = []
    try:
        for program in programs:
            with _log(program).open("wb") as log:
                child = children.spawn(
                    program.command,
                    environment=program.environment,
                    death_signal=program.death_signal,
                    stdout=log,
                    stderr=log,
                )
            started.append((program, child))
        _wait(started, lambda: _answers(port), what="the web server")
        try:
            yield port
        except RuntimeError as failure:
            raise BenchmarkError(
                f"{failure}\nthe web server's last lines: {_last_lines(programs[0])}"
            ) from None
        for program, child in started:
            if child.poll() is not None:
                raise BenchmarkError(f"{program.name} ended while it was measured: {_last_lines(program)}")
    finally:
        children.end([child for _, child in started])


def _wait(
    started: list[tuple[Program, "subprocess.Popen[bytes]"]], ready: Callable[[], bool], *, what: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        for program, child in started:
            if child.poll() is not None:
                raise BenchmarkError(f"{program.name} does not start: {_last_lines(program)}")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what} did not answer within {START_SECONDS:g} s")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        return get(port, "/healthz").status == 200
    except OSError:
        return False


def _log(program: Program) -> Path:
    folder = settings.VAR_DIR / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{program.name}.log"


def _last_lines(program: Program) -> str:
    lines = _log(program).read_text(errors="replace").strip().splitlines()
    return "\n".join(lines[-12:]) or "no message"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
