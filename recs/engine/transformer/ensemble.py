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

from recs.engine.interactions import FloatArray, IntArray, Items, complaint, wanted
from recs.engine.transformer.complaints import turned_away
from recs.engine.transformer.item_tower import ItemTower
from recs.engine.transformer.left_out import LeftOut, last_states_without, places_by_item
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

    @torch.inference_mode()
    def encode(
        self, vectors: FloatArray, kind: IntArray, time: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """float32 [b, m d] from item vectors [b, n, m d] padded on the right; a history without a wish gives zeros.

        ``time`` in seconds, 0 where unknown; ``value`` NaN where there is none. Complaints turn the vector away from
        what they are of. Serving's entry point. Raises ValueError for more interactions than the towers read.
        """
        longest = self.config.longest
        if vectors.shape[1] > longest:
            raise ValueError(f"{vectors.shape[1]} interactions per history, expected at most {longest}")
        inside = np.arange(vectors.shape[1]) < lengths[:, None]
        lengths = np.where((inside & wanted(kind, value)).any(axis=1), lengths, 0)
        against = inside & complaint(kind, value)
        if not against.any():
            return as_stored(self.last_states(vectors, kind, gap_bucket(time), scaled_value(value), lengths))
        kept = inside & ~against
        # Those that are kept first, and no more places than they take.
        order = np.argsort(~kept, axis=1, kind="stable")[:, : max(1, int(kept.sum(axis=1).max()))]
        first = np.arange(len(kind))[:, None], order
        gap, scaled = gap_bucket(time[first]), scaled_value(value[first])
        users = self.last_states(
            vectors[first], kind[first], gap, scaled, np.minimum(kept.sum(axis=1), lengths)
        )
        complained = [own[which] for own, which in zip(vectors, against, strict=True)]
        return as_stored(turned_away(users, complained))

    def left_out(
        self, item: IntArray, vectors: FloatArray, kind: IntArray, time: IntArray, value: FloatArray
    ) -> LeftOut:
        """The user of one history [n], vectors [n, m d], with and without each of its items, in one pass.

        For an item c, ``(whole - without) @ c``, float32 [items], is what each item of the history adds to the score
        of c: the score with it minus the score without it. The only item of a history adds the whole score. What is
        older than the towers read is not put in the place of what is left out. Raises ValueError as ``encode`` does.
        """
        if len(item) > self.config.longest:
            raise ValueError(f"{len(item)} interactions, expected at most {self.config.longest}")
        items, places = places_by_item(item)
        left_out = [np.zeros(0, dtype=np.int64), *places]
        wish, against = wanted(kind, value), complaint(kind, value)
        read = np.flatnonzero(~against)
        still = [np.searchsorted(read, np.intersect1d(those, read)) for those in left_out]
        users = self._without(vectors[read], kind[read], time[read], value[read], still)
        users[[wish[those].sum() == wish.sum() for those in left_out]] = 0.0
        if against.any():
            complained = [vectors[np.setdiff1d(np.flatnonzero(against), those)] for those in left_out]
            users = turned_away(users, complained)
        users = as_stored(users)
        return LeftOut(items, users[0], users[1:])

    def _without(
        self,
        vectors: FloatArray,
        kind: IntArray,
        time: IntArray,
        value: FloatArray,
        left_out: Sequence[IntArray],
    ) -> FloatArray:
        """float32 [histories, m d], as :func:`last_states_without`."""
        if not len(kind):
            return np.zeros((len(left_out), vectors.shape[1]), dtype=np.float32)
        parts = zip(self.members, self._parts(vectors), strict=True)
        return _side_by_side(
            [last_states_without(member, part, kind, time, value, left_out) for member, part in parts]
        )

    def last_states(
        self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """As ``encode``, from gap buckets and scaled values."""
        parts = zip(self.members, self._parts(vectors), strict=True)
        return _side_by_side([one.last_states(part, kind, gap, value, lengths) for one, part in parts])

    def states(
        self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """float32 [b, n, m d]: the user after each interaction; rows of padding mean nothing."""
        parts = zip(self.members, self._parts(vectors), strict=True)
        return _side_by_side([one.states(part, kind, gap, value, lengths) for one, part in parts])

    def _parts(self, vectors: FloatArray) -> list[FloatArray]:
        if len(self.members) == 1:
            return [vectors]
        scale = np.float32(math.sqrt(len(self.members)))
        return np.split(vectors * scale, len(self.members), axis=-1)


def as_stored(vectors: FloatArray) -> FloatArray:
    """Rounded to half precision, as the database holds vectors of products and shoppers: what is judged is that."""
    return vectors.astype(np.float16).astype(np.float32)


def _side_by_side(parts: list[FloatArray]) -> FloatArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts, axis=-1) / np.float32(math.sqrt(len(parts)))
