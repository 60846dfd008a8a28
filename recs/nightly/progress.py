"""What a run says while it works, and the seconds that its steps took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from recs.engine.recommender import Progress
from recs.nightly.lease import Lease

Report = Callable[[str, float, dict[str, float]], None]
"""Shows a stage, how much of it is done in 0 … 1, and its figures so far."""


@dataclass(slots=True)
class Night:
    """What one run carries from step to step."""

    lease: Lease
    say: Report
    seconds: dict[str, float] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Notes the stage in the run's row before it begins, and its seconds after it."""
        self.lease.enter(name)
        self.say(name, 0.0, {})
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 2)
        self.say(name, 1.0, {})

    def tell(self, name: str, done: float, figures: dict[str, float] | None = None) -> None:
        self.lease.beat()
        self.say(name, done, figures or {})

    def learning(self, name: str) -> Callable[[Progress], None]:
        """What a recommender's fit is given to report to."""
        return lambda progress: self.tell(name, progress.done, progress.figures)

    def all_figures(self) -> dict[str, Any]:
        return {**self.figures, "seconds": self.seconds}


def say_nothing(stage: str, done: float, figures: dict[str, float]) -> None:
    """For runs that nobody watches: beat's."""
