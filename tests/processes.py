"""Real processes for tests: started against the test database, waited for, and ended with all they forked."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 90.0
"""Importing torch on a busy machine with two cores has taken 20 s."""


@dataclass(frozen=True)
class TestProcess:
    """A process in a group of its own, its output in a file."""

    __test__ = False

    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
        """Fails with the process's output if it ends, or time runs out, before the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.popen.poll() is not None
            if ended or time.monotonic() > deadline:
                reason = f"ended with {self.popen.returncode}" if ended else f"took over {seconds:g} s"
                raise AssertionError(f"{what}: the process {reason}\n{self.output()[-6000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends the process and its group at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self, *, seconds: float = 10.0) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(seconds)
        self.kill()


def _default_signals() -> None:
    """Tests that a script runs in the background have these ignored, and what they start would inherit it."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def python_process(
    arguments: Sequence[str | Path], *, log: Path, environment: Mapping[str, str]
) -> Iterator[TestProcess]:
    """Runs Python with these arguments, from the project's folder, for the length of a block."""
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_default_signals,
        )
    process = TestProcess(popen=popen, log=log)
    try:
        yield process
    finally:
        process.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether an HTTP server answers there, with whatever status below 500."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as response:
        return response.code < 500
    except (OSError, urllib.error.URLError):
        return False
