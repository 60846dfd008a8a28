"""NeuMF: inner products generalised by a small network (He et al. 2017, arXiv:1708.05031), the user from history.

``p(h, c) = <u_g, v_g(c)> / τ + MLP([u_m; v_m(c)])``: the factorised and the deep branch have embeddings of their own,
as in the paper. Where that learns a vector per user, here ``u`` pools the embeddings of the history's wishes by
learnt weights per age, so that a newcomer is served like anyone. Every pair must pass the network: it serves no index.

Also otherwise than in the paper: not a logarithmic loss against four items drawn at random, but softmax
cross-entropy over the whole catalogue (above ``SAMPLED`` items a sample of it) at every prefix of every history.
As in the paper the branches are trained one after another: the factorised one first, from spectral item vectors,
then the deep one on what the first has left, against the items that the first ranks highest and some at random.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.neumf import NeuMf, NeuMfConfig
from recs.engine.recommenders.neumf_training import BranchTraining
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.tuning import Judge
from recs.engine.recommenders.wishes import Wishes, read_wishes, wanted_matrix
from recs.engine.transformer.losses import has_bf16, softmax_backward
from recs.engine.transformer.start import spectral_vectors

PAIRS_AT_ONCE = 1 << 19
"""Pairs of a history and an item that pass the network together when all items are scored."""
SAMPLED = 60_000
"""Items above which the first branch learns against ``NEGATIVES`` of them a step."""
NEGATIVES = 8_192
HARDEST = 256
"""Items that the first branch ranks highest, and as many at random: what the deep branch learns against."""
FIRST_SHARE = 0.7
"""Of the budget, for the factorised branch."""


class NeuralCf(ScoringRecommender):
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
        began = time.monotonic()
        torch.manual_seed(seed)
        self.popular = popularity(interactions, items.count)
        self.config = replace(self.config, items=items.count)
        self.network = NeuMf(self.config)
        wanted = wanted_matrix(interactions, items.count)
        start = spectral_vectors(wanted, dimension=self.config.dimension, seed=seed)
        self.network.factor.start_from(start)
        training = BranchTraining(
            self.network,
            interactions,
            self.config,
            judge=Judge(self, validation, items.count, seed=seed) if validation else None,
            budget=budget,
            began=began,
            seed=seed,
            progress=progress,
        )
        self.bf16 = has_bf16()
        training.run("factorised", self.network.factor, self._learn_factors, share=FIRST_SHARE)
        self.network.deep.start_from(self.network.factor.items().detach().numpy())
        deep = torch.nn.ModuleList(
            [self.network.deep, self.network.of_user, self.network.of_item, self.network.tower]
        )
        training.run("deep", deep, self._learn_deep, share=1.0)

    def _learn_factors(self, wishes: Tensor, target: Tensor, rng: np.random.Generator) -> float:
        items, log_q = self.network.factor.items(), None
        if len(items) > SAMPLED:
            own, target = torch.unique(target, return_inverse=True)
            size = min(NEGATIVES, len(items))
            # Each once: drawn with repetitions, an item would stand here with a smaller chance than is corrected for.
            drawn = torch.from_numpy(rng.choice(len(items), size=size, replace=False))
            fresh = drawn[~torch.isin(drawn, own)]
            log_q = torch.full((len(own) + len(fresh),), float(np.log(size / len(items))))
            log_q[: len(own)] = 0.0
            items = functional.embedding(torch.cat([own, fresh]), items)
        return softmax_backward(
            self.network.factor(wishes),
            target,
            torch.ones(len(target)),
            items,
            temperature=self.config.temperature,
            log_q=log_q,
            bf16=self.bf16,
        )

    def _learn_deep(self, wishes: Tensor, target: Tensor, rng: np.random.Generator) -> float:
        """Softmax over the target, the first branch's ``HARDEST`` and as many at random that are none of these."""
        count = self.config.items
        with torch.no_grad():
            first = self.network.factorised(wishes, self.network.factor.items())
            own = first.gather(1, target[:, None])
            first.scatter_(1, target[:, None], -torch.inf)
            hard, hardest = first.topk(min(HARDEST, count), dim=1)
            drawn = torch.randint(count, (HARDEST if count > HARDEST else 0,)).expand(len(target), -1)
            easy = first.gather(1, drawn)
            easy[easy >= hard[:, -1:]] = -torch.inf
            easy += float(np.log(count / HARDEST))
        candidates = torch.cat([target[:, None], hardest, drawn], dim=1)
        logits = torch.cat([own, hard, easy], dim=1) + self.network.added(wishes, candidates)
        loss = functional.cross_entropy(logits, torch.zeros(len(target), dtype=torch.int64))
        loss.backward()
        return float(loss.detach())

    @torch.inference_mode()
    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores = self._scores(wishes).numpy()
        scores[wishes.empty] = self.popular
        return scores

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

    def _scores(self, wishes: Wishes) -> Tensor:
        """float32 [histories, items], in blocks that fit the cache."""
        items, factors = torch.arange(len(self.popular)), self.network.factor.items()
        size = max(1, PAIRS_AT_ONCE // max(1, len(items)))
        return torch.cat(
            [
                self.network.factorised(block, factors) + self.network.added(block, items)
                for block in self._padded(wishes).split(size)
            ]
        )

    def _padded(self, wishes: Wishes) -> Tensor:
        """Items [histories, n], the newest ``longest`` of each history, newest first."""
        counts = wishes.counts
        age = np.cumsum(counts)[wishes.row] - 1 - np.arange(len(wishes.row))
        width = int(min(self.config.longest, max(1, counts.max(initial=1))))
        kept = age < width
        items = np.full((wishes.rows, width), self.config.items, dtype=np.int64)
        items[wishes.row[kept], age[kept]] = wishes.item[kept]
        return torch.from_numpy(items)
