"""A blend of the family: ``p(h, c) = sum over members of w_member(|h|) p_member(h, c) / max_c p_member(h, c)``.

A weighted hybrid (Burke 2002, doi 10.1023/A:1021240730564) whose weights are learnt on validation, for each length
of history (recs/engine/recommenders/blending.py). A member that gets no weight anywhere is neither kept nor asked.

A second stage (recs/engine/recommenders/second_stage) puts the first hundred in order where it does so better than
the blend for shoppers whom it has not learnt from; otherwise there is none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from recs.engine.artifact import Artifact, ArtifactError, array
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items
from recs.engine.recommender import Budget, Progress, ProgressCallback, Recommendations, top_k
from recs.engine.recommenders.base import Base
from recs.engine.recommenders.blending import LENGTHS, candidates, learn_weights, length_bucket, normalised
from recs.engine.recommenders.content_based import ContentBased
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.item_knn import ItemKnn
from recs.engine.recommenders.matrix_factorization import MatrixFactorization
from recs.engine.recommenders.neighbouring_states import NeighbouringStates
from recs.engine.recommenders.popularity import Popularity, popularity
from recs.engine.recommenders.second_stage.answers import PLACES, Proposals, answers
from recs.engine.recommenders.second_stage.likeness import likenesses
from recs.engine.recommenders.second_stage.stage import SecondStage
from recs.engine.recommenders.second_stage.verdict import judged
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.user_knn import UserKnn

logger = logging.getLogger(__name__)

MEMBERS: Mapping[str, Callable[..., Base]] = {
    "transformer": Transformer,
    "neighbouring_states": NeighbouringStates,
    "ease": Ease,
    "item_knn": ItemKnn,
    "user_knn": UserKnn,
    "matrix_factorization": MatrixFactorization,
    "content_based": ContentBased,
    "popularity": Popularity,
}
TRANSFORMER = Transformer.name
SHARES = {"transformer": 0.7, "matrix_factorization": 0.15}
"""Of the budget; the others share what is left, and need seconds."""
VALIDATION_ROWS = 6_000
"""Rows that the weights are learnt on: of 200 candidates and seven members, 34 MB per thousand."""

ANSWERS = 12_000
"""Rows that the second stage learns on: the blend is asked for each, 100 places of it are kept."""
SECOND_STAGE = f"{SecondStage.name}."
"""How the names of its arrays begin in an artifact."""


class Hybrid(Base):
    name = "hybrid"

    def __init__(self, members: Mapping[str, Callable[..., Base]] = MEMBERS) -> None:
        self.makers = members
        self.second: SecondStage | None = None

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
        self.members: dict[str, Base] = {}
        for number, name in enumerate(self.makers):

            def told(step: Progress, number: int = number, name: str = name) -> None:
                if progress:
                    done = (number + step.done) / len(self.makers)
                    progress(Progress(f"{name}: {step.stage}", done, step.figures))

            left = max(0.0, until - time.monotonic())
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
            except ValueError as reason:
                logger.warning("the hybrid goes on without %s: %s", name, reason)
                continue
            self.members[name] = member
        self.blend(self.members, validation, seed=seed)
        if validation and len(validation):
            self.second = self._second_stage(
                interactions, items, validation, until=until, seed=seed, progress=progress
            )

    def blend(self, members: Mapping[str, Base], validation: HeldOut | None, *, seed: int) -> None:
        """Becomes the blend of members that are fitted already, without a second stage; their names are those of
        ``MEMBERS``."""
        self.members, self.second = dict(members), None
        if validation and len(validation):
            sample = validation.sample(VALIDATION_ROWS, seed=seed)
            self.weights = learn_weights(candidates(list(self.members.values()), sample))
            self._forget_the_silent()
        else:
            self.weights = np.ones((len(LENGTHS) + 1, len(self.members)), dtype=np.float32)

    def scores(self, histories: Sequence[History]) -> FloatArray:
        """Of the blend, before the second stage."""
        return self._blended(self._voices(histories), histories)

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        if self.second is None:
            return super().recommend(histories, k, exclude=exclude, among=among)
        found = self.propose(histories, max(k, PLACES), exclude=exclude, among=among)
        return self.second.rescored(found, histories, k)

    def propose(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Proposals:
        """The blend's best, and what each member says of them."""
        voices = self._voices(histories)
        best = top_k(self._blended(voices, histories), k, exclude=exclude, among=among)
        return Proposals(best.items, best.scores, _said_of(voices, best.items))

    def explain(self, history: History, item: int) -> FloatArray:
        """Leave one out: the score with an interaction minus the score without it."""
        asked = [history, *(history.without(place) for place in range(len(history)))]
        voices = self._voices(asked)
        blended = self._blended(voices, asked)
        scores = blended[:, [item]]
        if self.second is not None:
            items = np.full(scores.shape, item)
            alone = Proposals(items, scores, _said_of(voices, items))
            listed = top_k(blended, PLACES, exclude=[history.item] * len(asked), among=None).scores
            scores = scores + self.second.corrections(asked, alone, listed)
        return (scores[0] - scores[1:, 0]).astype(np.float32)

    def _voices(self, histories: Sequence[History]) -> list[FloatArray]:
        """What each member says, [histories, items]."""
        return [normalised(member.scores(histories)) for member in self.members.values()]

    def _blended(self, voices: list[FloatArray], histories: Sequence[History]) -> FloatArray:
        bucket = length_bucket(np.array([len(history) for history in histories], dtype=np.int64))
        weights = self.weights[bucket]
        blended = voices[0] * weights[:, :1]
        for number, said in enumerate(voices[1:], start=1):
            blended += said * weights[:, number, None]
        return blended

    def pack(self) -> Artifact:
        packed = {name: member.pack() for name, member in self.members.items()}
        arrays = {f"{name}.{key}": part for name, one in packed.items() for key, part in one.arrays.items()}
        config: dict[str, Any] = {"members": {name: one.config for name, one in packed.items()}}
        if self.second is not None:
            second = self.second.pack()
            arrays |= {SECOND_STAGE + key: part for key, part in second.arrays.items()}
            config[SecondStage.name] = second.config
        return Artifact(self.name, config, {**arrays, "weights": self.weights})

    def unpack(self, artifact: Artifact) -> None:
        self.weights = array(artifact, "weights")
        self.members = {}
        configs = artifact.config["members"]
        if unknown := sorted(set(configs) - set(self.makers)):
            raise ArtifactError(f"the blend has members that are unknown here: {', '.join(unknown)}")
        # In the order in which they were made: the columns of the weights, and some stand on others.
        for name in (name for name in self.makers if name in configs):
            member = self._made(name)
            member.unpack(Artifact(name, configs[name], _arrays(artifact, f"{name}.")))
            self.members[name] = member
        self.second = None
        if SecondStage.name in artifact.config:
            packed = Artifact(
                SecondStage.name, artifact.config[SecondStage.name], _arrays(artifact, SECOND_STAGE)
            )
            self.second = SecondStage.unpacked(packed)

    @property
    def parameters(self) -> int:
        own = sum(member.parameters for member in self.members.values())
        return own + (self.second.parameters if self.second else 0)

    def _second_stage(
        self,
        interactions: Interactions,
        items: Items,
        validation: HeldOut,
        *,
        until: float,
        seed: int,
        progress: ProgressCallback | None,
    ) -> SecondStage | None:
        """None where it is not better than the blend alone, or where no time is left to find out."""
        if time.monotonic() > until:
            return None
        transformer = self.members.get(TRANSFORMER)
        retrieval = transformer.vectors if isinstance(transformer, Transformer) else None
        known = likenesses(interactions, items, retrieval=retrieval, seed=seed)
        if not known.vectors:
            return None
        popular = popularity(interactions, items.count)
        # The other half of the time left is for learning.
        halfway = (time.monotonic() + until) / 2
        told = answers(self, validation.sample(ANSWERS, seed=seed), until=halfway)
        verdict = judged(lambda: SecondStage(known, popular), told, seed=seed)
        if verdict is None:
            return None
        if progress:
            figures = {"ndcg@10": verdict.both, "first": verdict.first, "low": verdict.gain.interval.low}
            progress(Progress("second stage", 1.0, figures))
        if not verdict.worth_it:
            return None
        stage = SecondStage(known, popular)
        stage.fit(told, seed=seed)
        return stage

    def _made(self, name: str) -> Base:
        """An empty member."""
        if name != NeighbouringStates.name:
            return self.makers[name]()
        return self.makers[name](self.members[TRANSFORMER])

    def _forget_the_silent(self) -> None:
        names = list(self.members)
        heard = [number for number, name in enumerate(names) if self.weights[:, number].any()]
        if NeighbouringStates.name in (names[number] for number in heard):
            heard = sorted({*heard, names.index(TRANSFORMER)})
        self.members = {names[number]: self.members[names[number]] for number in heard}
        self.weights = self.weights[:, heard]


def _arrays(artifact: Artifact, prefix: str) -> dict[str, np.ndarray]:
    """Those whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): part for name, part in artifact.arrays.items() if name.startswith(prefix)
    }


def _said_of(voices: list[FloatArray], items: IntArray) -> FloatArray:
    """float32 [b, c, voices] of ``items`` [b, c]."""
    return np.stack([np.take_along_axis(said, np.maximum(items, 0), axis=1) for said in voices], axis=-1)
