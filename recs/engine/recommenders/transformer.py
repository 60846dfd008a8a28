"""``p(u, c) = <f(history), g(item)>``: the transformer as a recommender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from recs.engine.artifact import Artifact, ArtifactError, array, read_artifact
from recs.engine.evaluation import evaluate
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.base import Base
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.wishes import wanted_matrix
from recs.engine.transformer.ensemble import ItemTowers, UserTowers
from recs.engine.transformer.item_tower import ItemTower, ItemTowerConfig, item_tower_config
from recs.engine.transformer.sequence import SequenceBatch, sequence_batch
from recs.engine.transformer.start import spectral_vectors
from recs.engine.transformer.training import Training, TrainingConfig, TrainingState
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig
from recs.engine.transformer.warm import WarmStart

Tower = TypeVar("Tower", bound=nn.Module)

ITEM_ARRAYS, USER_ARRAYS = "item.", "user."
"""How the names of a tower's arrays begin in an artifact."""
MEMBERS = 1
"""Pairs of towers that are trained one after another and served as one."""
COLD, WARM = "cold", "warm"
"""How a training started: from nothing, or from an earlier one's towers."""
ENCODED_AT_ONCE = 256
VALIDATION_ROWS = 5_000
"""Rows that an epoch is judged on: NDCG@10 of 5,000 rows has a standard error of about 0.002."""


class Transformer(Base):
    """User tower over item vectors, item tower over id and content, trained together.

    What is scored is what is served: item vectors rounded to halfvec, unit length, inner product.
    """

    name = "transformer"

    def __init__(
        self,
        *,
        user: UserTowerConfig | None = None,
        training: TrainingConfig | None = None,
        members: int = MEMBERS,
        id_dropout: float = 0.1,
        content_dropout: float = 0.2,
        warm: WarmStart | None = None,
    ) -> None:
        """``warm``: what ``fit`` goes on from, if it fits; ``started`` then says whether it did."""
        self.user_config = user or UserTowerConfig()
        self.training_config = training or TrainingConfig()
        self.members = members
        self.id_dropout = id_dropout
        self.content_dropout = content_dropout
        self.warm = warm
        self.started = COLD

    @property
    def dimension(self) -> int:
        return self.user_config.dimension * self.members

    @property
    def parameters(self) -> int:
        towers = (self.item_tower, self.user_tower)
        return sum(weight.numel() for tower in towers for weight in tower.parameters())

    @property
    def epochs(self) -> list[int]:
        """How many epochs each member was trained for."""
        return [state.best_epoch for state in self.trainings]

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
        self.build(items, seed=seed)
        wanted = wanted_matrix(interactions, items.count)
        start = spectral_vectors(wanted, dimension=self.user_config.dimension, seed=seed)
        self.fallback = popularity(interactions, items.count)
        # Training pushes the id of an item that is never a target away from everybody: without an
        # interaction, content alone says where an item belongs.
        self.trained = np.bincount(interactions.item[interactions.item >= 0], minlength=items.count) > 0
        misfit = self.warm.misfit(self.item_tower, self.user_tower) if self.warm else ""
        warm = None if misfit else self.warm
        self.started = WARM if warm else f"{COLD}: {misfit}" if misfit else COLD
        judged = validation.sample(VALIDATION_ROWS, seed=seed) if validation and len(validation) else None

        def validate(item_tower: ItemTower, user_tower: UserTower) -> float:
            alone = self._alone(item_tower, user_tower, items)
            return evaluate(alone, judged, item_count=items.count, depth=10).ndcg_10 if judged else 0.0

        def told(step: Progress) -> None:
            if progress:
                number = len(self.trainings)
                done = (number + step.done) / self.members
                progress(Progress(step.stage, done, {**step.figures, "member": float(number + 1)}))

        self.trainings: list[TrainingState] = []
        towers = zip(self.item_tower.members, self.user_tower.members, strict=True)
        for number, (item_tower, user_tower) in enumerate(towers):
            item_tower.start_from(start)
            if warm:
                warm.give(number, item_tower, user_tower, start)
            training = Training(
                item_tower=item_tower,
                user_tower=user_tower,
                interactions=interactions,
                items=items,
                config=self.training_config,
                seed=seed + number,
                validate=validate if judged else None,
                progress=told,
                judge_start=warm is not None,
            )
            spent = sum(state.seconds for state in self.trainings)
            folder = budget.checkpoint / f"member-{number}" if budget.checkpoint else None
            share = Budget((budget.seconds - spent) / (self.members - number), folder)
            self.trainings.append(training.run(share))
        self.use_vectors(items)

    def build(self, items: Items, *, seed: int) -> None:
        """Makes the towers for these items, untrained."""
        torch.manual_seed(seed)
        config = item_tower_config(
            items,
            dimension=self.user_config.dimension,
            id_dropout=self.id_dropout,
            content_dropout=self.content_dropout,
        )
        self.item_tower = ItemTowers([ItemTower(config) for _ in range(self.members)])
        self.user_tower = UserTowers([UserTower(self.user_config) for _ in range(self.members)])

    def _alone(self, item_tower: ItemTower, user_tower: UserTower, items: Items) -> Transformer:
        """A recommender of one member, to be judged by itself."""
        alone = Transformer(user=self.user_config, members=1)
        alone.item_tower, alone.user_tower = ItemTowers([item_tower]), UserTowers([user_tower])
        alone.fallback, alone.trained = self.fallback, self.trained
        alone.use_vectors(items)
        return alone

    def use_vectors(self, items: Items) -> None:
        """Places the items as the towers do, from now on."""
        known = np.where(self.trained, np.arange(items.count), -1)
        self.vectors = self.item_vectors(items, known=known)

    def item_vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """Rounded to half precision, as the index holds them."""
        return self.item_tower.vectors(items, known=known).astype(np.float16).astype(np.float32)

    def encode(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, d]; zeros for an empty history."""
        users = np.zeros((len(histories), self.dimension), dtype=np.float32)
        # Histories of like length go together: padding to the longest of all costs several times as much.
        order = np.argsort([len(history) for history in histories], kind="stable")
        for start in range(0, len(order), ENCODED_AT_ONCE):
            rows = order[start : start + ENCODED_AT_ONCE]
            batch = sequence_batch([histories[row] for row in rows], self.user_config.longest)
            users[rows] = self.user_tower.last_states(
                self._read(batch), batch.kind, batch.gap, batch.value, batch.length
            )
        return users

    def states(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, n, d]: the user after each of the newest interactions, in one causal pass."""
        batch = sequence_batch(histories, self.user_config.longest)
        return self.user_tower.states(self._read(batch), batch.kind, batch.gap, batch.value, batch.length)

    def _read(self, batch: SequenceBatch) -> FloatArray:
        """The item vectors of a batch [b, n, d], zeros at padding."""
        return self.vectors[np.maximum(batch.item, 0)] * (batch.item >= 0)[..., None]

    def scores(self, histories: Sequence[History]) -> FloatArray:
        users = self.encode(histories)
        scores = users @ self.vectors.T
        scores[~users.any(axis=1)] = self.fallback
        return scores

    def explain(self, history: History, item: int) -> FloatArray:
        """Leave one out: the score with an interaction minus the score without it."""
        left_out = [history.without(place) for place in range(len(history))]
        scores = self.encode([history, *left_out]) @ self.vectors[item]
        return (scores[0] - scores[1:]).astype(np.float32)

    def pack(self, *, item_ids: IntArray | None = None) -> Artifact:
        """``item_ids``: the caller's name for each item, default its index."""
        arrays = {ITEM_ARRAYS + name: part.numpy() for name, part in self.item_tower.state_dict().items()}
        arrays |= {USER_ARRAYS + name: part.numpy() for name, part in self.user_tower.state_dict().items()}
        ids = np.arange(len(self.vectors)) if item_ids is None else item_ids
        arrays |= {
            "vectors": self.vectors.astype(np.float16),
            "fallback": self.fallback,
            "item_ids": ids,
            "trained": self.trained,
        }
        config = {
            "item": asdict(self.item_tower.config),
            "user": asdict(self.user_config),
            "members": self.members,
        }
        return Artifact(self.name, config, arrays)

    def unpack(self, artifact: Artifact) -> None:
        self.user_tower = _user_tower(artifact)
        self.item_tower = _item_tower(artifact)
        self.user_config, self.members = self.user_tower.config, len(self.user_tower.members)
        self.vectors = array(artifact, "vectors").astype(np.float32)
        self.fallback = array(artifact, "fallback")
        self.trained = array(artifact, "trained")
        self.item_ids = array(artifact, "item_ids")


