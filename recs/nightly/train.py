"""Step 2 of the nightly path: the challenger and the baselines learn from the same rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import torch
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from recs.engine.recommender import Budget, Progress, Recommender
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.training import TrainingConfig
from recs.nightly.dataset import Dataset
from recs.nightly.progress import Night

BASELINES = ("popularity", "item_knn")
GIVEN_UP_AFTER = timedelta(days=1)
BATCH = 64
"""Histories per step. On Online Retail, validation NDCG@10 after one epoch of 30 s on one core is 0.0285, with 256
it is 0.0113, with 32 0.0257 for a fifth more seconds: a short training needs steps more than smooth ones. (One run
each, with dropout 0.3 and before ids started from singular vectors; not compared again since.)"""


@dataclass(frozen=True, slots=True)
class Trained:
    """The baselines and the challenger by name; ``curve``: loss and validation of each of its epochs."""

    baselines: dict[str, Recommender]
    challenger: Transformer
    curve: list[dict[str, float]]

    @property
    def family(self) -> dict[str, Recommender]:
        return {**self.baselines, self.challenger.name: self.challenger}


def train(dataset: Dataset, *, minutes: float, seed: int, night: Night) -> Trained:
    """Fits all; ``minutes`` bounds the challenger, which goes on from the checkpoint of a killed run."""
    _use_all_cores()
    baselines: dict[str, Recommender] = {name: FAMILY[name]() for name in BASELINES}
    challenger = Transformer(training=TrainingConfig(batch=BATCH))
    curve: list[dict[str, float]] = []
    tell = night.learning("train transformer")

    def learnt(progress: Progress) -> None:
        tell(progress)
        if "epoch" in progress.figures:
            curve.append(progress.figures)

    for name, baseline in baselines.items():
        baseline.fit(
            dataset.split.training,
            dataset.items,
            budget=Budget(seconds=60 * minutes),
            seed=seed,
            validation=dataset.split.validation,
            progress=night.learning(f"train {name}"),
        )
    challenger.fit(
        dataset.split.training,
        dataset.items,
        budget=Budget(seconds=60 * minutes, checkpoint=checkpoint_folder()),
        seed=seed,
        validation=dataset.split.validation,
        progress=learnt,
    )
    return Trained(baselines, challenger, curve)


def checkpoint_folder() -> Path:
    """Where a training that was killed goes on from."""
    return Path(settings.VAR_DIR) / "training"


def history_moment() -> datetime:
    """Until when history counts: now, or what a killed run chose, for its checkpoint fits no other history.

    A shop that goes on living has other rows every second. A moment that is older than a day is given up.
    """
    file = checkpoint_folder() / "as_of"
    now = timezone.now()
    if file.exists():
        chosen = parse_datetime(file.read_text())
        if chosen and now - GIVEN_UP_AFTER < chosen <= now:
            return chosen
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(now.isoformat())
    partial.replace(file)
    return now


def _use_all_cores() -> None:
    """A worker's process has loaded a model to serve and keeps torch to one thread: not for a training."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(wanted) if wanted.isdigit() and int(wanted) else len(os.sched_getaffinity(0)))
