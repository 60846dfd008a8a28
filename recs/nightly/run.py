"""PATH 3: history → training set → train → evaluate against the champion → publish → swap → retire.

``run_nightly`` is the whole path; beat at night and ``make retrain`` by hand call it alike. It may be killed
at any point: the lease ends with its connection, the next run takes away what was half-built, and the
training goes on from its checkpoint.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from recs.engine.evaluation import Quality, Ranks
from recs.engine.recommender import Budget, Progress, Recommender
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.transformer import Transformer
from recs.models import TrainingRun
from recs.nightly import evaluate, publish
from recs.nightly.dataset import Dataset, NotEnoughHistory, load_dataset
from recs.nightly.lease import AlreadyRunning, Lease
from recs.registry import active_version

__all__ = ["AlreadyRunning", "run_nightly"]

logger = logging.getLogger(__name__)

BASELINES = ("popularity", "item_knn")
SEED = 20_261_124

Report = Callable[[str, float, dict[str, float]], None]


@dataclass(slots=True)
class Night:
    """What one run carries from step to step; ``say(stage, done in 0 … 1, figures)`` shows progress."""

    lease: Lease
    say: Report
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.lease.enter(name)
        self.say(name, 0.0, {})
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 2)
        self.say(name, 1.0, {})

    def learning(self, name: str) -> Callable[[Progress], None]:
        def told(progress: Progress) -> None:
            self.lease.beat()
            self.say(name, progress.done, progress.figures)

        return told


def run_nightly(*, minutes: float | None = None, seed: int = SEED, say: Report | None = None) -> TrainingRun:
    """Runs the path and returns its row: published, or refused with the reason.

    ``minutes`` bounds the training of the transformer (setting TRAINING_MINUTES). Raises AlreadyRunning if
    another run holds the lease. Whatever else is raised is noted in the row first.
    """
    with Lease.taken() as lease:
        publish.remove_unfinished_versions()
        night = Night(lease, say or _say_nothing)
        try:
            return _run(night, minutes or settings.TRAINING_MINUTES, seed)
        except NotEnoughHistory as reason:
            return lease.finish(TrainingRun.Status.REFUSED, str(reason))


def _run(night: Night, minutes: float, seed: int) -> TrainingRun:
    with night.step("dataset"):
        dataset = load_dataset(seed=seed)
    with night.step("train"):
        family, curve = train(dataset, minutes=minutes, seed=seed, night=night)
    with night.step("evaluate"):
        champion, why_none = evaluate.load_champion(active_version(), dataset)
        contestants: dict[str, Ranks] = {**family}
        if champion:
            contestants[champion.name] = champion
        qualities = evaluate.evaluate_all(
            contestants, dataset.split.test, item_count=len(dataset.product_ids)
        )
        decision = evaluate.decide(qualities)
    figures = _figures(night, dataset, qualities, curve, minutes, why_none)
    if not decision.publish:
        return night.lease.finish(TrainingRun.Status.REFUSED, decision.reason, figures)
    with night.step("build"):
        model = family["transformer"]
        assert isinstance(model, Transformer)
        version = publish.build_version(
            model=model,
            dataset=dataset,
            metrics=figures["quality"],
            config={"minutes": minutes, "seed": seed, "epochs": model.state.best_epoch},
        )
    with night.step("embed shoppers"):
        publish.embed_shoppers(version, progress=lambda done: night.say("embed shoppers", done, {}))
    with night.step("swap"):
        publish.mark_ready(version)
        publish.activate(version)
    with night.step("retire"):
        publish.retire_old_versions()
        shutil.rmtree(checkpoint_folder(), ignore_errors=True)
    figures["seconds"] = night.seconds
    return night.lease.finish(TrainingRun.Status.PUBLISHED, decision.reason, figures, version)


def train(
    dataset: Dataset, *, minutes: float, seed: int, night: Night
) -> tuple[dict[str, Recommender], list[dict[str, float]]]:
    """The challenger and the baselines, on the same rows; and the challenger's learning curve."""
    family: dict[str, Recommender] = {}
    curve: list[dict[str, float]] = []
    for name in (*BASELINES, "transformer"):
        tell = night.learning(f"train {name}")

        def told(progress: Progress, tell: Callable[[Progress], None] = tell) -> None:
            tell(progress)
            if "epoch" in progress.figures:
                curve.append(progress.figures)

        family[name] = FAMILY[name]()
        family[name].fit(
            dataset.split.training,
            dataset.items,
            budget=Budget(seconds=60 * minutes, checkpoint=checkpoint_folder()),
            seed=seed,
            validation=dataset.split.validation,
            progress=told,
        )
    return family, curve


def checkpoint_folder() -> Path:
    """Where a training that was killed goes on from."""
    return Path(settings.VAR_DIR) / "training"


def _figures(
    night: Night,
    dataset: Dataset,
    qualities: dict[str, Quality],
    curve: list[dict[str, float]],
    minutes: float,
    why_none: str,
) -> dict[str, Any]:
    split = dataset.split
    return {
        "quality": {name: quality.figures() for name, quality in qualities.items()},
        "no_champion": why_none,
        "curve": curve,
        "minutes": minutes,
        "seconds": night.seconds,
        "data": {
            "interactions": dataset.interactions,
            "shoppers": len(dataset.shopper_ids),
            "products": len(dataset.product_ids),
            "training_interactions": len(split.training),
            "validation_shoppers": len(split.validation),
            "test_shoppers": len(split.test),
        },
    }


def _say_nothing(stage: str, done: float, figures: dict[str, float]) -> None:
    pass
