"""What a training of the towers is asked for, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recs.engine.interactions import Kind
from recs.engine.transformer.batches import TARGET_WEIGHTS
from recs.engine.transformer.sequence import Segments


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A step learns from ``batch`` histories, or from fewer where these ask for more than some ``targets``: a history
    of fifty asks as much as ten of five, and an epoch of few steps teaches little. ``patience``: validations without a
    better NDCG@10 before the end; it may stand for seven and then rise again. Where an epoch has few steps,
    ``patient_steps`` must have gone by, too. ``averaging``: decay per step of the weights' moving average, which is
    what is validated and kept: 0.99 looks back over some hundred steps. ``kind_weights``: what it counts to predict an
    interaction of a kind. Where going over the whole catalogue would take more than ``whole_mb`` of memory, a training
    is as in ``sampled.py``, against ``negatives`` items a step.
    """

    batch: int = 256
    targets: int = 1_536
    learning_rate: float = 1e-3
    temperature: float = 0.06
    epochs: int = 200
    patience: int = 8
    patient_steps: int = 300
    whole_mb: float = 300.0
    negatives: int = 8_192
    averaging: float = 0.99
    kind_weights: Mapping[Kind, float] = field(default_factory=lambda: dict(TARGET_WEIGHTS))

    def histories(self, pieces: Segments) -> int:
        """How many of them make a step."""
        asked = pieces.end - pieces.start - 1
        return min(self.batch, max(1, round(self.targets / asked.mean()))) if len(asked) else self.batch


@dataclass(slots=True)
class TrainingState:
    """Where a training stands; what a checkpoint holds beside weights and optimiser.

    ``batch``: how many of the epoch after ``epoch`` are done; ``curve``: what was told of every epoch; ``judging``:
    seconds that the last validation took, or the first is expected to; nothing where nobody knows.
    """

    epoch: int = 0
    batch: int = 0
    best_ndcg: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)
    judging: float = 0.0
