"""A blend of the family: ``p(h, c) = sum over members of w_member(|h|) p_member(h, c) / max_c p_member(h, c)``.

A weighted hybrid (Burke 2002, doi 10.1023/A:1021240730564) whose weights are learnt on validation, for each length
of history (recs/engine/recommenders/blending.py). A member that gets no weight anywhere is neither kept nor asked.
Where that is better for shoppers whom it has not learnt from, a second stage (recs/engine/recommenders/second_stage)
puts the first hundred in order.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from recs.engine.artifact import Artifact, ArtifactError, array
from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget, CannotLearn, Progress, ProgressCallback
from recs.engine.recommenders.blending import (
    LENGTH_NAMES,
    LENGTHS,
    candidates,
    learn_weights,
    length_bucket,
    lengths,
    normalised,
)
from recs.engine.recommenders.content_based import ContentBased
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.matrix_factorization import MatrixFactorization
from recs.engine.recommenders.neighbouring_states import NeighbouringStates
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.engine.recommenders.second_stage.verdict import NOBODY
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.transition_graph import TransitionGraph
from recs.engine.recommenders.user_knn import UserKnn

logger = logging.getLogger(__name__)

MEMBERS: Mapping[str, Callable[..., ScoringRecommender]] = {
    "transformer": partial(Transformer, second_stage=False),
    "neighbouring_states": NeighbouringStates,
    "transition_graph": TransitionGraph,
    "ease": Ease,
    "item_knn": ItemKnn,
    "user_knn": UserKnn,
    "matrix_factorization": MatrixFactorization,
    "content_based": ContentBased,
    "popularity": Popularity,
}
"""neural_cf is none of them: it learns as long as all others together, and every product passes its network at every
request."""
TRANSFORMER = Transformer.name
SHARES = {"transformer": 0.5, "matrix_factorization": 0.08}
"""Of the budget; the others share what is left."""
FOR_MEMBERS = 0.75
"""Of the budget, for all members together: weights and a second stage take time, too. On the demo's shop the weights of
6,000 rows took 20 s, of which the search was two thirds; it has become three times as fast since."""
VALIDATION_ROWS = 6_000
"""Rows that the weights are learnt on: of 200 candidates and nine members, 43 MB in all."""


class Hybrid(TwoStages):
    name = "hybrid"

    def __init__(self, members: Mapping[str, Callable[..., ScoringRecommender]] = MEMBERS) -> None:
        self.makers = members

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
        """Without validation all members weigh alike. A member that cannot learn from such data is left out."""
        until = time.monotonic() + budget.seconds
        kept_back = (1 - FOR_MEMBERS) * budget.seconds
        self.members: dict[str, ScoringRecommender] = {}
        for number, name in enumerate(self.makers):

            def told(step: Progress, number: int = number, name: str = name) -> None:
                if progress:
                    done = (number + step.done) / len(self.makers)
                    progress(Progress(f"{name}: {step.stage}", done, step.figures))

            left = max(0.0, until - kept_back - time.monotonic())
            seconds = min(left, SHARES.get(name, 0.15) * budget.seconds)
            folder = budget.checkpoint / name if budget.checkpoint else None
            try:
                member = self._made(name)
                member.fit(
                    interactions,
                    items,
                    budget=Budget(seconds, folder),
                    seed=seed,
                    validation=validation,
                    progress=told,
                )
            except CannotLearn as reason:
                logger.warning("the hybrid goes on without %s: %s", name, reason)
                continue
            self.members[name] = member
            if isinstance(member, Transformer):
                # What a run that was killed had spent is spent.
                until -= member.restored
        self.blend(self.members, validation, seed=seed, until=until - kept_back / 2)
        if validation:
            self.order(interactions, items, validation, until=until, seed=seed, progress=progress)

    def blend(
        self,
        members: Mapping[str, ScoringRecommender],
        validation: HeldOut | None,
        *,
        seed: int,
        until: float = math.inf,
    ) -> None:
        """Becomes the blend of members that are fitted already, without a second stage; their names are those of
        ``MEMBERS``. ``until``: ``time.monotonic``, after which no more of the validation is asked for."""
        # In the order in which ``unpack`` finds them: the columns of the weights.
        named = {name: members[name] for name in self.makers if name in members}
        self.members = {
            name: one.first_alone() if isinstance(one, TwoStages) else one for name, one in named.items()
        }
        self.second = None
        self.weighed_on = NOBODY
        if validation and len(validation):
            sample = validation.sample(VALIDATION_ROWS, seed=seed)
            asked = candidates(list(self.members.values()), sample, seed=seed, until=until)
            self.weights, self.weighed_on = learn_weights(asked), asked.users
            self._forget_the_silent()
        else:
            self.weights = np.ones((len(LENGTHS) + 1, len(self.members)), dtype=np.float32)

    def order(
        self,
        interactions: Interactions,
        items: Items,
        validation: HeldOut,
        *,
        until: float,
        seed: int,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Has a second stage put the first hundred in order, where that is better; ``until``: ``time.monotonic``."""
        transformer = self.members.get(TRANSFORMER)
        self.learn_second_stage(
            interactions,
            items,
            validation,
            retrieval=transformer.vectors if isinstance(transformer, Transformer) else None,
            until=until,
            seed=seed,
            progress=progress,
            chosen_on=self.weighed_on,
        )

    def scores(self, histories: Sequence[History]) -> FloatArray:
        """Of the blend, before the second stage."""
        return self.said(self.voices(histories), histories)

    def voices(self, histories: Sequence[History]) -> list[FloatArray]:
        """What each member says."""
        return [normalised(member.scores(histories)) for member in self.members.values()]

    def said(self, voices: list[FloatArray], histories: Sequence[History]) -> FloatArray:
        weights = self.weights[length_bucket(lengths(histories, voices[0].shape[1]))]
        blended = voices[0] * weights[:, :1]
        for number, voice in enumerate(voices[1:], start=1):
            blended += voice * weights[:, number, None]
        return blended

    def pack(self) -> Artifact:
        packed = {name: member.pack() for name, member in self.members.items()}
        arrays = {f"{name}.{key}": part for name, one in packed.items() for key, part in one.arrays.items()}
        config = {"members": {name: one.config for name, one in packed.items()}}
        return self.packed_with_second(Artifact(self.name, config, {**arrays, "weights": self.weights}))

    def unpack(self, artifact: Artifact) -> None:
        self.weights = array(artifact, "weights")
        self.members = {}
        configs = artifact.config["members"]
        if unknown := sorted(set(configs) - set(self.makers)):
            raise ArtifactError(f"the blend has members that are unknown here: {', '.join(unknown)}")
        # In the order in which they were made: the columns of the weights, and some stand on others.
        for name in (name for name in self.makers if name in configs):
            arrays = {
                key.removeprefix(f"{name}."): part
                for key, part in artifact.arrays.items()
                if key.startswith(f"{name}.")
            }
            member = self._made(name)
            member.unpack(Artifact(name, configs[name], arrays))
            self.members[name] = member
        self.unpack_second(artifact)

    def made_of(self) -> dict[str, Any]:
        """Also what each member counts, by length of history."""
        blend = {
            length: dict(zip(self.members, (round(float(weight), 3) for weight in own), strict=True))
            for length, own in zip(LENGTH_NAMES, self.weights, strict=True)
        }
        return {**super().made_of(), "blend_by_length_of_history": blend}

    @property
    def parameters(self) -> int:
        own = sum(member.parameters for member in self.members.values())
        return own + (self.second.parameters if self.second else 0)

    def _made(self, name: str) -> ScoringRecommender:
        """An empty member. Raises CannotLearn for one that reads by a transformer, if there is none."""
        if name != NeighbouringStates.name:
            return self.makers[name]()
        if TRANSFORMER not in self.members:
            raise CannotLearn(f"it reads by the {TRANSFORMER}, which is no member")
        return self.makers[name](self.members[TRANSFORMER])

    def _forget_the_silent(self) -> None:
        names = list(self.members)
        heard = [number for number, name in enumerate(names) if self.weights[:, number].any()]
        if NeighbouringStates.name in (names[number] for number in heard):
            heard = sorted({*heard, names.index(TRANSFORMER)})
        self.members = {names[number]: self.members[names[number]] for number in heard}
        self.weights = self.weights[:, heard]
