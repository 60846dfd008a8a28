"""Softmax cross-entropy over the catalogue, in chunks: full while it fits, sampled with logQ correction above.

Logits are inner products of unit vectors over a temperature. The chunks' gradients are added up on the two
inputs and passed on once, so that no more than one chunk of logits stands in memory.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn import functional

CHUNK_LOGITS = 24_000_000
"""Logits that stand in memory at once: 96 MB as float32, about 400 MB with what the backward pass keeps."""


def softmax_backward(
    users: Tensor,
    targets: Tensor,
    weights: Tensor,
    items: Tensor,
    *,
    temperature: float,
    log_q: Tensor | None = None,
    bf16: bool = False,
) -> float:
    """Mean weighted cross-entropy of the targets among ``items``; back-propagates into both inputs.

    ``users`` [p, d] and ``items`` [m, d] unit vectors, ``targets`` int64 [p] into items, ``weights`` [p].
    ``log_q`` [m]: log of the chance that an item was drawn into a sampled ``items``, subtracted from its
    logits (Bengio and Senécal 2008; Yi et al. 2019).
    """
    flat_users = users.detach().requires_grad_()
    flat_items = items.detach().requires_grad_()
    total = float(weights.sum())
    rows = max(1, CHUNK_LOGITS // len(items))
    loss_sum = 0.0
    for start in range(0, len(targets), rows):
        chunk = slice(start, start + rows)
        with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
            logits = (flat_users[chunk] / temperature) @ flat_items.T
        logits = logits.float()
        if log_q is not None:
            logits = logits - log_q
        losses = functional.cross_entropy(logits, targets[chunk], reduction="none")
        loss = (losses * weights[chunk]).sum() / total
        loss.backward()
        loss_sum += float(loss.detach())
    torch.autograd.backward([users, items], [flat_users.grad, flat_items.grad])
    return loss_sum
