"""Training batches: what the towers read, and what each position should have predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recs.engine.interactions import FloatArray, IntArray, Interactions, Kind, complaint
from recs.engine.transformer.complaints import NO_COMPLAINTS, Complaints
from recs.engine.transformer.sequence import Segments, gap_bucket, scaled_value

TARGET_WEIGHTS = {
    Kind.VIEW: 0.3,
    Kind.CLICK: 0.3,
    Kind.CART_ADD: 0.7,
    Kind.PURCHASE: 1.0,
    Kind.RATING: 1.0,
    Kind.LIKE: 1.0,
    Kind.HIDE: 1.0,
}
"""What it counts to predict an interaction of a kind, unless told otherwise, and against predicting it for a complaint;
one that is missing does not count."""
CONTEXT_DROPOUT = 0.15
"""Share of training rows that show their items only."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Inputs [b, n], the next item at each position, and what predicting it counts (0 at padding).

    ``against_row``, ``against_step``, ``against_item`` [m]: where a complaint came next, and of what;
    ``against_weight`` [m].
    """

    item: Tensor
    kind: Tensor
    gap: Tensor
    value: Tensor
    target: Tensor
    weight: Tensor
    length: Tensor
    steps: Tensor
    against_row: Tensor
    against_step: Tensor
    against_item: Tensor
    against_weight: Tensor

    def asked(self, states: Tensor, target: Tensor, against: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States [p, d] of all positions that count, from ``states`` [b, n, d]; what followed each [p], by the names of
        ``target`` [b, n] and ``against`` [m]; and what that counts [p], less than 0 for a complaint."""
        chosen = self.weight > 0
        users, targets, weights = states[chosen], target[chosen], self.weight[chosen]
        if not len(against):
            return users, targets, weights
        place = self.against_row * states.shape[1] + self.against_step
        # Not states[place]: see Training._backward.
        complaining = functional.embedding(place, states.flatten(0, 1))
        users = torch.cat([users, complaining])
        return users, torch.cat([targets, against]), torch.cat([weights, -self.against_weight])


def training_batch(
    data: Interactions,
    pieces: Segments,
    rows: np.ndarray,
    rng: np.random.Generator,
    counts: FloatArray,
    weights: Mapping[Kind, float] = TARGET_WEIGHTS,
    complaints: Complaints = NO_COMPLAINTS,
) -> TrainingBatch:
    """The pieces ``rows`` as arrays, inputs and the targets one further on; ``counts`` float32 [n]: what each
    interaction counts as a target.

    Some rows lose kinds, gaps and values: what serving sends may be of a kind that training has not shown, and
    the items alone must then do.
    """
    start, end = pieces.start[rows], pieces.end[rows]
    # Nothing follows the newest interaction, unless it is a complaint: then it is read, too.
    followed = end - start - 1
    length = followed + complaints.follow(end - 1)
    width = int(length.max())
    steps = np.arange(width)
    inside = steps < length[:, None]
    here = np.where(inside, start[:, None] + steps, start[:, None])
    predicts = steps < followed[:, None]
    ahead = np.where(predicts, here + 1, here)
    times = data.time[here]
    weight = counts[ahead] * predicts
    # A piece that goes on from an older one begins with its last row, and what came after that is read there.
    goes_on = (start > 0) & (data.user[start - 1] == data.user[start])
    complaining, complained = complaints.within(start + goes_on, start + length)
    told = (rng.random(len(rows)) >= CONTEXT_DROPOUT)[:, None]
    return TrainingBatch(
        item=torch.from_numpy(data.item[here]),
        kind=torch.from_numpy(np.where(inside & told, data.kind[here], 0)),
        gap=torch.from_numpy(np.where(told, gap_bucket(times), 0)),
        value=torch.from_numpy(np.where(told, scaled_value(data.value[here]), np.float32(0))),
        target=torch.from_numpy(data.item[ahead]),
        weight=torch.from_numpy(weight),
        length=torch.from_numpy(length),
        steps=torch.from_numpy(steps),
        against_row=torch.from_numpy(complaining),
        against_step=torch.from_numpy(complaints.after[complained] - start[complaining]),
        against_item=torch.from_numpy(complaints.item[complained]),
        against_weight=torch.from_numpy(_table(weights)[complaints.kind[complained]]),
    )


def target_weights(
    kind: IntArray, value: FloatArray, weights: Mapping[Kind, float] = TARGET_WEIGHTS
) -> FloatArray:
    """What it counts to predict each of these interactions, float32; a complaint nothing."""
    return np.where(complaint(kind, value), np.float32(0), _table(weights)[kind])


def first_weights(data: Interactions, weights: Mapping[Kind, float] = TARGET_WEIGHTS) -> FloatArray:
    """What it counts to predict each interaction, float32 [n].

    Nothing where the user has dealt with the item before, for no list that is asked for has it again; the first time as
    much as what counts most of all that the user did with it.
    """
    counts = target_weights(data.kind, data.value, weights)
    pair = data.user * data.item_count + data.item
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    result = np.zeros_like(counts)
    if len(starts):
        result[order[starts]] = np.maximum.reduceat(counts[order], starts)
    return result


def _table(weights: Mapping[Kind, float]) -> FloatArray:
    table = np.zeros(max(Kind) + 1, dtype=np.float32)
    table[list(weights)] = list(weights.values())
    return table
