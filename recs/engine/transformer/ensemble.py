"""Towers of several members, trained apart and served as one (Hansen and Salamon 1990, *Neural network ensembles*).

The members' unit vectors stand side by side, over √m: the inner product of two such vectors is the mean of the
members' scores, so an ensemble is stored and searched as a single model is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from recs.engine.interactions import FloatArray, IntArray, Items
from recs.engine.transformer.item_tower import ItemTower
from recs.engine.transformer.sequence import gap_bucket, scaled_value
from recs.engine.transformer.user_tower import UserTower


class ItemTowers(nn.Module):
    """m item towers of one configuration: features → unit vectors [items, m d]."""

    def __init__(self, members: Sequence[ItemTower]) -> None:
        super().__init__()
        self.config = members[0].config
        self.kept = nn.ModuleList(members)

    @property
    def members(self) -> list[ItemTower]:
        return cast("list[ItemTower]", list(self.kept))

    def vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """As :meth:`ItemTower.vectors`, of all members side by side."""
        return _side_by_side([member.vectors(items, known=known) for member in self.members])


class UserTowers(nn.Module):
    """m user towers of one configuration: a history of such item vectors → unit vectors [b, m d] of the user."""

    def __init__(self, members: Sequence[UserTower]) -> None:
        super().__init__()
        self.config = members[0].config
        self.kept = nn.ModuleList(members)

    @property
    def members(self) -> list[UserTower]:
        return cast("list[UserTower]", list(self.kept))

    @property
    def dimension(self) -> int:
        return self.config.dimension * len(self.members)

    @torch.inference_mode()
    def encode(
        self, vectors: FloatArray, kind: IntArray, time: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """float32 [b, m d] from item vectors [b, n, m d] padded on the right; a history of length 0 gives zeros.

        ``time`` in seconds, 0 where unknown; ``value`` NaN where there is none. Serving's entry point. Raises
        ValueError for more interactions than the towers read.
        """
        longest = self.config.longest
        if vectors.shape[1] > longest:
            raise ValueError(f"{vectors.shape[1]} interactions per history, expected at most {longest}")
        return self.last_states(vectors, kind, gap_bucket(time), scaled_value(value), lengths)

    def last_states(
        self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """As ``encode``, from gap buckets and scaled values."""
        if len(self.members) == 1:
            return self.members[0].last_states(vectors, kind, gap, value, lengths)
        scale = np.float32(math.sqrt(len(self.members)))
        parts = np.split(vectors * scale, len(self.members), axis=-1)
        return _side_by_side(
            [
                member.last_states(part, kind, gap, value, lengths)
                for member, part in zip(self.members, parts, strict=True)
            ]
        )


def _side_by_side(parts: list[FloatArray]) -> FloatArray:
    return np.concatenate(parts, axis=-1) / np.float32(math.sqrt(len(parts)))
