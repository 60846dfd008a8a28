"""What came next after the histories that the transformer reads most alike.

``p(h, c) = sum over j in N(h) of w_j exp((<f(h), f(h_j)> - 1) / t) [next(j) = c]``, where ``h_j`` are the beginnings of
all training histories, ``N(h)`` the nearest of them and ``w_j`` what an interaction of the next one's kind counts: the
nearest-neighbour language model (Khandelwal et al. 2020, arXiv:1911.00172) with products for words. A tower keeps
what many histories share; what only a few did is remembered here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import (
    FloatArray,
    HeldOut,
    History,
    IntArray,
    Interactions,
    Items,
    shuffled_within_moments,
    wanted,
)
from recs.engine.recommender import Budget, CannotLearn, ProgressCallback
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.transformer.batches import first_weights
from recs.engine.transformer.complaints import apart
from recs.engine.transformer.sequence import segments

NEIGHBOURS = 200
TEMPERATURES = (0.1, 0.05, 0.2)
"""Chosen on validation; without it the first."""
MOST_STATES = 200_000
"""States that are remembered, the newest: at 128 dimensions 100 MB."""
READING = 0.6
"""Of the budget at most: a temperature is then judged in seconds, and the first always is."""
AT_ONCE = 256


class NeighbouringStates(ScoringRecommender):
    """Reads histories by a transformer that is fitted already, and is kept beside it."""

    name = "neighbouring_states"

    def __init__(self, transformer: Transformer) -> None:
        self.transformer = transformer

    @property
    def parameters(self) -> int:
        return self.states.numel() + self.following.numel()

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
        """Raises CannotLearn if no history has two interactions."""
        began = time.monotonic()
        interactions, _ = apart(interactions)
        rng = np.random.default_rng(seed)
        interactions = shuffled_within_moments(interactions, rng)
        weights = self.transformer.training_config.kind_weights
        counts = first_weights(interactions, weights)
        told = 1 + np.flatnonzero((np.diff(interactions.user) == 0) & (counts[1:] > 0))
        if not len(told):
            raise CannotLearn("no history has two interactions, so nothing came next")
        # Where no time is known, chance decides which are kept.
        chance = rng.random(len(told))
        kept = np.zeros(len(interactions), dtype=bool)
        kept[told[np.lexsort((chance, interactions.time[told]))[-MOST_STATES:]]] = True
        rows, states = self._beginnings(interactions, kept, rng, until=began + READING * budget.seconds)
        # Rounded as they are kept, so that what was validated is what is served.
        self.states = torch.from_numpy(states.astype(np.float16).astype(np.float32))
        self.following = torch.from_numpy(interactions.item[rows])
        self.weight = torch.from_numpy(counts[rows])
        self.temperature = TEMPERATURES[0]
        if validation and len(validation):
            judge = Judge(self, validation, items.count, seed=seed)
            self.temperature = choose(
                self._temperatures(),
                judge,
                stage="choosing the temperature",
                count=len(TEMPERATURES),
                until=began + budget.seconds,
                progress=progress,
            )

    def _beginnings(
        self, interactions: Interactions, kept: NDArray[np.bool_], rng: np.random.Generator, *, until: float
    ) -> tuple[IntArray, FloatArray]:
        """Rows [n] of what came next, of those that are ``kept``, and the states before it [n, d].

        One causal pass reads all beginnings of a history, as training does. At ``until`` it ends, by then with a random
        part of the histories.
        """
        pieces = segments(interactions, self.transformer.user_config.longest)
        wishes = np.concatenate([[0], np.cumsum(wanted(interactions.kind, interactions.value))])
        found = [(np.zeros(0, dtype=np.int64), np.zeros((0, self.transformer.dimension), dtype=np.float32))]
        order = np.argsort(pieces.end - pieces.start, kind="stable")
        for begin in AT_ONCE * rng.permutation(-(-len(order) // AT_ONCE)):
            if len(found) > 1 and time.monotonic() > until:
                break
            some = order[begin : begin + AT_ONCE]
            start, stop = pieces.start[some], pieces.end[some] - 1
            states = self.transformer.states(
                [interactions.history(*bounds) for bounds in zip(start, stop, strict=True)]
            )
            steps = np.arange(states.shape[1])
            following = start[:, None] + 1 + steps
            inside = steps < (stop - start)[:, None]
            following = np.where(inside, following, start[:, None])
            # What tells no wish is not read when it is asked with either.
            inside &= kept[following] & (wishes[following] > wishes[start][:, None])
            found.append((following[inside], states[inside]))
        return np.concatenate([rows for rows, _ in found]), np.concatenate([states for _, states in found])

    def _temperatures(self) -> Iterator[float]:
        for temperature in TEMPERATURES:
            self.temperature = temperature
            yield temperature

    def scores(self, histories: Sequence[History]) -> FloatArray:
        users = torch.from_numpy(self.transformer.encode(histories))
        scores = torch.zeros((len(histories), len(self.transformer.vectors)))
        nearest = min(NEIGHBOURS, len(self.states))
        for start in range(0, len(users), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            alike, place = (users[rows] @ self.states.T).topk(nearest, dim=1)
            said = torch.exp((alike - 1.0) / self.temperature) * self.weight[place]
            scores[rows].scatter_add_(1, self.following[place], said)
        result = scores.numpy()
        result[~users.numpy().any(axis=1)] = self.transformer.fallback
        return result

    def pack(self) -> Artifact:
        """Without the transformer, which is kept by itself."""
        arrays = {
            "states": self.states.numpy().astype(np.float16),
            "following": self.following.numpy(),
            "weight": self.weight.numpy(),
        }
        return Artifact(self.name, {"temperature": self.temperature}, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.temperature = float(artifact.config["temperature"])
        self.states = torch.from_numpy(array(artifact, "states").astype(np.float32))
        self.following = torch.from_numpy(array(artifact, "following"))
        self.weight = torch.from_numpy(array(artifact, "weight"))
