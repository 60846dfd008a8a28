"""Implicit ALS: factors whose inner product says how much a user wants an item (Hu, Koren, Volinsky 2008,
doi 10.1109/ICDM.2008.22).

Minimises ``sum over u, i of c_ui (p_ui - <x_u, y_i>)² + λ (|x_u|² + |y_i|²)``: preference ``p`` 1 where the user
wanted the item, else 0; confidence ``c = 1 + α w``, with ``w`` by kind of interaction. Nothing is kept per user:
x is solved for from the history at serving time, where preference and extra confidence of older wishes fade.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items, Kind
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.least_squares import Side, rotated, solve
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import Wishes, read_wishes

CONFIDENCE = {
    Kind.VIEW: 0.2,
    Kind.CLICK: 0.2,
    Kind.CART_ADD: 0.6,
    Kind.PURCHASE: 1.0,
    Kind.RATING: 1.0,
    Kind.LIKE: 0.6,
}
"""w, against a purchase: the shop counts a view a fifth of it in its own list of what is popular."""
SWEEPS = 8
"""Over both sides; on a public file validation NDCG@10 is .0602, .0616, .0618 after 4, 8 and 12 (256 factors)."""


@dataclass(frozen=True, slots=True)
class Setting:
    factors: int
    alpha: float
    penalty: float


FIRST = Setting(factors=128, alpha=10.0, penalty=10.0)
ALPHAS, PENALTIES, FACTORS = (10.0, 40.0), (10.0, 2.0, 50.0), (256, 512)
DECAYS = (1.0, 0.8, 0.6, 0.4)
"""Tried on validation; factors last, for they cost most, and the weight of a wish against the next newer one."""


class MatrixFactorization(ScoringRecommender):
    name = "matrix_factorization"

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
        self.popular = popularity(interactions, items.count)
        weights = _weights(interactions, items.count)
        self.decay = DECAYS[1]

        def learn(setting: Setting, until: float) -> None:
            self.setting = setting
            self.side = _factorise(weights, setting, seed=seed, until=until, progress=progress)

        if not validation:
            learn(FIRST, began + budget.seconds)
            return
        judge = Judge(self, validation, items.count, seed=seed)

        def learnt(settings: Sequence[Setting], until: float) -> Iterator[tuple[Setting, Side]]:
            for setting in settings:
                learn(setting, until)
                yield self.setting, self.side

        def served() -> Iterator[float]:
            # What was chosen before stays where there is no time to try others.
            kept = self.decay
            for self.decay in (kept, *(decay for decay in DECAYS if decay != kept)):
                yield self.decay

        # A training that the end of its share cuts short is still a model, and is judged as it is.
        grid = [Setting(FIRST.factors, alpha, penalty) for penalty in PENALTIES for alpha in ALPHAS]
        half = began + 0.4 * budget.seconds
        self.setting, self.side = choose(
            learnt(grid, half), judge, stage="confidence", count=len(grid), until=half, progress=progress
        )
        self.decay = self._chosen_decay(served(), judge, began + 0.9 * budget.seconds, progress)
        found = self.setting, self.side
        wider = [
            Setting(factors, found[0].alpha, found[0].penalty)
            for factors in FACTORS
            if factors <= min(weights.shape)
        ]
        end = began + 0.9 * budget.seconds

        def all_widths() -> Iterator[tuple[Setting, Side]]:
            self.setting, self.side = found
            yield found
            if time.monotonic() < end:
                yield from learnt(wider, end)

        self.setting, self.side = choose(
            all_widths(), judge, stage="factors", count=1 + len(wider), until=end, progress=progress
        )
        self.decay = self._chosen_decay(served(), judge, began + budget.seconds, progress)

    def _chosen_decay(
        self, served: Iterator[float], judge: Judge, until: float, progress: ProgressCallback | None
    ) -> float:
        return choose(served, judge, stage="recency", count=len(DECAYS), until=until, progress=progress)

    @property
    def dimension(self) -> int:
        return self.side.factors.shape[1]

    def encode(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, factors]; zeros for a history without a wish."""
        return self._users(self._wishes(histories), histories).numpy()

    def item_vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """The factors of items of training; zeros for a new one, of which nothing is known here."""
        vectors = np.zeros((items.count, self.dimension), dtype=np.float32)
        if known is not None:
            vectors[known >= 0] = self.side.factors.numpy()[known[known >= 0]]
        return vectors

    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores = (self._users(wishes, histories) @ self.side.factors.T).numpy()
        scores[wishes.empty] = self.popular
        return scores

    def pack(self) -> Artifact:
        config = {"alpha": self.setting.alpha, "penalty": self.setting.penalty, "decay": self.decay}
        arrays = {
            "factors": self.side.factors.numpy(),
            "spectrum": self.side.spectrum.numpy(),
            "popular": self.popular,
        }
        return Artifact(self.name, config, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.popular = array(artifact, "popular")
        factors, spectrum = array(artifact, "factors"), array(artifact, "spectrum")
        self.side = Side(torch.from_numpy(factors), torch.from_numpy(spectrum))
        config = artifact.config
        self.setting = Setting(factors.shape[1], config["alpha"], config["penalty"])
        self.decay = config["decay"]

    @property
    def parameters(self) -> int:
        return self.side.factors.numel()

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.decay)

    def _confidence(self, wishes: Wishes, histories: Sequence[History]) -> tuple[FloatArray, FloatArray]:
        """Extra confidence and preference of each wish."""
        starts = np.cumsum([0, *(len(history) for history in histories)])[wishes.row]
        kinds = np.concatenate([history.kind for history in histories])[starts + wishes.place]
        return self.setting.alpha * _by_kind(kinds) * wishes.weight, wishes.weight

    def _users(self, wishes: Wishes, histories: Sequence[History]) -> Tensor:
        if not len(wishes.row):
            return torch.zeros(wishes.rows, self.side.factors.shape[1])
        extra, preference = self._confidence(wishes, histories)
        return solve(self.side, wishes.matrix(extra), wishes.matrix(preference), self.setting.penalty)


