"""The processes that make a running shop. On several machines the same commands run apart."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.demo.preparation import ENVIRONMENT

WEB_WORKERS = 2
WEB_THREADS = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Encoding one shopper is too small a sum to share out, and threads would take the cores from each other."""


@dataclass(frozen=True)
class Program:
    """A command that should run for as long as the demo does."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    niceness: int = 0
    death_signal: signal.Signals = signal.SIGTERM


def shop_programs(*, port: int) -> list[Program]:
    """Web server, one worker for each kind of task, and the one scheduler."""
    return [
        web(port),
        worker("realtime"),
        worker("default", "content"),
        worker("training", niceness=10),
        beat(),
    ]


def web(port: int) -> Program:
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)]
    command += ["--graceful-timeout", "3", "--timeout", "60", "--log-level", "warning"]
    command += ["--access-logfile", "-", "--access-logformat", "%(m)s %(U)s %(s)s %(M)s ms"]
    return Program("web", command, environment={**ENVIRONMENT, **ONE_THREAD})


def worker(*queues: str, niceness: int = 0) -> Program:
    """One process for one queue or more. A training takes every core that the others leave it."""
    name = queues[0]
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", ",".join(queues)]
    command += ["-n", f"{name}@%h", "-c", "1", "-l", "INFO", "--without-gossip", "--without-mingle"]
    threads = {} if name == "training" else ONE_THREAD
    # SIGTERM would let a training of many minutes come to its end without its shop.
    return Program(name, command, {**ENVIRONMENT, **threads}, niceness, death_signal=signal.SIGQUIT)


def beat() -> Program:
    command = [sys.executable, "-m", "celery", "-A", "config", "beat", "-l", "WARNING"]
    return Program("beat", command, environment={**ENVIRONMENT, **ONE_THREAD})
