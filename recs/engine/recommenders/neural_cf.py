"""NeuMF: inner products generalised by a small network (He et al. 2017, arXiv:1708.05031), the user from history.

``p(h, c) = <w, u_g * v_g(c)> + w' MLP([u_m; v_m(c)])``: the factorised and the deep branch have embeddings of their
own, as in the paper. Where that learns a vector per user, here ``u`` is the mean of the embeddings of the history's
wishes, newer ones weighing more, so that a newcomer is served like anyone. Learnt with the paper's logarithmic loss
on what was wanted next against items drawn at random. Every pair must pass the network: it serves no index.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items, wanted
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.base import Base
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge
from recs.engine.recommenders.wishes import Wishes, read_wishes


@dataclass(frozen=True, slots=True)
class NeuMfConfig:
    """``decay``: weight of a wish against the next newer one; ``negatives``: drawn at random for each batch and
    shared by its rows; ``patience``: epochs without a better validation after which training ends."""

    items: int = 0
    dimension: int = 64
    hidden: tuple[int, ...] = (16, 8)
    decay: float = 0.8
    longest: int = 50
    batch: int = 256
    negatives: int = 32
    learning_rate: float = 5e-3
    dropout: float = 0.3
    epochs: int = 40
    patience: int = 3


PAIRS_AT_ONCE = 1 << 19
"""Pairs of a history and an item that pass the network together when all items are scored."""


class NeuMf(nn.Module):
    """Both branches; the last row of each table stands for padding and stays zero."""

    def __init__(self, config: NeuMfConfig) -> None:
        super().__init__()
        width = config.dimension
        self.config = config
        self.factor = nn.Embedding(config.items + 1, width, padding_idx=config.items)
        self.deep = nn.Embedding(config.items + 1, width, padding_idx=config.items)
        self.popular = nn.Embedding(config.items + 1, 1)
        for table in (self.factor, self.deep):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(self.popular.weight)
        self.mix = nn.Parameter(torch.ones(width))
        # The first layer of [u; v] is the sum of one of each: computed once a row, not once a pair.
        self.of_user = nn.Linear(width, config.hidden[0])
        self.of_item = nn.Linear(width, config.hidden[0], bias=False)
        layers: list[nn.Module] = []
        for before, after in zip(config.hidden, config.hidden[1:], strict=False):
            layers += [nn.ReLU(), nn.Linear(before, after)]
        self.tower = nn.Sequential(*layers, nn.ReLU(), nn.Linear(config.hidden[-1], 1))

    def users(self, items: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """[b, n] wishes and their shares of the mean → the user's vector in each branch, [b, d]."""
        of = [
            functional.embedding_bag(items, table.weight, mode="sum", per_sample_weights=shares)
            for table in (self.factor, self.deep)
        ]
        return self._noised(of[0]), self._noised(of[1])

    def forward(self, users: tuple[Tensor, Tensor], items: Tensor) -> Tensor:
        """Scores of every user for each of ``items`` [m]: [b, m]."""
        factorised = (users[0] * self.mix) @ self.factor(items).T
        first = self.of_user(users[1])[:, None, :] + self.of_item(self.deep(items))[None, :, :]
        return factorised + self.tower(first)[..., 0] + self.popular(items)[:, 0]

    def pairs(self, users: tuple[Tensor, Tensor], items: Tensor) -> Tensor:
        """Scores of each user for the item of the same row: [b]."""
        factorised = (users[0] * self.mix * self.factor(items)).sum(dim=1)
        first = self.of_user(users[1]) + self.of_item(self.deep(items))
        return factorised + self.tower(first)[..., 0] + self.popular(items)[:, 0]

    def _noised(self, users: Tensor) -> Tensor:
        return functional.dropout(users, self.config.dropout, self.training)


