"""Training batches: what the towers read, and what each position should have predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recs.engine.interactions import LEAST_WANTED, FloatArray, IntArray, Interactions, Kind
from recs.engine.transformer.sequence import Segments, gap_bucket, scaled_value

TARGET_WEIGHTS = {
    Kind.VIEW: 0.3,
    Kind.CLICK: 0.3,
    Kind.CART_ADD: 0.7,
    Kind.PURCHASE: 1.0,
    Kind.RATING: 1.0,
    Kind.LIKE: 1.0,
}
"""What it counts to predict an interaction of a kind, unless told otherwise; one that is missing is never a target."""
CONTEXT_DROPOUT = 0.15
"""Share of training rows that show their items only."""


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


def training_batch(
    data: Interactions,
    pieces: Segments,
    rows: np.ndarray,
    rng: np.random.Generator,
    weights: Mapping[Kind, float] = TARGET_WEIGHTS,
) -> TrainingBatch:
    """The pieces ``rows`` as arrays, inputs and the targets one further on.

    Some rows lose kinds, gaps and values: what serving sends may be of a kind that training has not shown, and
    the items alone must then do.
    """
    start, end = pieces.start[rows], pieces.end[rows]
    length = end - start - 1
    width = int(length.max())
    steps = np.arange(width)
    inside = steps < length[:, None]
    here = np.where(inside, start[:, None] + steps, start[:, None])
    ahead = np.where(inside, here + 1, here)
    times = data.time[here]
    weight = target_weights(data.kind[ahead], data.value[ahead], weights) * inside
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
    )


def target_weights(
    kind: IntArray, value: FloatArray, weights: Mapping[Kind, float] = TARGET_WEIGHTS
) -> FloatArray:
    """What it counts to predict each of these interactions, float32; a complaint (a rating below 3) nothing."""
    table = np.zeros(max(Kind) + 1, dtype=np.float32)
    table[list(weights)] = list(weights.values())
    complaint = (kind == Kind.RATING) & (value < LEAST_WANTED)
    return np.where(complaint, np.float32(0), table[kind])
