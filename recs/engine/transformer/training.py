"""Trains both towers: every position predicts the next item among the whole catalogue."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from recs.engine.checkpoint import Checkpoint, fingerprint
from recs.engine.interactions import Interactions, Items, shuffled_within_moments
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.transformer.batches import TrainingBatch, first_weights, training_batch
from recs.engine.transformer.complaints import apart, renumbered
from recs.engine.transformer.item_tower import ItemTower, item_features
from recs.engine.transformer.losses import has_bf16, softmax_backward
from recs.engine.transformer.sequence import (
    gap_bucket,
    length_sorted_batches,
    segments,
)
from recs.engine.transformer.training_state import TrainingConfig, TrainingState
from recs.engine.transformer.user_tower import UserTower

Validation = Callable[[ItemTower, UserTower], float]
"""NDCG@10 of such towers."""
Rehearsal = Callable[[ItemTower, UserTower], float]
"""Seconds that a validation of such towers will take."""


class Training:
    """One training of an item tower and a user tower; what it keeps after each epoch, and within long ones, it goes on
    from."""

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
        rehearse: Rehearsal | None = None,
        judged_on: str = "",
        judge_start: bool = False,
    ) -> None:
        """``judged_on``: names what ``validate`` asks; what was chosen on something else is not gone on from.
        ``rehearse``: asked once, where a quarter of the seconds go by before the first validation. ``judge_start``:
        towers that have learnt already are judged, and kept if no epoch makes them better."""
        self.item_tower = item_tower
        self.user_tower = user_tower
        # An item that nobody has met is no candidate: never right, it would teach that what is made like it is wrong.
        self.met, self.interactions, self.complaints = renumbered(*apart(interactions))
        features = item_features(items, np.arange(items.count), item_tower.config)
        self.features = features.rows(torch.from_numpy(self.met)) if len(self.met) < items.count else features
        self.config = config
        self.seed = seed
        self.validate, self.rehearse = validate, rehearse
        self.progress = progress
        self.judged_on = judged_on
        self.judge_start = judge_start
        self.state = TrainingState()
        self.restored = 0.0
        """Seconds that a training that was killed had spent."""
        self.pieces = segments(self.interactions, user_tower.config.longest)
        self.histories = config.histories(self.pieces)
        """Of a step."""
        self.optimiser = torch.optim.AdamW(
            self._parameters(), lr=config.learning_rate, weight_decay=0.0, foreach=True
        )
        self.average = AveragedModel(self._towers(), multi_avg_fn=get_ema_multi_avg_fn(config.averaging))
        self.best = self._averaged()
        self.bf16 = has_bf16()

    def run(self, budget: Budget) -> TrainingState:
        """Trains until the budget has no more left than a validation takes, validation stops getting better, or the
        epochs are done."""
        checkpoint = Checkpoint(budget.checkpoint, self._fingerprint() if budget.checkpoint else "")
        self._resume(checkpoint)
        if not len(self.pieces.start):
            return self.state
        for figures in self.state.curve:
            self._tell(figures, budget)
        began = time.monotonic()
        if self.judge_start and not self.state.curve:
            began = self._judge(None, began, budget, checkpoint)
        while not self._finished(budget):
            loss = self._epoch(began, budget, checkpoint)
            self.state.epoch, self.state.batch = self.state.epoch + 1, 0
            began = self._judge(loss, began, budget, checkpoint)
        self._towers().load_state_dict(self.best)
        # What each piece has read: its newest interaction only where a complaint follows.
        start, data = self.pieces.start, self.interactions
        length = self.pieces.end - 1 + self.complaints.follow(self.pieces.end - 1) - start
        first = np.repeat(start, length)
        rows = first + np.arange(len(first)) - np.repeat(np.cumsum(length) - length, length)
        self.user_tower.adopt_unseen(
            kinds=np.unique(data.kind[rows]),
            gaps=gap_bucket(data.time)[rows[rows > first]],
            # A complaint behind a piece of full length has all of it read, one more than serving reads.
            longest=min(int(length.max()), self.user_tower.config.longest),
        )
        return self.state

    def _finished(self, budget: Budget) -> bool:
        since = self.state.epoch - self.state.best_epoch
        steps = since * -(-len(self.pieces.start) // self.histories)
        stale = (
            self.validate is not None and since >= self.config.patience and steps >= self.config.patient_steps
        )
        # What was learnt of an epoch that was killed is judged, however little time is left.
        over = self._over(self.state.seconds, budget) and not self.state.batch
        return stale or self.state.epoch >= self.config.epochs or over

    def _over(self, spent: float, budget: Budget) -> bool:
        """Whether there is no time left but for a validation."""
        return spent + self.state.judging >= budget.seconds

    def _epoch(self, began: float, budget: Budget, checkpoint: Checkpoint) -> float:
        """Mean loss of one pass, or of what is left of it; breaks off when the budget ends."""
        rng = np.random.default_rng([self.seed, self.state.epoch])
        self._towers().train()
        data = shuffled_within_moments(self.interactions, rng)
        counts = first_weights(data, self.config.kind_weights)
        losses = []
        learnt = 0
        batches = list(length_sorted_batches(self.pieces.end - self.pieces.start, self.histories, rng))
        first = self.state.batch
        if first:
            # Not what was drawn for the first batches again.
            rng = np.random.default_rng([self.seed, self.state.epoch, first])
        torch.manual_seed(self.seed * 1_000_003 + self.state.epoch + first * 1_000_000_007)
        for number, rows in enumerate(batches[first:], start=first):
            batch = training_batch(
                data, self.pieces, rows, rng, counts, self.config.kind_weights, self.complaints
            )
            losses.append(self._step(batch, rng))
            learnt += int(batch.length.sum())
            spent = self.state.seconds + time.monotonic() - began
            if self.rehearse and not self.state.judging and 4 * spent > budget.seconds:
                self.state.judging = self.rehearse(*self._averaged_towers())
                spent = self.state.seconds + time.monotonic() - began
            last = number == len(batches) - 1 or self._over(spent, budget)
            if self.progress and (last or number % 10 == 0):
                figures = {"loss": losses[-1], "interactions": float(learnt)}
                self.progress(Progress("training", budget.spent(spent), figures))
            if last:
                break
            if checkpoint.due():
                self._save(checkpoint, replace(self.state, batch=number + 1, seconds=spent))
        return float(np.mean(losses))

    def _step(self, batch: TrainingBatch, rng: np.random.Generator) -> float:
        table = self.item_tower(self.features)
        loss = self._backward(batch, table, batch.item, batch.target, batch.against_item)
        if loss is None:
            return 0.0
        torch.nn.utils.clip_grad_norm_(self._parameters(), max_norm=1.0)
        self.optimiser.step()
        self.average.update_parameters(self._towers())
        return loss

    def _backward(
        self,
        batch: TrainingBatch,
        table: Tensor,
        item: Tensor,
        target: Tensor,
        against: Tensor,
        log_q: Tensor | None = None,
    ) -> float | None:
        """The loss of a batch whose items, targets and complaints are rows of ``table``; None without a target."""
        states = self.user_tower(
            # Not table[item]: its gradient is added up by several threads in any order.
            functional.embedding(item, table) * (batch.steps < batch.length[:, None])[..., None],
            batch.kind,
            batch.gap,
            batch.value,
            batch.length,
        )
        if not bool((batch.weight > 0).any()):
            return None
        users, targets, weights = batch.asked(states, target, against)
        self.optimiser.zero_grad()
        return softmax_backward(
            users,
            targets,
            weights,
            table,
            temperature=self.config.temperature,
            log_q=log_q,
            bf16=self.bf16,
        )

    def _judge(self, loss: float | None, began: float, budget: Budget, checkpoint: Checkpoint) -> float:
        """Returns until when it has counted the seconds: writing and telling are the next epoch's."""
        figures = {} if loss is None else {"loss": loss}
        figures["epoch"] = self.state.epoch
        if self.validate is not None:
            asked = time.monotonic()
            ndcg = self.validate(*self._averaged_towers())
            self.state.judging = time.monotonic() - asked
            figures["ndcg@10"] = ndcg
            better = ndcg > self.state.best_ndcg
        else:
            better = True
        if better:
            self.state.best_ndcg = figures.get("ndcg@10", -1.0)
            self.state.best_epoch = self.state.epoch
            self.best = self._averaged()
        now = time.monotonic()
        self.state.seconds += now - began
        figures["seconds"] = self.state.seconds
        self.state.curve.append(figures)
        # First: whoever is told may raise.
        self._save(checkpoint, self.state)
        self._tell(figures, budget)
        return now

    def _tell(self, figures: dict[str, float], budget: Budget) -> None:
        if self.progress:
            restored = {"restored": self.restored} if self.restored else {}
            self.progress(Progress("training", budget.spent(figures["seconds"]), {**figures, **restored}))

    def _parameters(self) -> list[nn.Parameter]:
        """What the optimiser goes over at every step."""
        return [*self.item_tower.parameters(), *self.user_tower.parameters()]

    def _towers(self) -> nn.ModuleDict:
        return nn.ModuleDict({"item": self.item_tower, "user": self.user_tower})

    def _averaged_towers(self) -> tuple[ItemTower, UserTower]:
        averaged = cast("nn.ModuleDict", self.average.module)
        return cast("ItemTower", averaged["item"]), cast("UserTower", averaged["user"])

    def _averaged(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.average.module.state_dict())

    def _save(self, checkpoint: Checkpoint, stands: TrainingState) -> None:
        checkpoint.save(
            {
                "stands": asdict(stands),
                "weights": self._towers().state_dict(),
                "average": self.average.state_dict(),
                "best": self.best,
                "optimiser": self.optimiser.state_dict(),
                **self._more_state(),
            }
        )

    def _resume(self, checkpoint: Checkpoint) -> None:
        saved = checkpoint.load()
        if saved is None:
            return
        self.state = TrainingState(**saved["stands"])
        self.restored = self.state.seconds
        self._towers().load_state_dict(saved["weights"])
        self.average.load_state_dict(saved["average"])
        self.best = saved["best"]
        self.optimiser.load_state_dict(saved["optimiser"])
        self._adopt_state(saved)

    def _more_state(self) -> dict[str, Any]:
        """What another way to step keeps in a checkpoint beside all this."""
        return {}

    def _adopt_state(self, saved: dict[str, Any]) -> None:
        """Goes on with what ``_more_state`` gave."""

    def _fingerprint(self) -> str:
        data, against = self.interactions, self.complaints
        columns = (data.user, data.item, data.kind, data.time, data.value)
        features = (getattr(self.features, part.name).numpy() for part in fields(self.features))
        settings = (self.seed, self.judged_on, self.judge_start, self.config)
        towers = (self.item_tower.config, self.user_tower.config)
        return fingerprint(
            (data.user_count, data.item_count),
            self.met,
            *columns,
            *(against.after, against.item, against.kind),
            *features,
            settings,
            towers,
        )