class NeuralCf(Base):
    name = "neural_cf"

    def __init__(self, config: NeuMfConfig | None = None) -> None:
        self.config = config or NeuMfConfig()

    def fit(
        self,
        interactions: Interactions,
        items: Items,
        *,
        budget: Budget,
        seed: int,
        validation: HeldOut | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        until = time.monotonic() + budget.seconds
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.popular = popularity(interactions, items.count)
        self.config = NeuMfConfig(**{**asdict(self.config), "items": items.count})
        self.network = NeuMf(self.config)
        examples = _Examples(interactions, self.config)
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)
        judge = Judge(self, validation, items.count, seed=seed, rows=1_000) if validation else None
        best, best_epoch, kept = -1.0, 0, self._weights()
        for epoch in range(1, self.config.epochs + 1):
            began = time.monotonic()
            loss = self._epoch(examples, optimiser, generator, until)
            figures = {"epoch": float(epoch), "loss": loss}
            if judge:
                figures["ndcg@10"] = judge.ndcg()
                if figures["ndcg@10"] > best:
                    best, best_epoch, kept = figures["ndcg@10"], epoch, self._weights()
            if progress:
                progress(Progress("epochs", epoch / self.config.epochs, figures))
            now = time.monotonic()
            if (judge and epoch - best_epoch >= self.config.patience) or now + (now - began) > until:
                break
        if judge:
            self.network.load_state_dict(kept)
        self.network.eval()

    def _epoch(
        self,
        examples: _Examples,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
        until: float,
    ) -> float:
        """Mean loss; an epoch that the end of the budget meets ends early."""
        self.network.train()
        total, steps = 0.0, 0
        if not len(examples):
            self.network.eval()
            return 0.0
        for rows in torch.randperm(len(examples), generator=generator).split(self.config.batch):
            wishes, shares, target = examples.batch(rows)
            negative = torch.randint(self.config.items, (self.config.negatives,), generator=generator)
            users = self.network.users(wishes, shares)
            drawn = self.network(users, negative)
            # What the user wants is no negative, be it drawn.
            drawn = drawn.masked_fill(negative[None, :] == target[:, None], -1e4)
            loss = functional.softplus(-self.network.pairs(users, target)).mean()
            loss = loss + functional.softplus(drawn).sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total, steps = total + float(loss.detach()), steps + 1
            if time.monotonic() > until:
                break
        self.network.eval()
        return total / max(1, steps)

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.clone() for name, weight in self.network.state_dict().items()}

    @torch.inference_mode()
    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores = self._scores(wishes, torch.arange(len(self.popular))).numpy()
        scores[wishes.empty] = self.popular
        return scores

    @torch.inference_mode()
    def explain(self, history: History, item: int) -> FloatArray:
        """Leave one out: the score with an interaction minus the score without it."""
        wishes = self._wishes([history])
        size = len(wishes.row)
        left_out = [History.of_items(np.delete(wishes.item, place)) for place in range(size)]
        every = self._wishes([History.of_items(wishes.item), *left_out])
        scores = self._scores(every, torch.tensor([item])).numpy()[:, 0]
        return wishes.contributions(history, scores[0] - scores[1:])

    def pack(self) -> Artifact:
        arrays = {name: weight.numpy() for name, weight in self.network.state_dict().items()}
        config = asdict(self.config)
        return Artifact(self.name, config, {**arrays, "fallback": self.popular})

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "fallback")
        config = {**artifact.config, "hidden": tuple(artifact.config["hidden"])}
        self.config = NeuMfConfig(**config)
        self.network = NeuMf(self.config)
        names = self.network.state_dict().keys()
        self.network.load_state_dict({name: torch.from_numpy(array(artifact, name)) for name in names})
        self.network.eval()

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self.network.parameters())

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.config.decay)

    def _scores(self, wishes: Wishes, items: Tensor) -> Tensor:
        """float32 [histories, items], in blocks that fit the cache."""
        users = self.network.users(*self._padded(wishes))
        size = max(1, PAIRS_AT_ONCE // max(1, len(items)))
        blocks = zip(users[0].split(size), users[1].split(size), strict=True)
        return torch.cat([self.network(block, items) for block in blocks])

    def _padded(self, wishes: Wishes) -> tuple[Tensor, Tensor]:
        """Items and shares [histories, longest], the newest ``longest`` of each history."""
        counts = wishes.counts
        place = np.arange(len(wishes.row)) - (np.cumsum(counts) - counts)[wishes.row]
        width = int(min(self.config.longest, max(1, counts.max(initial=1))))
        column = place - (counts[wishes.row] - width)
        kept = column >= 0
        items = np.full((wishes.rows, width), self.config.items, dtype=np.int64)
        shares = np.zeros((wishes.rows, width), dtype=np.float32)
        items[wishes.row[kept], column[kept]] = wishes.item[kept]
        shares[wishes.row[kept], column[kept]] = wishes.weight[kept]
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        return torch.from_numpy(items), torch.from_numpy(shares)


class _Examples:
    """Each wish of training but a user's first, and the wishes before it."""

    def __init__(self, interactions: Interactions, config: NeuMfConfig) -> None:
        positive = wanted(interactions.kind, interactions.value) & (interactions.item >= 0)
        user = interactions.user[positive]
        self.config = config
        self.item = torch.from_numpy(interactions.item[positive])
        first = np.searchsorted(user, user, side="left")
        self.first = torch.from_numpy(first)
        self.place = torch.from_numpy(np.flatnonzero(np.arange(len(user)) > first))

    def __len__(self) -> int:
        return len(self.place)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Wishes and shares [b, longest], and what was wanted next [b]."""
        place = self.place[rows]
        length = torch.minimum(place - self.first[place], torch.tensor(self.config.longest))
        ages = torch.arange(int(length.max()))
        inside = ages < length[:, None]
        before = torch.where(inside, place[:, None] - 1 - ages, 0)
        wishes = torch.where(inside, self.item[before], self.config.items)
        shares = inside * self.config.decay**ages
        return wishes, shares / shares.sum(dim=1, keepdim=True), self.item[place]
