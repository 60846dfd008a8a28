"""What a fit tells while it learns, as a curve over its time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from recs.engine.recommender import Progress, ProgressCallback


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """``seconds`` since the fit began, ``stage`` and ``figures`` as the recommender told them."""

    seconds: float
    stage: str
    figures: dict[str, float]


class LearningCurve:
    """Hears the progress of one fit, which begins now, and passes it on. Seconds and points count what a run that was
    killed had done, where the fit goes on from its checkpoints."""

    def __init__(self, tell: ProgressCallback) -> None:
        self.tell = tell
        self.began = time.monotonic()
        self.restored = 0.0
        self.points: list[CurvePoint] = []

    def __call__(self, progress: Progress) -> None:
        self.tell(progress)
        figures = dict(progress.figures)
        self.restored = figures.pop("restored", self.restored)
        # What goes on from a checkpoint tells its curve again.
        earlier = min(self.restored, figures.pop("seconds", self.restored))
        if "epoch" in figures or "ndcg@10" in figures:
            seconds = time.monotonic() - self.began + earlier
            self.points.append(CurvePoint(round(seconds, 2), progress.stage, figures))

    @property
    def seconds(self) -> float:
        """Until now."""
        return time.monotonic() - self.began + self.restored
