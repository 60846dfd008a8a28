"""Scores of what scores by one inner product."""

from __future__ import annotations

import torch

from recs.engine.interactions import FloatArray


def inner_products(users: FloatArray, vectors: FloatArray) -> FloatArray:
    """float32 [users, items] of ``users`` [users, d] and ``vectors`` [items, d].

    By torch, for numpy's threads wait busily after a product: on two cores, what torch did next took twice as long. One
    user alone, who waits for an answer, by numpy: with 12,000 items of 128 numbers 0.09 ms, and torch 0.21.
    """
    if len(users) == 1:
        return users @ vectors.T
    found: FloatArray = (torch.from_numpy(users) @ torch.from_numpy(vectors).T).numpy()
    return found
