"""Trains both towers: every position predicts the next item among the whole catalogue."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recs.engine.interactions import Interactions, Items, Kind
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.transformer.item_tower import ItemTower, item_features
from recs.engine.transformer.losses import softmax_backward
from recs.engine.transformer.sequence import (
    Segments,
    gap_bucket,
    length_sorted_batches,
    scaled_value,
    segments,
    shuffled_within_moments,
)
from recs.engine.transformer.user_tower import UserTower

TARGET_WEIGHTS = {
    Kind.VIEW: 0.3,
    Kind.CLICK: 0.3,
    Kind.CART_ADD: 0.7,
    Kind.PURCHASE: 1.0,
    Kind.RATING: 1.0,
    Kind.LIKE: 1.0,
}
"""What it counts to predict an interaction of a kind; a kind that is missing here is never a target."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """``patience``: validations without a better NDCG@10 before the end."""

    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    temperature: float = 0.06
    epochs: int = 200
    patience: int = 5
    sampled_items: int = 60_000


@dataclass(slots=True)
class TrainingState:
    """Where a training stands; what a checkpoint holds beside weights and optimiser."""

    epoch: int = 0
    best_ndcg: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0


Validation = Callable[[], float]


class Training:
    """One training of an item tower and a user tower, resumable from its checkpoint after each epoch."""

    def __init__(
        self,
        *,
        item_tower: ItemTower,
        user_tower: UserTower,
        interactions: Interactions,
        items: Items,
        config: TrainingConfig,
        seed: int,
        validate: Validation | None,
        progress: ProgressCallback | None,
    ) -> None:
        self.item_tower = item_tower
        self.user_tower = user_tower
        self.interactions = interactions
        self.features = item_features(items, np.arange(items.count), item_tower.config)
        self.config = config
        self.seed = seed
        self.validate = validate
        self.progress = progress
        self.state = TrainingState()
        self.pieces = segments(interactions, user_tower.config.longest)
        parameters = [*item_tower.parameters(), *user_tower.parameters()]
        self.optimiser = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True
        )
        self.best = self._weights()
        self.bf16 = bf16_is_faster()

    def run(self, budget: Budget) -> TrainingState:
        """Trains until the budget ends, validation stops getting better, or the epochs are done."""
        if budget.checkpoint:
            self._resume(budget.checkpoint)
        if not len(self.pieces.start):
            return self.state
        while not self._finished(budget):
            began = time.monotonic()
            loss = self._epoch(budget)
            self.state.epoch += 1
            self._judge(loss, began, budget)
            if budget.checkpoint:
                self._save(budget.checkpoint)
        self.item_tower.load_state_dict(self.best["item"])
        self.user_tower.load_state_dict(self.best["user"])
        return self.state

    def _finished(self, budget: Budget) -> bool:
        stale = self.validate is not None and self.state.epoch - self.state.best_epoch >= self.config.patience
        return stale or self.state.epoch >= self.config.epochs or self.state.seconds >= budget.seconds

    def _epoch(self, budget: Budget) -> float:
        """Mean loss of one pass; breaks off when the budget ends."""
        rng = np.random.default_rng([self.seed, self.state.epoch])
        torch.manual_seed(self.seed * 1_000_003 + self.state.epoch)
        self.item_tower.train()
        self.user_tower.train()
        data = shuffled_within_moments(self.interactions, rng)
        losses = []
        began = time.monotonic()
        batches = list(length_sorted_batches(self.pieces.end - self.pieces.start, self.config.batch, rng))
        for number, rows in enumerate(batches):
            losses.append(self._step(training_batch(data, self.pieces, rows), rng))
            spent = self.state.seconds + time.monotonic() - began
            if self.progress and number % 10 == 0:
                self.progress(Progress("training", min(1.0, spent / budget.seconds), {"loss": losses[-1]}))
            if spent >= budget.seconds:
                break
        return float(np.mean(losses))

    def _step(self, batch: TrainingBatch, rng: np.random.Generator) -> float:
        table = self.item_tower(self.features)
        states = self.user_tower(
            table[batch.item] * (batch.steps < batch.length[:, None])[..., None],
            batch.kind,
            batch.gap,
            batch.value,
            batch.length,
        )
        chosen = batch.weight > 0
        if not bool(chosen.any()):
            return 0.0
        items, targets, log_q = self._candidates(table, batch.target[chosen], rng)
        self.optimiser.zero_grad()
        loss = softmax_backward(
            states[chosen],
            targets,
            batch.weight[chosen],
            items,
            temperature=self.config.temperature,
            log_q=log_q,
            bf16=self.bf16,
        )
        torch.nn.utils.clip_grad_norm_(
            [*self.item_tower.parameters(), *self.user_tower.parameters()], max_norm=1.0
        )
        self.optimiser.step()
        return loss

    def _candidates(
        self, table: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The whole catalogue, or above ``sampled_items`` the targets and a uniform sample."""
        count = len(table)
        if count <= self.config.sampled_items:
            return table, targets, None
        own, position = torch.unique(targets, return_inverse=True)
        drawn = torch.from_numpy(rng.choice(count, size=self.config.sampled_items, replace=False))
        fresh = drawn[~torch.isin(drawn, own)]
        log_q = torch.full((len(own) + len(fresh),), np.log(self.config.sampled_items / count))
        log_q[: len(own)] = 0.0
        return table[torch.cat([own, fresh])], position, log_q

    def _judge(self, loss: float, began: float, budget: Budget) -> None:
        figures = {"loss": loss, "epoch": float(self.state.epoch)}
        if self.validate is not None:
            ndcg = self.validate()
            figures["ndcg@10"] = ndcg
            better = ndcg > self.state.best_ndcg
        else:
            better = True
        if better:
            self.state.best_ndcg = figures.get("ndcg@10", -1.0)
            self.state.best_epoch = self.state.epoch
            self.best = self._weights()
        self.state.seconds += time.monotonic() - began
        if self.progress:
            self.progress(Progress("training", min(1.0, self.state.seconds / budget.seconds), figures))

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {
            "item": copy.deepcopy(self.item_tower.state_dict()),
            "user": copy.deepcopy(self.user_tower.state_dict()),
        }

    def _save(self, folder: Path) -> None:
        """Atomic: a reader, and a run after kill -9, sees this epoch's checkpoint or the one before, whole."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".checkpoint.{os.getpid()}"
        torch.save(
            {
                "fingerprint": self._fingerprint(),
                "state": asdict(self.state),
                "weights": self._weights(),
                "best": self.best,
                "optimiser": self.optimiser.state_dict(),
            },
            partial,
        )
        partial.replace(folder / "checkpoint.pt")

    def _resume(self, folder: Path) -> None:
        path = folder / "checkpoint.pt"
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True)
        if saved["fingerprint"] != self._fingerprint():
            return
        self.state = TrainingState(**saved["state"])
        self.item_tower.load_state_dict(saved["weights"]["item"])
        self.user_tower.load_state_dict(saved["weights"]["user"])
        self.best = saved["best"]
        self.optimiser.load_state_dict(saved["optimiser"])

    def _fingerprint(self) -> str:
        """A checkpoint of other data, another seed or other sizes is not resumed from."""
        data = self.interactions
        sums = (len(data), data.user_count, data.item_count, int(data.item.sum()), int(data.time.sum()))
        return repr((sums, self.seed, self.config, self.item_tower.config, self.user_tower.config))


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Inputs [b, n], the next item at each position, and what predicting it counts (0 at padding)."""

    item: Tensor
    kind: Tensor
    gap: Tensor
    value: Tensor
    target: Tensor
    weight: Tensor
    length: Tensor
    steps: Tensor


