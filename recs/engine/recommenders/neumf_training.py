"""Trains the branches of NeuMF's network one after another, each from its own checkpoint if there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from recs.engine.checkpoint import Checkpoint, fingerprint
from recs.engine.interactions import Interactions, shuffled_within_moments
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.neumf import Examples, NeuMf, NeuMfConfig
from recs.engine.recommenders.tuning import Judge

Step = Callable[[Tensor, Tensor, np.random.Generator], float]
"""The loss of wishes [b, n] and what was wanted next [b], back-propagated."""


@dataclass(slots=True)
class _Standing:
    """Where the training of a branch stands; ``seconds`` that it took; ``over``: seconds of the budget within which the
    next branch has begun upon it."""

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    over: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


class BranchTraining:
    """``began``: since when the budget is spent (``time.monotonic``)."""

    def __init__(
        self,
        network: NeuMf,
        interactions: Interactions,
        config: NeuMfConfig,
        *,
        judge: Judge | None,
        budget: Budget,
        began: float,
        seed: int,
        progress: ProgressCallback | None,
    ) -> None:
        self.network = network
        self.interactions = interactions
        self.config = config
        self.judge = judge
        self.budget = budget
        self.seed = seed
        self.progress = progress
        self.until = began + budget.seconds
        self.spent = 0.0
        self.restored = 0.0
        told = interactions
        columns = (told.user, told.item, told.kind, told.time, told.value)
        asked = judge.held_out.targets if judge else []
        self.known = fingerprint(config, seed, *columns, *asked) if budget.checkpoint else ""

    def run(self, stage: str, branch: nn.Module, step: Step, *, share: float) -> None:
        """Epochs over all examples until that share of the remaining time is over or validation gets no better; then
        the branch is that of the best."""
        until = time.monotonic() + share * (self.until - time.monotonic())
        optimiser = torch.optim.Adam(branch.parameters(), lr=self.config.learning_rate)
        self.network.eval()
        stands, kept = _Standing(best=self.judge.ndcg() if self.judge else -1.0), _weights(branch)
        folder = self.budget.checkpoint
        checkpoint = Checkpoint(folder / stage if folder else None, self.known)
        if saved := checkpoint.load():
            stands, kept = _Standing(**saved["stands"]), saved["kept"]
            branch.load_state_dict(saved["weights"])
            optimiser.load_state_dict(saved["optimiser"])
            until -= stands.seconds
            self.until -= stands.seconds
            self.restored += stands.seconds
        for figures in stands.curve:
            self._tell(stage, figures)

        def save() -> None:
            state = {"stands": asdict(stands), "kept": kept}
            weights = {"weights": branch.state_dict(), "optimiser": optimiser.state_dict()}
            checkpoint.save({**state, **weights})

        pace = 0.0
        while not self._finished(stands):
            if stands.epoch and time.monotonic() + pace > until:
                break
            began = time.monotonic()
            figures = {"loss": self._epoch(branch, step, stands.epoch, optimiser, until)}
            stands.epoch += 1
            ndcg = self.judge.ndcg() if self.judge else None
            if ndcg is None or ndcg > stands.best:
                # Without a judge the newest is the best.
                stands.best, stands.best_epoch = -1.0 if ndcg is None else ndcg, stands.epoch
                kept = _weights(branch)
            pace = time.monotonic() - began
            stands.seconds += pace
            figures |= {"epoch": stands.epoch, "seconds": self.spent + stands.seconds}
            stands.curve.append(figures if ndcg is None else {**figures, "ndcg@10": ndcg})
            save()
            self._tell(stage, stands.curve[-1])
        if stands.over < self.budget.seconds:
            # Whoever goes on within this time must find the next branch upon this very one.
            stands.over = self.budget.seconds
            save()
        self.spent += stands.seconds
        branch.load_state_dict(kept)
        if self.known:
            self.known = fingerprint(self.known, stage, stands.best_epoch)

    def _finished(self, stands: _Standing) -> bool:
        stale = self.judge is not None and stands.epoch - stands.best_epoch >= self.config.patience
        return stale or stands.epoch >= self.config.epochs or stands.over >= self.budget.seconds

    def _tell(self, stage: str, figures: dict[str, float]) -> None:
        if self.progress:
            restored = {"restored": self.restored} if self.restored else {}
            self.progress(Progress(stage, figures["epoch"] / self.config.epochs, {**figures, **restored}))

    def _epoch(
        self, branch: nn.Module, step: Step, epoch: int, optimiser: torch.optim.Optimizer, until: float
    ) -> float:
        """Mean loss of one pass over the examples, which breaks off when the time is over."""
        # So that one who goes on from a checkpoint draws what the one who was killed would have drawn.
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        rng = np.random.default_rng([self.seed, epoch])
        examples = Examples(shuffled_within_moments(self.interactions, rng), self.config)
        branch.train()
        losses = []
        rows = torch.randperm(len(examples))
        for chosen in rows.split(self.config.batch) if len(rows) else ():
            optimiser.zero_grad()
            losses.append(step(*examples.batch(chosen), rng))
            optimiser.step()
            if time.monotonic() > until:
                break
        self.network.eval()
        return float(np.mean(losses)) if losses else 0.0


def _weights(branch: nn.Module) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in branch.state_dict().items()}
