"""Jobs in processes of their own: who fails or is interrupted takes nobody's answer along."""

import os
import signal
import struct
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import pytest
from rich.console import Console

from recs.engine.recommender import Progress, ProgressCallback
from recs.evaluation.child import INTERRUPTED, ChildError, run_each

QUIET = Console(quiet=True)


@dataclass(frozen=True)
class Answers:
    title: str

    def run(self, tell: ProgressCallback) -> list[str]:
        tell(Progress("working", 0.5, {}))
        return [self.title]


@dataclass(frozen=True)
class Fails(Answers):
    failure: Exception

    def run(self, tell: ProgressCallback) -> list[str]:
        raise self.failure


@dataclass(frozen=True)
class Dies(Answers):
    def run(self, tell: ProgressCallback) -> list[str]:
        os._exit(3)


@dataclass(frozen=True)
class DiesWithinItsAnswer(Answers):
    def run(self, tell: ProgressCallback) -> list[str]:
        pipe: Connection = tell.__self__
        # Of a message of a thousand bytes the first few.
        os.write(pipe.fileno(), struct.pack("!i", 1000) + b"begun")
        os._exit(9)


@dataclass(frozen=True)
class IsInterrupted(Answers):
    """As by Ctrl-C while it works."""

    def run(self, tell: ProgressCallback) -> list[str]:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
        return []


def test_who_fails_is_named_and_the_others_answer():
    heard: list[list[str]] = []

    wrong, full = Fails("first", ValueError("its reason")), Fails("fourth", OSError("disk full"))
    killed = DiesWithinItsAnswer("fifth")
    done = run_each([wrong, Dies("second"), Answers("third"), full, killed], QUIET, then=heard.append)

    assert done.answers == heard == [["third"]]
    assert done.failed == {
        "first": "its reason",
        "second": "the process ended with code 3",
        "fourth": "disk full",
        "fifth": "the process ended with code 9",
    }


@pytest.fixture
def hears_interrupts():
    """Who was started in the background of a shell ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
def test_an_interrupt_keeps_what_was_answered_and_ends_the_job_that_runs():
    began = time.monotonic()

    done = run_each([Answers("first"), IsInterrupted("second"), Answers("third")], QUIET)

    assert done.answers == [["first"]]
    assert done.failed == {"second": INTERRUPTED, "third": INTERRUPTED}
    assert time.monotonic() - began < 50


def test_where_nobody_answers_all_reasons_are_told():
    with pytest.raises(ChildError, match="nobody gave an answer: first: its reason"):
        run_each([Fails("first", ValueError("its reason"))], QUIET).required()
