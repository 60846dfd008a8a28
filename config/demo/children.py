"""Child processes that never outlive the demo: each in a session of its own, ended with all it forked."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psutil

from config.demo import Stopped

PR_SET_PDEATHSIG = 1
END_SECONDS = 6.0
"""Longer than the 3 s that gunicorn grants to requests in flight."""

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    niceness: int = 0,
    death_signal: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> "subprocess.Popen[bytes]":
    """Starts a child; ``death_signal`` reaches it also when the demo is killed without a chance to clean up.

    Call it from the main thread of a process without others: the kernel watches the thread that forked.
    """
    parent = os.getpid()

    def prepare() -> None:
        # A shell without job control starts "make demo &" with both ignored, and a child would inherit that.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:
                os._exit(1)
        if niceness:
            os.nice(niceness)

    return subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=prepare,
        **options,
    )


def end(
    children: Iterable["subprocess.Popen[bytes]"],
    *,
    meanwhile: Callable[[], None] = lambda: None,
    hurry: Callable[[], bool] = lambda: False,
) -> None:
    """Asks the children to end, gives them time, then kills what is left, whatever session it moved to."""
    living = list(children)
    forked = [process for child in living for process in descendants(child.pid)]
    for child in living:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + END_SECONDS
    while any(child.poll() is None for child in living) and time.monotonic() < deadline and not hurry():
        meanwhile()
        time.sleep(0.05)
    for child in living:
        kill_group(child)
    for process in forked:
        # psutil compares start times, so a number that was given to another process is left alone.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def kill_group(child: "subprocess.Popen[bytes]") -> None:
    """Ends at once what a child has left in its session, and collects its exit status."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def wait(child: "subprocess.Popen[bytes]", *, stopping: Callable[[], bool]) -> int:
    """The child's exit code. Raises Stopped, with the child ended, once ``stopping()``."""
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=0.2)
        if stopping():
            end([child])
            raise Stopped


class StopRequests:
    """Counts SIGINT, SIGTERM and SIGHUP: one asks to stop, a second one to hurry."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.count += 1

    def stopping(self) -> bool:
        return self.count > 0

    def hurrying(self) -> bool:
        return self.count > 1
