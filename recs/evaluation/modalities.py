"""What each part of an item's content is worth, on targets that were and were not learnt. No Django."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from recs.engine.breakdown import Part
from recs.engine.evaluation import evaluate
from recs.engine.interactions import HeldOut, IntArray, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.evaluation.fitting import Lesson, OwnSettings, fit
from recs.evaluation.judgement import parts_json
from recs.evaluation.leave_last_out import cold_and_warm, lesson_without
from recs.evaluation.memory import peak_rss_mb

MODALITIES: dict[str, tuple[str, ...]] = {
    "ids": (),
    "ids + text": ("text",),
    "ids + picture": ("image",),
    "ids + attributes": ("category", "price", "attributes"),
    "all": ("text", "image", "category", "price", "attributes"),
}
"""Which parts of the items are shown to a recommender."""


@dataclass(frozen=True, slots=True)
class ModalityOutcome:
    recommender: str
    modality: str
    parts: dict[str, Part]
    train_seconds: float
    peak_rss_mb: int


@dataclass(frozen=True, slots=True)
class ModalityJob:
    """One recommender that sees one choice of content; ``cold``: items that nothing in training names."""

    recommender: str
    modality: str
    lesson: Lesson
    test: HeldOut
    cold: IntArray
    seconds: float
    seed: int
    own: OwnSettings

    @property
    def title(self) -> str:
        return f"{self.recommender}, {self.modality}"

    def run(self, tell: ProgressCallback) -> ModalityOutcome:
        items = items_with(self.lesson.items, MODALITIES[self.modality])
        lesson = lesson_without(replace(self.lesson, items=items), self.cold)
        fitted = fit(
            self.recommender, lesson, budget=Budget(self.seconds), seed=self.seed, own=self.own, tell=tell
        )
        quality = evaluate(fitted.recommender, self.test, item_count=items.count, depth=10)
        parts = cold_and_warm(
            fitted.recommender, quality, self.test, self.cold, item_count=items.count, seed=self.seed
        )
        return ModalityOutcome(self.recommender, self.modality, parts, fitted.seconds, peak_rss_mb())


def items_with(items: Items, parts: tuple[str, ...]) -> Items:
    """The same items with these parts of their content alone."""
    attributes = "attributes" in parts
    bare = Items(count=items.count)
    return replace(
        bare,
        **{name: getattr(items, name) for name in ("text", "image", "category", "price") if name in parts},
        attribute_ids=items.attribute_ids if attributes else bare.attribute_ids,
        attribute_offsets=items.attribute_offsets if attributes else None,
    )


def headline(outcome: ModalityOutcome) -> str:
    """What is known as soon as one choice of content is through."""
    figures = ", ".join(f"{some.hr_10:.4f} {name}" for name, some in outcome.parts.items())
    return f"{outcome.recommender}, {outcome.modality}: HR@10 {figures}"


def modality_json(outcome: ModalityOutcome) -> dict[str, Any]:
    return {
        "recommender": outcome.recommender,
        "modality": outcome.modality,
        "train_seconds": round(outcome.train_seconds, 1),
        "peak_rss_mb": outcome.peak_rss_mb,
        "targets": parts_json(outcome.parts),
    }
