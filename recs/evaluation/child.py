"""Each recommender in a process of its own, so that its peak of memory is its own. No Django."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from recs.engine.recommender import Progress as Step
from recs.engine.recommender import ProgressCallback

Answer = TypeVar("Answer")
Given = TypeVar("Given", covariant=True)


class ChildError(Exception):
    """The child could not do its job; the message names the job and the reason."""


class Job(Protocol[Given]):
    """Can be pickled; ``run`` raises ValueError or OSError for what the caller can mend."""

    @property
    def title(self) -> str: ...

    def run(self, tell: ProgressCallback) -> Given: ...


@dataclass
class Finished(Generic[Answer]):
    """The answers of those jobs that gave one, and by title why the others gave none."""

    answers: list[Answer] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def required(self) -> Finished[Answer]:
        """Itself. Raises ChildError if nobody answered."""
        if not self.answers:
            raise ChildError(f"nobody gave an answer: {reasons(self.failed)}")
        return self


def reasons(failed: Mapping[str, str]) -> str:
    """Who failed and why, in one line."""
    return "; ".join(f"{name}: {why}" for name, why in failed.items())


INTERRUPTED = "interrupted"


def run_each(
    jobs: Sequence[Job[Answer]], console: Console, *, then: Callable[[Answer], object] = lambda _: None
) -> Finished[Answer]:
    """One after another; ``then`` hears each answer. Who fails is named and the rest goes on; an interrupt ends the one
    that runs and leaves out the others, so that hours of answers are not lost."""
    done: Finished[Answer] = Finished()
    for number, job in enumerate(jobs):
        try:
            answer = run_in_child(job, console)
        except ChildError as failure:
            done.failed[job.title] = str(failure).removeprefix(f"{job.title}: ")
            console.print(f"{job.title} failed: {done.failed[job.title]}", highlight=False, markup=False)
            continue
        except KeyboardInterrupt:
            done.failed |= {left.title: INTERRUPTED for left in jobs[number:]}
            break
        done.answers.append(answer)
        then(answer)
    return done


def run_in_child(job: Job[Answer], console: Console) -> Answer:
    """Runs a job in a new process and shows how far it is: a bar, or to a file a line before and after. Raises
    ChildError."""
    began = time.monotonic()
    if not console.is_terminal:
        console.print(f"{job.title} …", highlight=False)
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_work, args=(job, there), daemon=True)
    child.start()
    there.close()
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
            bar = bars.add_task(job.title, total=1.0, figures="")
            while True:
                try:
                    told = here.recv()
                except (EOFError, OSError):
                    # OSError: it was killed within an answer.
                    child.join()
                    raise ChildError(f"{job.title}: the process ended with code {child.exitcode}") from None
                if isinstance(told, Step):
                    figures = "  ".join(f"{name} {value:.4g}" for name, value in told.figures.items())
                    bars.update(bar, completed=told.done, figures=figures)
                elif isinstance(told, str):
                    raise ChildError(f"{job.title}: {told}")
                else:
                    bars.update(bar, completed=1.0)
                    child.join()
                    break
    finally:
        # An interrupt may come at any line, and the child does not hear it.
        child.terminate()
        child.join()
    if not console.is_terminal:
        console.print(f"{time.monotonic() - began:6.1f} s  {job.title}", highlight=False)
    return told


def _work(job: Job[Answer], pipe: Connection) -> None:
    # The terminal's Ctrl-C reaches the child, too: who started it ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer = job.run(pipe.send)
    except (ValueError, OSError) as failure:
        pipe.send(str(failure))
        return
    except MemoryError:
        pipe.send("it needs more memory than there is")
        return
    pipe.send(answer)
