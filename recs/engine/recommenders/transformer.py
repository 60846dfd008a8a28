"""``p(u, c) = <f(history), g(item)>``: the transformer as a recommender; its sources stand with its parts."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from recs.engine.artifact import Artifact, array
from recs.engine.checkpoint import fingerprint
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.recommenders.beginning import best_beginning
from recs.engine.recommenders.inner_products import inner_products
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.engine.recommenders.tuning import Judge
from recs.engine.recommenders.wishes import wanted_matrix
from recs.engine.transformer.complaints import turned_away
from recs.engine.transformer.ensemble import ItemTowers, UserTowers, as_stored
from recs.engine.transformer.item_tower import ItemTower, item_features, item_tower_config
from recs.engine.transformer.packed_towers import (
    ITEM_ARRAYS,
    NAME,
    USER_ARRAYS,
    packed_item_tower,
    packed_user_tower,
)
from recs.engine.transformer.sampled import SampledTraining, whole_mb
from recs.engine.transformer.sequence import SequenceBatch, of_teachers, sequence_batch
from recs.engine.transformer.start import spectral_vectors
from recs.engine.transformer.training import Training
from recs.engine.transformer.training_state import TrainingConfig, TrainingState
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig
from recs.engine.transformer.warm import WarmStart

MEMBERS = 1
"""Pairs of towers that are trained one after another and served as one."""
COLD, WARM = "cold", "warm"
"""How a training started: from nothing, or from an earlier one's towers."""
ENCODED_AT_ONCE = 64
"""Histories that are read together, of like length: 256 of a public file that came at once took 91 ms as one batch,
padded to the longest, and 33 as four; as many that all have 50 interactions 76 and 63."""
SECOND_SHARE, SECOND_LEAST, SECOND_MOST = 0.15, 30.0, 0.25
"""Of the seconds, kept for the second stage: a share, or so many seconds up to another share. To read what it learns on
takes half a minute, however short the training was."""
VALIDATION_ROWS = 5_000
"""Rows that an epoch is judged on: NDCG@10 of 5,000 rows has a standard error of about 0.002."""


