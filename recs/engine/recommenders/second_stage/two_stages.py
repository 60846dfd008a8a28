"""A recommender whose first hundred a second stage puts in order, where it does so better."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from recs.engine.artifact import Artifact
from recs.engine.evaluation import Ranks, evaluate, rows_at_once
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray, Interactions, Items
from recs.engine.recommender import Progress, ProgressCallback, Recommendations, inside, top_k
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.answers import AT_ONCE, PLACES, WEIGHTS, Proposals, answers
from recs.engine.recommenders.second_stage.learning import OutOfTime
from recs.engine.recommenders.second_stage.likeness import likenesses
from recs.engine.recommenders.second_stage.stage import SecondStage, in_place, kept_behind
from recs.engine.recommenders.second_stage.verdict import NOBODY, Verdict, judged

logger = logging.getLogger(__name__)

ANSWERS = 30_000
"""Rows of validation that the second stage learns on. With 10,000 nothing that it gained over a blend could be told
from chance, with 22,000 it could."""
PREFIX = f"{SecondStage.name}."
"""How the names of its arrays begin in an artifact."""


class TwoStages(ScoringRecommender):
    """``scores`` are the first stage's; without a second one ``recommend`` ranks by them alone."""

    second: SecondStage | None = None
    heads: Mapping[str, float] = WEIGHTS
    """The owner's weights of the second stage's heads: it is judged as it is to serve."""
    verdict: Verdict | None = None
    """What was found of a second stage in training; None where there was nothing to find, and of what was loaded."""

    def voices(self, histories: Sequence[History]) -> list[FloatArray]:
        """What each of several says who make the score, float32 [histories, items]; nothing of one alone."""
        return []

    def said(self, voices: list[FloatArray], histories: Sequence[History]) -> FloatArray:
        """The first stage's scores, from its voices where it has any."""
        return self.scores(histories)

    def first_alone(self) -> Self:
        """Ranks as the first stage does."""
        if self.second is None:
            return self
        alone = copy.copy(self)
        alone.second = None
        return alone

    def made_of(self) -> dict[str, Any]:
        """What became of a second stage in training, to be read: whether it was ``kept``, and the verdict's figures
        where there was one."""
        found = self.verdict.figures() if self.verdict else {}
        return {"second_stage": {"kept": self.second is not None, **found}}

    def mix(self, weights: Mapping[str, float]) -> None:
        """Sets ``heads``, for a second stage that is there and for one that is to be learnt."""
        self.heads = dict(weights)
        if self.second is not None:
            self.second.weights = dict(weights)

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

    def final_scores(
        self, histories: Sequence[History], *, exclude: Sequence[IntArray] | None = None
    ) -> FloatArray:
        """The first stage's, those of its first hundred corrected; those behind stay behind, as in ``recommend``. Items
        of a history itself, which are no part of that list, stand among the others where the first stage put them."""
        voices = self.voices(histories)
        scores = self.said(voices, histories)
        if self.second is not None:
            had = [history.item for history in histories]
            if exclude is not None:
                had = [np.concatenate(both) for both in zip(had, exclude, strict=True)]
            best = top_k(scores.copy(), PLACES + 1, exclude=had, among=None)
            behind = best.scores[:, PLACES]
            items, listed = best.items[:, :PLACES], best.scores[:, :PLACES]
            corrected = self.second.corrected(
                histories, Proposals(items, listed, _heard(voices, items)), listed
            )
            first, scores = scores, kept_behind(scores, behind, corrected)
            for number, own in enumerate(had):
                own = inside(own, scores.shape[1])
                near, filled = own[first[number, own] > behind[number]], items[number] >= 0
                scores[number, near] = in_place(
                    first[number, near], listed[number, filled], corrected[number, filled]
                )
            row, place = np.nonzero(items >= 0)
            scores[row, items[row, place]] = corrected[row, place]
        return scores

    def propose(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Proposals:
        """What the first stage puts first."""
        voices = self.voices(histories)
        best = top_k(self.said(voices, histories), k, exclude=exclude, among=among)
        return Proposals(best.items, best.scores, _heard(voices, best.items))

    def learn_second_stage(
        self,
        interactions: Interactions,
        items: Items,
        validation: HeldOut,
        *,
        retrieval: FloatArray | None,
        until: float,
        seed: int,
        progress: ProgressCallback | None,
        chosen_on: IntArray = NOBODY,
    ) -> None:
        """Learns one from the answers to the first stage, and keeps it only where it is better than that alone.

        ``retrieval``: item vectors that a first stage has; ``until``: ``time.monotonic``, after which there is none;
        ``chosen_on``: users of the validation on whom the first stage was chosen.
        """
        self.second, self.verdict = None, None
        if not len(validation):
            return
        if time.monotonic() > until:
            logger.warning("%s goes on without a second stage: no time was left for it", self.name)
            return
        known = likenesses(interactions, items, retrieval=retrieval, seed=seed)
        if not known.vectors:
            return
        popular = popularity(interactions, items.count)
        # The other half of the time left is for learning.
        halfway = (time.monotonic() + until) / 2
        at_once = rows_at_once(items.count, most=AT_ONCE)
        asked = validation.sample(ANSWERS, seed=seed).shuffled(seed=seed)
        told = answers(self, asked, until=halfway, at_once=at_once)
        if validation.complaints:
            hidden = validation.complaints.sample(ANSWERS, seed=seed).shuffled(seed=seed)
            told = told.joined(answers(self, hidden, until=halfway, at_once=at_once))
        try:
            # What is judged learns twice on a half, what is kept once on the whole.
            halfway = (time.monotonic() + until) / 2
            verdict = judged(
                lambda: SecondStage(known, popular, self.heads),
                told,
                seed=seed,
                until=halfway,
                chosen_on=chosen_on,
            )
            self.verdict = verdict
            if verdict is None:
                return
            if progress:
                figures = {"both": verdict.both, "first": verdict.first, "low": verdict.gain.interval.low}
                progress(Progress("second stage", 1.0, figures))
            if verdict.worth_it:
                stage = SecondStage(known, popular, self.heads)
                # A head with enough answers in the whole but not in its halves was not heard when it was judged.
                heard = told.of(np.flatnonzero(verdict.taught[told.head]))
                stage.fit(heard, seed=seed, most=verdict.passes, until=until)
                self.second = stage
        except OutOfTime:
            logger.warning("%s goes on without a second stage: there was no time to learn it", self.name)

    def packed_with_second(self, first: Artifact) -> Artifact:
        """What is kept of the first stage, and of the second where there is one."""
        if self.second is None:
            return first
        packed = self.second.pack()
        arrays = {PREFIX + name: part for name, part in packed.arrays.items()}
        config = {**first.config, SecondStage.name: packed.config}
        return Artifact(first.recommender, config, {**first.arrays, **arrays})

    def unpack_second(self, artifact: Artifact) -> None:
        """Raises ArtifactError."""
        self.second = None
        if SecondStage.name in artifact.config:
            arrays = {
                name.removeprefix(PREFIX): part
                for name, part in artifact.arrays.items()
                if name.startswith(PREFIX)
            }
            config = artifact.config[SecondStage.name]
            self.second = SecondStage.unpacked(Artifact(SecondStage.name, config, arrays))


def validated(recommender: Ranks, rows: HeldOut, *, item_count: int) -> float:
    """NDCG@10 on rows of the validation.

    A second stage has learnt on these rows. So of two stages it is that of the first, and what the second added for
    shoppers whom it had not learnt from.
    """
    added = 0.0
    if isinstance(recommender, TwoStages) and recommender.second is not None:
        added = recommender.verdict.gain.difference if recommender.verdict else 0.0
        recommender = recommender.first_alone()
    return evaluate(recommender, rows, item_count=item_count, depth=10).ndcg_10 + added


def _heard(voices: list[FloatArray], items: IntArray) -> FloatArray:
    """float32 [b, c, voices] of ``items`` [b, c]."""
    if not voices:
        return np.zeros((*items.shape, 0), dtype=np.float32)
    return np.stack([np.take_along_axis(said, np.maximum(items, 0), axis=1) for said in voices], axis=-1)
