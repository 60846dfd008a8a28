"""The processes that make a running shop. On several machines the same commands run apart."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.demo.preparation import ENVIRONMENT

CELERY = [sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "-q", "-A", "config"]
"""Without banners, and without the warning about root: messages are JSON, which runs no code."""
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


def web(port: int) -> Program:
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)]
    command += ["--graceful-timeout", "3", "--timeout", "60", "--log-level", "warning"]
    # The longest that gunicorn takes: past it, its own bare page answers in the place of the shop's.
    command += ["--limit-request-line", "8190"]
    # Its control socket would lie in the home folder, where two shops would share it.
    command += ["--no-control-socket"]
    return Program("web", command, environment=ENVIRONMENT)


def worker_programs() -> list[Program]:
    """One worker for each kind of task, and the one scheduler."""
    training = worker("training", niceness=10)
    return [worker("realtime"), worker("default", log_level="WARNING"), training, beat()]


def worker(*queues: str, niceness: int = 0, log_level: str = "INFO") -> Program:
    """One process for one queue or more. A training takes every core that the others leave it."""
    name = queues[0]
    command = [*CELERY, "worker", "-Q", ",".join(queues), "-n", f"{name}@%h", "-c", "1", "-l", log_level]
    command += ["--without-gossip", "--without-mingle"]
    threads = {} if name == "training" else ONE_THREAD
    # SIGTERM would let a training of many minutes come to its end without its shop.
    return Program(name, command, {**ENVIRONMENT, **threads}, niceness, death_signal=signal.SIGQUIT)


def beat() -> Program:
    command = [*CELERY, "beat", "-l", "WARNING"]
    return Program("beat", command, environment={**ENVIRONMENT, **ONE_THREAD})
