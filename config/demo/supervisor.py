"""Keeps the demo's servers and workers running, shows their logs, and puts them away at the end."""

import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from config.demo import children
from config.demo.children import StopRequests
from config.demo.programs import Program
from config.services import ServiceError, Services

TURN_SECONDS = 0.5
CHECK_SECONDS = 1.0
"""How often Postgres and Redis are looked at; twice missing and they are started again."""
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A program that ran this long has got over its trouble: its next restart is quick again."""

COLOURS = {"web": 36, "realtime": 32, "default": 33, "training": 35, "beat": 34, "demo": 1}


@dataclass
class Running:
    """One program's present process and when to start the next, in seconds of the monotonic clock."""

    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = FIRST_PAUSE
    unfinished: bytes = b""


@dataclass
class Supervisor:
    """A single-threaded loop: read logs, restart what ended, look after the services."""

    services: Services
    stop_requests: StopRequests
    programs: list[Running] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _missing: bool = False
    _next_check: float = 0.0
    _check_pause: float = CHECK_SECONDS

    def start(self, programs: list[Program]) -> None:
        self.programs += [Running(program) for program in programs]
        self._start_due()

    def turn(self) -> None:
        """One round of the loop: half a second."""
        until = time.monotonic() + TURN_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._show_logs(timeout=left)
        self._note_ended()
        self._look_after_services()
        self._start_due()

    def stop(self) -> None:
        living = [running.process for running in self.programs if running.process]
        children.end(
            living, meanwhile=lambda: self._show_logs(timeout=0.0), hurry=self.stop_requests.hurrying
        )
        self._show_logs(timeout=0.0)

    def failed(self) -> str | None:
        """The name of a program that keeps ending soon after its start, if any."""
        return next((r.program.name for r in self.programs if r.pause > 2 * FIRST_PAUSE), None)

    def say(self, text: str) -> None:
        show("demo", text)

    def _start_due(self) -> None:
        now = time.monotonic()
        for running in self.programs:
            if running.process is None and now >= running.start_at:
                program = running.program
                running.process = children.spawn(
                    program.command,
                    environment=program.environment,
                    niceness=program.niceness,
                    death_signal=program.death_signal,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                running.started_at = now
                assert running.process.stdout is not None
                os.set_blocking(running.process.stdout.fileno(), False)
                self._selector.register(running.process.stdout, selectors.EVENT_READ, running)

    def _note_ended(self) -> None:
        now = time.monotonic()
        for running in self.programs:
            process = running.process
            if process is None or process.poll() is None:
                continue
            children.kill_group(process)
            if now - running.started_at > STEADY_SECONDS:
                running.pause = FIRST_PAUSE
            running.process = None
            running.start_at = now + running.pause
            code = process.returncode
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            self.say(f"{running.program.name} {how}: starting it again in {running.pause:g} s")
            running.pause = min(2 * running.pause, LONGEST_PAUSE)

    def _look_after_services(self) -> None:
        now = time.monotonic()
        if now < self._next_check:
            return
        missing = self.services.missing()
        if missing and self._missing:
            self.say(f"{' and '.join(missing)} gone: starting again")
            try:
                self.services.ensure()
                self.say(f"{' and '.join(missing)} back after {time.monotonic() - now:.1f} s")
                self._check_pause = CHECK_SECONDS
            except ServiceError as failure:
                self._check_pause = min(2 * self._check_pause, LONGEST_PAUSE)
                self.say(f"{failure}; next try in {self._check_pause:g} s")
        self._missing = bool(missing)
        self._next_check = time.monotonic() + self._check_pause

    def _show_logs(self, *, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            running: Running = key.data
            chunk = os.read(key.fd, 65536)
            *lines, running.unfinished = (running.unfinished + chunk).split(b"\n")
            if not chunk:
                self._selector.unregister(key.fileobj)
                lines, running.unfinished = [running.unfinished] if running.unfinished else [], b""
            for line in lines:
                show(running.program.name, line.decode(errors="replace"))


def show(name: str, text: str) -> None:
    """One log line with its program's name before it, in colour on a terminal."""
    prefix = f"{name:>8} │"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        prefix = f"\033[{COLOURS.get(name, 0)}m{prefix}\033[0m"
    print(f"{prefix} {text}", flush=True)
