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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recs.engine.artifact import Artifact, array
from recs.engine.checkpoint import Checkpoint, fingerprint
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.base import Base
from recs.engine.recommenders.neumf import Examples, NeuMf, NeuMfConfig
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge
from recs.engine.recommenders.wishes import Wishes, read_wishes, wanted_matrix
from recs.engine.transformer.losses import has_bf16, softmax_backward
from recs.engine.transformer.sequence import shuffled_within_moments
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

Step = Callable[[Tensor, Tensor], float]
"""The loss of wishes [b, n] and what was wanted next [b], back-propagated."""


@dataclass(slots=True)
class _Lesson:
    """What both branches are trained on; ``until``: when the whole fit must be over (``time.monotonic``), ``spent``:
    seconds of the branch that is done, ``restored``: those that a fit that was killed had spent."""

    interactions: Interactions
    judge: Judge | None
    progress: ProgressCallback | None
    checkpoint: Callable[[str], Checkpoint]
    seed: int
    until: float
    spent: float = 0.0
    restored: float = 0.0


@dataclass(slots=True)
class _Standing:
    """Where the training of a branch stands; ``seconds`` that it took."""

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


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
        began = time.monotonic()
        torch.manual_seed(seed)
        self.popular = popularity(interactions, items.count)
        self.config = replace(self.config, items=items.count)
        self.network = NeuMf(self.config)
        wanted = wanted_matrix(interactions, items.count)
        start = spectral_vectors(wanted, dimension=self.config.dimension, seed=seed)
        self.network.factor.start_from(start)
        columns = (
            interactions.user,
            interactions.item,
            interactions.kind,
            interactions.time,
            interactions.value,
        )
        own = fingerprint(self.config, seed, *columns) if budget.checkpoint else ""

        def checkpoint(stage: str) -> Checkpoint:
            return Checkpoint(budget.checkpoint / stage if budget.checkpoint else None, own)

        lesson = _Lesson(
            interactions,
            Judge(self, validation, items.count, seed=seed) if validation else None,
            progress,
            checkpoint,
            seed,
            began + budget.seconds,
        )
        self.bf16 = has_bf16()
        epoch = self._train("factorised", self.network.factor, self._learn_factors, lesson, FIRST_SHARE)
        # What the second branch has learnt holds for this very first one.
        own = f"{own} {epoch}"
        self.network.deep.start_from(self.network.factor.items().detach().numpy())
        deep = torch.nn.ModuleList(
            [self.network.deep, self.network.of_user, self.network.of_item, self.network.tower]
        )
        self._train("deep", deep, self._learn_deep, lesson, 1.0)

    def _train(self, stage: str, branch: torch.nn.Module, step: Step, lesson: _Lesson, share: float) -> int:
        """Epochs over all examples until that share of the remaining time is over or validation gets no better; returns
        the one that was kept."""
        until = time.monotonic() + share * (lesson.until - time.monotonic())
        optimiser = torch.optim.Adam(branch.parameters(), lr=self.config.learning_rate)
        self.network.eval()
        stands, kept = _Standing(best=lesson.judge.ndcg() if lesson.judge else -1.0), _weights(branch)
        checkpoint = lesson.checkpoint(stage)
        if saved := checkpoint.load():
            stands, kept = _Standing(**saved["stands"]), saved["kept"]
            branch.load_state_dict(saved["weights"])
            optimiser.load_state_dict(saved["optimiser"])
            until -= stands.seconds
            lesson.until -= stands.seconds
            lesson.restored += stands.seconds
        for figures in stands.curve:
            self._tell(stage, figures, lesson)
        pace = 0.0
        while not self._finished(stands, lesson) and (not stands.epoch or time.monotonic() + pace <= until):
            began = time.monotonic()
            loss = self._epoch(branch, step, lesson, stands.epoch, optimiser, until)
            stands.epoch += 1
            figures = {"epoch": float(stands.epoch), "loss": loss}
            if lesson.judge:
                figures["ndcg@10"] = lesson.judge.ndcg()
            ndcg = figures.get("ndcg@10")
            if ndcg is None or ndcg > stands.best:
                # Without a judge the newest is the best.
                stands.best, stands.best_epoch = -1.0 if ndcg is None else ndcg, stands.epoch
                kept = _weights(branch)
            pace = time.monotonic() - began
            stands.seconds += pace
            figures["seconds"] = lesson.spent + stands.seconds
            stands.curve.append(figures)
            checkpoint.save(
                {
                    "stands": asdict(stands),
                    "kept": kept,
                    "weights": branch.state_dict(),
                    "optimiser": optimiser.state_dict(),
                }
            )
            self._tell(stage, figures, lesson)
        lesson.spent += stands.seconds
        branch.load_state_dict(kept)
        return stands.best_epoch

    def _finished(self, stands: _Standing, lesson: _Lesson) -> bool:
        stale = lesson.judge is not None and stands.epoch - stands.best_epoch >= self.config.patience
        return stale or stands.epoch >= self.config.epochs

    def _tell(self, stage: str, figures: dict[str, float], lesson: _Lesson) -> None:
        if lesson.progress:
            restored = {"restored": lesson.restored} if lesson.restored else {}
            lesson.progress(Progress(stage, figures["epoch"] / self.config.epochs, {**figures, **restored}))

    def _epoch(
        self,
        branch: torch.nn.Module,
        step: Step,
        lesson: _Lesson,
        epoch: int,
        optimiser: torch.optim.Optimizer,
        until: float,
    ) -> float:
        """Mean loss of one pass over the examples, which breaks off when the time is over."""
        # So that one who goes on from a checkpoint draws what the one who was killed would have drawn.
        torch.manual_seed(lesson.seed * 1_000_003 + epoch)
        self.rng = np.random.default_rng([lesson.seed, epoch])
        examples = Examples(shuffled_within_moments(lesson.interactions, self.rng), self.config)
        branch.train()
        losses = []
        rows = torch.randperm(len(examples))
        for chosen in rows.split(self.config.batch) if len(rows) else ():
            optimiser.zero_grad()
            losses.append(step(*examples.batch(chosen)))
            optimiser.step()
            if time.monotonic() > until:
                break
        self.network.eval()
        return float(np.mean(losses)) if losses else 0.0

    def _learn_factors(self, wishes: Tensor, target: Tensor) -> float:
        items, log_q = self.network.factor.items(), None
        if len(items) > SAMPLED:
            own, target = torch.unique(target, return_inverse=True)
            size = min(NEGATIVES, len(items))
            # Each once: drawn with repetitions, an item would stand here with a smaller chance than is corrected for.
            drawn = torch.from_numpy(self.rng.choice(len(items), size=size, replace=False))
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

    def _learn_deep(self, wishes: Tensor, target: Tensor) -> float:
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


def _weights(branch: torch.nn.Module) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in branch.state_dict().items()}
