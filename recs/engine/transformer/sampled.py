"""Training on a catalogue too large to go over whole at every step.

A step places, moves and averages only the items of its batch and a uniform sample of the others. What stands in the
batch is among the candidates for certain, any other item with the chance ``q`` = sample / catalogue, so that item's
exponential counts 1 / q (logQ correction, Bengio and Senécal 2008): the sum over candidates has the mean of the sum
over the catalogue.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from recs.engine.checkpoint import Checkpoint
from recs.engine.recommender import Budget
from recs.engine.transformer.batches import TrainingBatch
from recs.engine.transformer.training import Training
from recs.engine.transformer.training_state import TrainingState

SETTLED_AT_ONCE = 1 << 16
"""Rows whose average is brought up to date together, so that no copy of the table is made."""


COPIES = 9.5
"""Of the item table while a step goes over all of it, in single precision: ids, their gradient, two moments, average
and best; the placed items, their gradient and two halves of it."""


def whole_mb(items: int, dimension: int) -> float:
    """Memory that training on the whole catalogue at every step would take for the items, in megabytes."""
    return COPIES * 4 * items * dimension / 1e6


class IdRows:
    """Adam and the moving average over single rows of the id table: a step costs what its rows cost.

    A row's own steps count, not those of the training, and of the second moment only the row's mean is kept (as in
    the row-wise Adagrad of DLRM, Naumov et al. 2019, arXiv:1906.00091): a million rows of 128 numbers take 1.0 GB
    less. The average of a row that stood still is caught up when the row moves next, which gives exactly what
    averaging at every step does.
    """

    def __init__(self, table: Tensor, average: Tensor, *, learning_rate: float, averaging: float) -> None:
        """Moves ``table`` and ``average`` [n, d] in place."""
        self.table, self.average = table, average
        self.learning_rate, self.averaging = learning_rate, averaging
        self.first = torch.zeros_like(table)
        self.second = torch.zeros(len(table))
        self.moved = torch.zeros(len(table), dtype=torch.int32)
        self.averaged_at = torch.zeros(len(table), dtype=torch.int32)
        self.now = 0

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """``rows`` int64 [m], each once; ``gradient`` float32 [m, d]."""
        before = self.table[rows]
        average = self._caught_up(rows, before)
        self.now += 1
        moved = self.moved[rows] + 1
        first = torch.lerp(self.first[rows], gradient, 1 - FIRST_DECAY)
        second = torch.lerp(self.second[rows], gradient.square().mean(dim=1), 1 - SECOND_DECAY)
        self.moved[rows], self.first[rows], self.second[rows] = moved, first, second
        rate = self.learning_rate / (1 - FIRST_DECAY**moved)
        scale = rate / ((second / (1 - SECOND_DECAY**moved)).sqrt() + 1e-8)
        after = before - scale[:, None] * first
        self.table[rows] = after
        self.average[rows] = torch.lerp(average, after, 1 - self.averaging)
        self.averaged_at[rows] = self.now

    def settle(self) -> None:
        """Brings every row's average up to date."""
        for rows in torch.arange(len(self.table)).split(SETTLED_AT_ONCE):
            self.average[rows] = self._caught_up(rows, self.table[rows])
            self.averaged_at[rows] = self.now

    def _caught_up(self, rows: Tensor, table: Tensor) -> Tensor:
        """The averages of rows that have stood at ``table`` [m, d] since they moved last."""
        kept = self.averaging ** (self.now - self.averaged_at[rows])
        return torch.lerp(table, self.average[rows], kept[:, None])

    def state(self) -> dict[str, Any]:
        return {"first": self.first, "second": self.second, "moved": self.moved, "now": self.now}

    def adopt(self, state: dict[str, Any]) -> None:
        """Goes on from the ``state`` of a settled table."""
        self.first, self.second, self.moved = state["first"], state["second"], state["moved"]
        self.now = state["now"]
        self.averaged_at.fill_(self.now)


FIRST_DECAY, SECOND_DECAY = 0.9, 0.999
"""Adam's own."""


class SampledTraining(Training):
    """As :class:`Training`, with a cost per step that does not grow with the catalogue."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.rows = IdRows(
            self.item_tower.id.weight.data,
            self.average.get_parameter("module.item.id.weight").data,
            learning_rate=self.config.learning_rate,
            averaging=self.config.averaging,
        )
        self.blend = get_ema_multi_avg_fn(self.config.averaging)

    def _step(self, batch: TrainingBatch, rng: np.random.Generator) -> float:
        own = torch.unique(torch.cat([batch.item.ravel(), batch.target.ravel(), batch.against_item]))
        count = len(self.met)
        size = min(self.config.negatives, count)
        drawn = torch.from_numpy(rng.choice(count, size=size, replace=False))
        fresh = drawn[~torch.isin(drawn, own)]
        rows = torch.cat([own, fresh])
        kept = torch.from_numpy(self.met)[rows]
        ids = self.rows.table[kept].requires_grad_()
        log_q = torch.full((len(rows),), np.log(size / count))
        log_q[: len(own)] = 0.0
        loss = self._backward(
            batch,
            self.item_tower(self.features.rows(rows), ids),
            torch.searchsorted(own, batch.item),
            torch.searchsorted(own, batch.target),
            torch.searchsorted(own, batch.against_item),
            log_q,
        )
        if loss is None or ids.grad is None:
            return 0.0
        torch.nn.utils.clip_grad_norm_([ids, *self._parameters()], max_norm=1.0)
        self.optimiser.step()
        self.rows.step(kept, ids.grad)
        self._blend()
        return loss

    @torch.no_grad()
    def _blend(self) -> None:
        """The moving average of all but the ids."""
        self.blend(_without_ids(self.average), self._parameters(), torch.tensor(self.rows.now))

    def _save(self, checkpoint: Checkpoint, stands: TrainingState) -> None:
        # What a checkpoint goes on from is a settled table.
        self.rows.settle()
        super()._save(checkpoint, stands)

    def _judge(self, loss: float | None, began: float, budget: Budget, checkpoint: Checkpoint) -> float:
        self.rows.settle()
        return super()._judge(loss, began, budget, checkpoint)

    def _averaged(self) -> dict[str, Tensor]:
        """Written over the best before: never two copies of the table."""
        state = self.average.module.state_dict()
        kept: dict[str, Tensor] | None = getattr(self, "best", None)
        if kept is None:
            return copy.deepcopy(state)
        for name, part in state.items():
            kept[name].copy_(part)
        return kept

    def _parameters(self) -> list[nn.Parameter]:
        return _without_ids(self._towers())

    def _more_state(self) -> dict[str, Any]:
        return {"rows": self.rows.state()}

    def _adopt_state(self, saved: dict[str, Any]) -> None:
        self.rows.adopt(saved["rows"])


def _without_ids(towers: nn.Module) -> list[nn.Parameter]:
    return [part for name, part in towers.named_parameters() if not name.endswith("item.id.weight")]