def _by_kind(kinds: IntArray) -> FloatArray:
    table = np.zeros(max(Kind) + 1, dtype=np.float32)
    table[[int(kind) for kind in CONFIDENCE]] = list(CONFIDENCE.values())
    return table[kinds]


def _weights(interactions: Interactions, item_count: int) -> sparse.csr_matrix:
    """float32 users × items: w, of the kind that says most where a user met an item more than once."""
    positive = interactions.wishes
    user, item = interactions.user[positive], interactions.item[positive]
    weight = _by_kind(interactions.kind[positive])
    order = np.lexsort((weight, item, user))
    last = np.flatnonzero(np.diff(user[order] * item_count + item[order], append=-1))
    kept = order[last]
    shape = (interactions.user_count, item_count)
    return sparse.csr_matrix((weight[kept], (user[kept], item[kept])), shape=shape, dtype=np.float32)


def _factorise(
    weights: sparse.csr_matrix,
    setting: Setting,
    *,
    seed: int,
    until: float,
    progress: ProgressCallback | None,
) -> Side:
    """The items' side after at most SWEEPS, at least one."""
    generator = torch.Generator().manual_seed(seed)
    factors = 0.1 * torch.randn(weights.shape[1], setting.factors, generator=generator)
    extra = (weights * setting.alpha).tocsr()
    turned = extra.T.tocsr()
    side = rotated(factors / setting.factors**0.5)
    for sweep in range(SWEEPS):
        users = rotated(solve(side, extra, None, setting.penalty))
        side = rotated(solve(users, turned, None, setting.penalty))
        if progress:
            progress(Progress("sweeps", (sweep + 1) / SWEEPS, {"factors": setting.factors}))
        if time.monotonic() > until:
            break
    return side