def training_batch(data: Interactions, pieces: Segments, rows: np.ndarray) -> TrainingBatch:
    """The pieces ``rows`` as arrays, inputs and the targets one further on."""
    start, end = pieces.start[rows], pieces.end[rows]
    length = end - start - 1
    width = int(length.max())
    steps = np.arange(width)
    inside = steps < length[:, None]
    here = np.where(inside, start[:, None] + steps, start[:, None])
    ahead = np.where(inside, here + 1, here)
    times = data.time[here]
    weight = _TARGET_TABLE[data.kind[ahead]] * inside
    poor = (data.kind[ahead] == Kind.RATING) & (data.value[ahead] < 3)
    weight = np.where(poor, 0.0, weight)
    return TrainingBatch(
        item=torch.from_numpy(data.item[here]),
        kind=torch.from_numpy(np.where(inside, data.kind[here], 0)),
        gap=torch.from_numpy(gap_bucket(times)),
        value=torch.from_numpy(scaled_value(data.value[here])),
        target=torch.from_numpy(data.item[ahead]),
        weight=torch.from_numpy(weight.astype(np.float32)),
        length=torch.from_numpy(length),
        steps=torch.from_numpy(steps),
    )


_TARGET_TABLE = np.zeros(max(Kind) + 1)
for _kind, _weight in TARGET_WEIGHTS.items():
    _TARGET_TABLE[_kind] = _weight


def bf16_is_faster() -> bool:
    """Whether this processor multiplies bfloat16 faster than float32: measured, in some milliseconds."""
    left, right = torch.randn(512, 128), torch.randn(128, 4096)

    def seconds(a: Tensor, b: Tensor) -> float:
        a @ b
        began = time.perf_counter()
        for _ in range(3):
            a @ b
        return time.perf_counter() - began

    return seconds(left.bfloat16(), right.bfloat16()) < 0.8 * seconds(left, right)
