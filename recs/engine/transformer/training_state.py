"""What a training of the towers is asked for, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recs.engine.interactions import Kind
from recs.engine.transformer.batches import TARGET_WEIGHTS


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """``patience``: validations without a better NDCG@10 before the end; it may stand for seven and then
    rise again. ``averaging``: decay per step of the weights' moving average, which is what is validated and kept: 0.99
    looks back over some hundred steps. ``kind_weights``: what it counts to predict an interaction of a kind.
    Where going over the whole catalogue would take more than ``whole_mb`` of memory, a training is as in
    ``sampled.py``, against ``negatives`` items a step.
    """

    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    temperature: float = 0.06
    epochs: int = 200
    patience: int = 8
    whole_mb: float = 300.0
    negatives: int = 8_192
    averaging: float = 0.99
    kind_weights: Mapping[Kind, float] = field(default_factory=lambda: dict(TARGET_WEIGHTS))


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
