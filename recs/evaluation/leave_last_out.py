"""The protocol of public files: the last item of each user, among the whole catalogue. No Django."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from recs.engine import cold
from recs.engine.breakdown import Part, by_length, by_popularity, part
from recs.engine.evaluation import Quality, Ranks, evaluate
from recs.engine.interactions import HeldOut, IntArray, Interactions
from recs.engine.learning_curve import CurvePoint
from recs.engine.metrics import gini, novelty
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.second_stage.two_stages import TwoStages, validated
from recs.engine.sequences import SequenceData, leave_last_out, read_sequences
from recs.evaluation.fitting import Lesson, fit
from recs.evaluation.memory import peak_rss_mb


@dataclass(frozen=True, slots=True)
class Holdout:
    """``cold_items`` and ``new_users``: shares, 0 for none, taken out of training altogether."""

    cold_items: float = 0.0
    new_users: float = 0.0


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is learnt, what is asked, and which items and users stayed unseen."""

    lesson: Lesson
    test: HeldOut
    cold: IntArray
    newcomers: list[IntArray]


IDS_ALONE = ", ids alone"
"""How the name of a recommender ends that saw no content."""
JUDGED_ROWS = 30_000
"""Of the validation, on which the best baseline is chosen: of many users that takes less than their test."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one recommender: ``test`` with all its rows, parts of it by name, curve and cost.

    ``cold_rows`` bool [rows]: whose target was taken out of training; ``made_of``: the blend and what became of a
    second stage, of those that have them.
    """

    recommender: str
    test: Quality
    validation_ndcg_10: float
    novelty_10: float
    gini_10: float
    by_length: dict[str, Part]
    by_popularity: dict[str, Part]
    train_seconds: float
    peak_rss_mb: int
    parameters: int
    cold: dict[str, Part] = field(default_factory=dict)
    clicks: dict[str, Part] = field(default_factory=dict)
    curve: list[CurvePoint] = field(default_factory=list)
    cold_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    made_of: dict[str, Any] = field(default_factory=dict)


def protocol(data: SequenceData, holdout: Holdout, *, seed: int) -> Protocol:
    """Cold items are in no history and no target of training and validation; new users are in neither.

    Test histories keep the cold items that their users had: the shop would know them, too.
    """
    newcomers: list[IntArray] = []
    if holdout.new_users:
        drawn = set(cold.draw(len(data.sequences), holdout.new_users, seed=seed).tolist())
        newcomers = [data.sequences[user] for user in sorted(drawn)]
        kept = [row for user, row in enumerate(data.sequences) if user not in drawn]
        data = replace(data, sequences=kept)
    split = leave_last_out(data)
    lesson = Lesson(split.training, split.validation, data.items)
    unseen = np.zeros(0, dtype=np.int64)
    if holdout.cold_items:
        unseen = cold.draw(data.items.count, holdout.cold_items, seed=seed)
        lesson = lesson_without(lesson, unseen)
    return Protocol(lesson, split.test, unseen, newcomers)


def lesson_without(lesson: Lesson, items: IntArray) -> Lesson:
    """Those items stay in the catalogue with their content, and nothing names them."""
    return replace(
        lesson,
        training=cold.interactions_without(lesson.training, items),
        validation=cold.held_out_without(lesson.validation, items),
    )


@dataclass(frozen=True, slots=True)
class LeaveLastOutJob:
    """One recommender on a file; ``seconds`` bounds its training, ``content``: whether it sees the attributes;
    ``checkpoints``: a folder to resume from and save to."""

    sequences: Path
    attributes: Path | None
    recommender: str
    seconds: float
    seed: int
    holdout: Holdout = Holdout()
    content: bool = True
    checkpoints: Path | None = None

    @property
    def title(self) -> str:
        return self.recommender + ("" if self.content else IDS_ALONE)

    def run(self, tell: ProgressCallback) -> Outcome:
        attributes = self.attributes if self.content else None
        asked = protocol(read_sequences(self.sequences, attributes), self.holdout, seed=self.seed)
        lesson, count = asked.lesson, asked.lesson.items.count
        budget = Budget(self.seconds, self.checkpoints / self.title if self.checkpoints else None)
        fitted = fit(self.recommender, lesson, budget=budget, seed=self.seed, tell=tell)
        recommender = fitted.recommender
        asked_first = lesson.validation.sample(JUDGED_ROWS, seed=self.seed)
        chosen = validated(recommender, asked_first, item_count=count) if len(asked_first) else 0.0
        test = evaluate(recommender, asked.test, item_count=count)
        counts = interaction_counts(lesson.training)
        return Outcome(
            recommender=self.title,
            test=test,
            validation_ndcg_10=chosen,
            novelty_10=novelty(test.shown, counts, 10),
            gini_10=gini(test.shown, count, 10),
            by_length=self._parts(test, by_length(asked.test.histories)),
            by_popularity=self._parts(test, by_popularity(asked.test.targets, counts)),
            train_seconds=fitted.seconds,
            peak_rss_mb=peak_rss_mb(),
            parameters=recommender.parameters,
            cold=cold_and_warm(recommender, test, asked.test, asked.cold, item_count=count, seed=self.seed),
            clicks={
                str(clicks): self._after(clicks, asked.newcomers, recommender, count)
                for clicks in range(cold.CLICKS if asked.newcomers else 0)
            },
            curve=fitted.curve,
            cold_rows=cold.targets_among(asked.test, asked.cold),
            made_of=recommender.made_of() if isinstance(recommender, TwoStages) else {},
        )

    def _parts(self, quality: Quality, rows: dict[str, np.ndarray]) -> dict[str, Part]:
        return {name: part(quality, some, seed=self.seed) for name, some in rows.items()}

    def _after(self, clicks: int, newcomers: list[IntArray], recommender: Ranks, count: int) -> Part:
        held_out = cold.first_clicks(newcomers, clicks)
        if not len(held_out):
            return Part(0)
        quality = evaluate(recommender, held_out, item_count=count, depth=10)
        return part(quality, np.ones(len(held_out), dtype=bool), seed=self.seed)


def cold_and_warm(
    recommender: Ranks, quality: Quality, held_out: HeldOut, items: IntArray, *, item_count: int, seed: int
) -> dict[str, Part]:
    """Parts of the ``quality`` on those rows: targets among ``items``, which are cold, and others; and the cold ones
    once more, with the cold items alone as candidates, as places that are kept for newcomers are filled. Nothing where
    no item is cold."""
    if not len(items):
        return {}
    unseen = cold.targets_among(held_out, items)
    users = held_out.users
    parts = {
        name: part(quality, rows, groups=users, seed=seed)
        for name, rows in (("cold", unseen), ("warm", ~unseen))
    }
    if unseen.any():
        asked = held_out.of(np.flatnonzero(unseen))
        alone = evaluate(recommender, asked, item_count=item_count, depth=10, among=items)
        groups = None if users is None else asked.users
        parts["cold, among cold"] = part(alone, np.ones(len(asked), dtype=bool), groups=groups, seed=seed)
    return parts


def interaction_counts(interactions: Interactions) -> IntArray:
    """int64 [items]."""
    item = interactions.item[interactions.item >= 0]
    return np.bincount(item, minlength=interactions.item_count)