def load_user_tower(folder: Path, *, sha256: str | None = None) -> UserTowers:
    """The user towers alone, ready to serve. Raises ArtifactError."""
    return _user_tower(read_artifact(folder, recommender=Transformer.name, sha256=sha256, prefix=USER_ARRAYS))


def load_item_tower(folder: Path, *, sha256: str | None = None) -> ItemTowers:
    """The item towers alone, to place new products. Raises ArtifactError."""
    return _item_tower(read_artifact(folder, recommender=Transformer.name, sha256=sha256, prefix=ITEM_ARRAYS))


def load_trained_ids(folder: Path, *, sha256: str | None = None) -> IntArray:
    """Ids of the items that had interactions in training. Raises ArtifactError."""
    artifact = read_artifact(folder, recommender=Transformer.name, sha256=sha256)
    return array(artifact, "item_ids")[array(artifact, "trained")]


def _user_tower(artifact: Artifact) -> UserTowers:
    try:
        config = UserTowerConfig(**artifact.config["user"])
        towers = UserTowers([UserTower(config) for _ in range(artifact.config["members"])])
    except (KeyError, TypeError) as failure:
        raise ArtifactError(f"the artifact's configuration describes no user tower: {failure}") from failure
    return _filled(towers, artifact, USER_ARRAYS)


def _item_tower(artifact: Artifact) -> ItemTowers:
    try:
        parts = dict(artifact.config["item"])
        parts["price_bounds"] = tuple(parts["price_bounds"])
        config = ItemTowerConfig(**parts)
        towers = ItemTowers([ItemTower(config) for _ in range(artifact.config["members"])])
    except (KeyError, TypeError) as failure:
        raise ArtifactError(f"the artifact's configuration describes no item tower: {failure}") from failure
    return _filled(towers, artifact, ITEM_ARRAYS)


def _filled(tower: Tower, artifact: Artifact, prefix: str) -> Tower:
    arrays = {
        name.removeprefix(prefix): torch.from_numpy(array)
        for name, array in artifact.arrays.items()
        if name.startswith(prefix)
    }
    try:
        tower.load_state_dict(arrays)
    except RuntimeError as failure:
        raise ArtifactError(f"the artifact's arrays do not fit its configuration: {failure}") from failure
    return tower.eval()