class Transformer(TwoStages):
    """User tower over item vectors, item tower over id and content, trained together.

    What is scored is what is served: item vectors rounded to halfvec, of length 1 at most, inner product; and where
    it has proved better on validation, a second stage over the first hundred.
    """

    name = NAME

    def __init__(
        self,
        *,
        user: UserTowerConfig | None = None,
        training: TrainingConfig | None = None,
        members: int = MEMBERS,
        second_stage: bool = True,
        warm: WarmStart | None = None,
    ) -> None:
        """``second_stage``: whether one may be learnt where it wins; a blend asks for the first stage alone. ``warm``:
        what ``fit`` goes on from, if it fits; ``started`` then says whether it did."""
        self.user_config = user or UserTowerConfig()
        self.training_config = training or TrainingConfig()
        self.members = members
        self.second_stage = second_stage
        self.warm = warm
        self.started = COLD

    @property
    def dimension(self) -> int:
        return self.user_config.dimension * self.members

    @property
    def parameters(self) -> int:
        towers = (self.item_tower, self.user_tower)
        own = sum(weight.numel() for tower in towers for weight in tower.parameters())
        return own + (self.second.parameters if self.second else 0)

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
        began = time.monotonic()
        until = began + budget.seconds
        self.fallback = popularity(interactions, items.count)
        self.build(items, seed=seed)
        misfit = self.warm.misfit(self.item_tower, self.user_tower) if self.warm else ""
        warm = None if misfit else self.warm
        self.started = WARM if warm else f"{COLD}: {misfit}" if misfit else COLD
        self._start(interactions, items, warm, seed=seed)
        # A large shop's towers of last night take as much room as tonight's.
        warmed, self.warm = warm is not None, None
        del warm
        # Of an item that no training reads, content alone says where it belongs. Were it read, though never a target,
        # it would be pushed away from everybody, and what is made like it.
        taught = of_teachers(interactions)
        self.trained = np.zeros(items.count, dtype=bool)
        self.trained[taught.item[taught.read]] = True
        asked = (validation or HeldOut([], [], [])).sample(VALIDATION_ROWS, seed=seed)
        if asked and not warmed:
            tried = copy.deepcopy(self.user_tower.members[0])
            alone = self._alone(self.item_tower.members[0], tried, items)
            judge = Judge(alone, asked, items.count, seed=seed)
            whole = best_beginning(tried, judge, seconds=budget.seconds)
            for member in self.user_tower.members:
                member.begin_with(whole)

        def judge_of(item_tower: ItemTower, user_tower: UserTower) -> Judge:
            alone = self._alone(item_tower, user_tower, items)
            return Judge(alone, asked, items.count, seed=seed, rows=VALIDATION_ROWS)

        def validate(item_tower: ItemTower, user_tower: UserTower) -> float:
            return judge_of(item_tower, user_tower).ndcg()

        def rehearse(item_tower: ItemTower, user_tower: UserTower) -> float:
            began = time.monotonic()
            judge = judge_of(item_tower, user_tower)
            return time.monotonic() - began + judge.expected_seconds()

        def told(step: Progress) -> None:
            if progress:
                number = len(self.trainings)
                done = (number + step.done) / self.members
                figures = {**step.figures, "member": float(number + 1)}
                if "restored" in figures:
                    figures["restored"] += self.restored
                if "seconds" in figures:
                    figures["seconds"] += sum(state.seconds for state in self.trainings)
                progress(Progress(step.stage, done, figures))

        both = self.second_stage and len(asked) > 0
        # What is left of them after the start, which is no training's time.
        seconds = budget.seconds - (time.monotonic() - began)
        if both:
            seconds -= max(SECOND_SHARE * budget.seconds, min(SECOND_LEAST, SECOND_MOST * budget.seconds))
        self.trainings: list[TrainingState] = []
        self.restored = 0.0
        towers = zip(self.item_tower.members, self.user_tower.members, strict=True)
        for number, (item_tower, user_tower) in enumerate(towers):
            making = time.monotonic()
            large = whole_mb(items.count, item_tower.config.dimension) > self.training_config.whole_mb
            training = (SampledTraining if large else Training)(
                item_tower=item_tower,
                user_tower=user_tower,
                interactions=taught,
                items=items,
                config=self.training_config,
                seed=seed + number,
                validate=validate if asked else None,
                rehearse=rehearse if asked else None,
                judged_on=fingerprint(*asked.targets),
                progress=told,
                judge_start=warmed,
            )
            # The first optimiser of a process takes seconds to be imported.
            seconds -= time.monotonic() - making
            spent = sum(state.seconds for state in self.trainings)
            folder = budget.checkpoint / f"member-{number}" if budget.checkpoint else None
            share = Budget((seconds - spent) / (self.members - number), folder)
            self.trainings.append(training.run(share))
            self.restored += training.restored
        # Moments and averages of a large catalogue take gigabytes, and a second stage wants room for its own.
        del training
        self.use_vectors(items)
        self.second = None
        if both and validation:
            self.learn_second_stage(
                interactions,
                items,
                validation,
                retrieval=self.vectors,
                until=until - self.restored,
                seed=seed,
                progress=progress,
                chosen_on=asked.whose,
            )

    def build(self, items: Items, *, seed: int) -> None:
        """Makes the towers for these items, untrained."""
        torch.manual_seed(seed)
        config = item_tower_config(items, dimension=self.user_config.dimension)
        self.item_tower = ItemTowers([ItemTower(config) for _ in range(self.members)])
        self.user_tower = UserTowers([UserTower(self.user_config) for _ in range(self.members)])

    def _start(self, interactions: Interactions, items: Items, warm: WarmStart | None, *, seed: int) -> None:
        """Puts the ids where the likes of the same users are, and content at what it tells of that, or the towers where
        an earlier training left them; nothing of it stays in memory."""
        wanted = wanted_matrix(interactions, self.item_tower.config.items)
        vectors = spectral_vectors(wanted, dimension=self.user_config.dimension, seed=seed)
        features = item_features(items, np.arange(items.count), self.item_tower.config)
        for number, member in enumerate(self.item_tower.members):
            member.start_from(vectors, features)
            if warm:
                warm.give(number, member, self.user_tower.members[number], vectors)

    def _alone(self, item_tower: ItemTower, user_tower: UserTower, items: Items) -> Transformer:
        """A recommender of one member, to be judged by itself."""
        alone = Transformer(user=self.user_config, members=1, second_stage=False)
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
        return as_stored(self.item_tower.vectors(items, known=known))

    def encode(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, d], rounded to half precision, as they are stored; zeros for an empty history."""
        users = np.zeros((len(histories), self.dimension), dtype=np.float32)
        # Histories of like length go together: padding to the longest of all costs several times as much.
        order = np.argsort([len(history) for history in histories], kind="stable")
        for start in range(0, len(order), ENCODED_AT_ONCE):
            rows = order[start : start + ENCODED_AT_ONCE]
            batch = self._batch([histories[row] for row in rows])
            states = self.user_tower.last_states(
                self._read(batch), batch.kind, batch.gap, batch.value, batch.length
            )
            users[rows] = turned_away(states, [self.vectors[items] for items in batch.complained])
        return as_stored(users)

    def states(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, n, d]: the user after each of the newest interactions but for complaints, in one causal
        pass."""
        batch = self._batch(histories)
        return self.user_tower.states(self._read(batch), batch.kind, batch.gap, batch.value, batch.length)

    def _batch(self, histories: Sequence[History]) -> SequenceBatch:
        """What the user tower reads of them."""
        return sequence_batch(histories, self.user_config.longest, item_count=len(self.vectors))

    def _read(self, batch: SequenceBatch) -> FloatArray:
        """The item vectors of a batch [b, n, d]; padding may hold any, nothing reads it."""
        return self.vectors[np.maximum(batch.item, 0)]

    def scores(self, histories: Sequence[History]) -> FloatArray:
        users = self.encode(histories)
        scores = inner_products(users, self.vectors)
        scores[~users.any(axis=1)] = self.fallback
        return scores

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
        return self.packed_with_second(Artifact(self.name, config, arrays))

    def unpack(self, artifact: Artifact) -> None:
        self.user_tower = packed_user_tower(artifact)
        self.item_tower = packed_item_tower(artifact)
        self.user_config, self.members = self.user_tower.config, len(self.user_tower.members)
        self.vectors = array(artifact, "vectors").astype(np.float32)
        self.fallback = array(artifact, "fallback")
        self.trained = array(artifact, "trained")
        self.item_ids = array(artifact, "item_ids")
        self.unpack_second(artifact)
