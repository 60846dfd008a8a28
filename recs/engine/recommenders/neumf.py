"""NeuMF's network: the factorised branch and the deep one, each over a history that is pooled by age.

``u = normalise(w * sum_a s_a e(i_a))`` with ``s = softmax(age table)`` over the wishes of a history, the newest first;
``p(h, c) = <u_g, v_g(c)> / τ + MLP(A u_m + B v_m(c))``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recs.engine.interactions import FloatArray, Interactions


@dataclass(frozen=True, slots=True)
class NeuMfConfig:
    """``dimension`` of the factorised branch, ``deep`` of the other and ``hidden`` its layers; ``decay``: weight of a
    wish against the next newer one, at the start; ``patience``: epochs without a better validation after which a
    branch is done."""

    items: int = 0
    dimension: int = 128
    deep: int = 32
    hidden: tuple[int, ...] = (16, 8)
    decay: float = 0.8
    longest: int = 50
    temperature: float = 0.06
    batch: int = 512
    learning_rate: float = 1e-3
    dropout: float = 0.5
    epochs: int = 30
    patience: int = 4


class Pooling(nn.Module):
    """Items wanted, newest first → one unit vector; the table's last row stands for padding and stays zero."""

    def __init__(self, config: NeuMfConfig, width: int) -> None:
        super().__init__()
        self.padding = config.items
        self.dropout = config.dropout
        self.table = nn.Embedding(config.items + 1, width, padding_idx=config.items)
        self.age = nn.Parameter(torch.arange(config.longest) * float(np.log(config.decay)))
        self.mix = nn.Parameter(torch.ones(width))

    def start_from(self, vectors: FloatArray) -> None:
        """Unit vectors [items, at least d]."""
        width = self.table.embedding_dim
        with torch.no_grad():
            self.table.weight[:-1] = torch.from_numpy(vectors[:, :width])

    def forward(self, wishes: Tensor) -> Tensor:
        """[b, n] → [b, d]; zeros for a row of padding alone."""
        inside = wishes != self.padding
        age = self.age[: wishes.shape[1]].expand(wishes.shape)
        shares = age.masked_fill(~inside, -1e4).softmax(dim=1) * inside
        pooled = functional.embedding_bag(wishes, self.table.weight, mode="sum", per_sample_weights=shares)
        pooled = functional.dropout(pooled, self.dropout, self.training)
        return functional.normalize(pooled * self.mix, dim=-1, eps=1e-6)

    def items(self) -> Tensor:
        """[items, d], unit vectors."""
        return functional.normalize(self.table.weight[:-1], dim=-1, eps=1e-6)


class NeuMf(nn.Module):
    """Both branches, with embeddings of their own as in the paper."""

    def __init__(self, config: NeuMfConfig) -> None:
        super().__init__()
        self.config = config
        self.factor = Pooling(config, config.dimension)
        self.deep = Pooling(config, config.deep)
        # The first layer of [u; v] is the sum of one of each: computed once a row, not once a pair.
        self.of_user = nn.Linear(config.deep, config.hidden[0])
        self.of_item = nn.Linear(config.deep, config.hidden[0], bias=False)
        layers: list[nn.Module] = []
        for before, after in zip(config.hidden, config.hidden[1:], strict=False):
            layers += [nn.ReLU(), nn.Linear(before, after)]
        last = nn.Linear(config.hidden[-1], 1)
        # Adds nothing at first: what it learns is what the factorised branch has left.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.tower = nn.Sequential(*layers, nn.ReLU(), last)

    def factorised(self, wishes: Tensor, items: Tensor) -> Tensor:
        """[b, m] for ``items`` [m, d] of the factorised branch."""
        return self.factor(wishes) @ items.T / self.config.temperature

    def added(self, wishes: Tensor, items: Tensor) -> Tensor:
        """What the deep branch adds: [b, m] for ``items`` [m], the same for all rows, or [b, m]."""
        first = self.of_item(functional.embedding(items, self.deep.table.weight))
        return self.tower(self.of_user(self.deep(wishes))[:, None, :] + first)[..., 0]


class Examples:
    """Each wish of training but a user's first, and the wishes before it."""

    def __init__(self, interactions: Interactions, config: NeuMfConfig) -> None:
        positive = interactions.wishes
        user = interactions.user[positive]
        self.config = config
        self.item = torch.from_numpy(interactions.item[positive])
        first = np.searchsorted(user, user, side="left")
        self.first = torch.from_numpy(first)
        self.place = torch.from_numpy(np.flatnonzero(np.arange(len(user)) > first))

    def __len__(self) -> int:
        return len(self.place)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Wishes [b, n], newest first, and what was wanted next [b]."""
        place = self.place[rows]
        length = torch.minimum(place - self.first[place], torch.tensor(self.config.longest))
        ages = torch.arange(int(length.max()))
        inside = ages < length[:, None]
        before = torch.where(inside, place[:, None] - 1 - ages, 0)
        return torch.where(inside, self.item[before], self.config.items), self.item[place]
