"""What a training gains by going on from the model of the night before, on the demo's own history."""

import time
from dataclasses import dataclass, field

import numpy as np
from django.conf import settings

from config.benchmark.report import Report
from recs.content_items import content_items
from recs.engine.evaluation import evaluate
from recs.engine.interactions import Interactions, Items
from recs.engine.recommender import Budget, Progress
from recs.engine.recommenders.transformer import VALIDATION_ROWS, Transformer
from recs.engine.splits import TimeSplit, before, split_by_time
from recs.engine.transformer.warm import WarmStart
from recs.nightly.dataset import load_history
from recs.nightly.run import SEED

DAY = 86_400
MOST_OF_COLD = 1 / 3
"""The aim: a warm start needs at most so much of a cold start's time."""
CLOSE = 0.99
"""Of the champion's NDCG@10: in the last percent two trainings on the same rows differ by chance, and the champion's
end was chosen on most of these rows."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """``curve``: seconds since the training began, and NDCG@10 on validation."""

    model: Transformer
    curve: list[tuple[float, float]] = field(default_factory=list)

    def seconds_until(self, ndcg: float) -> float | None:
        """None if it never came so far."""
        return next((seconds for seconds, reached in self.curve if reached >= ndcg), None)

    @property
    def best(self) -> float:
        return max((ndcg for _, ndcg in self.curve), default=0.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``target``: NDCG@10 of last night's model on the rows that the curves of tonight are measured on, which it has
    not been trained on; when its training ended was chosen on older ones, of the same days but the newest."""

    target: float
    cold: Learnt
    warm: Learnt


def benchmark_warm_start(*, seconds: float) -> Report:
    """``seconds`` bounds each of the three trainings; content must be encoded."""
    export = load_history()
    items = content_items(export.product_ids.tolist())
    found = compare(export.interactions, items, seconds=seconds, longest=settings.HISTORY_LENGTH)
    cold, warm = (learnt.seconds_until(CLOSE * found.target) for learnt in (found.cold, found.warm))
    to_best = found.warm.seconds_until(found.cold.best)
    figures = {
        "benchmark": "warm_start",
        "champion_ndcg@10": found.target,
        "cold_seconds_to_champion": cold,
        "warm_seconds_to_champion": warm,
        "warm_to_cold": warm / cold if warm is not None and cold else None,
        "aim": MOST_OF_COLD,
        "cold_best_ndcg@10": found.cold.best,
        "cold_seconds_to_its_best": found.cold.seconds_until(found.cold.best),
        "warm_seconds_to_cold_best": to_best,
        "warm_best_ndcg@10": found.warm.best,
        "cold_curve": found.cold.curve,
        "warm_curve": found.warm.curve,
    }
    rows = [
        (f"to {CLOSE:.0%} of last night's {found.target:.4f}", _shown(cold), _shown(warm)),
        (
            f"to the cold start's best, {found.cold.best:.4f}",
            _shown(found.cold.seconds_until(found.cold.best)),
            _shown(to_best),
        ),
        ("best NDCG@10 within the bound", f"{found.cold.best:.4f}", f"{found.warm.best:.4f}"),
    ]
    title = f"warm start: seconds of training until NDCG@10 on the newer slice, at most {seconds:g} each"
    return Report(title, figures, ("", "cold", "warm"), rows)


def compare(interactions: Interactions, items: Items, *, seconds: float, longest: int) -> Comparison:
    """Trains on what was known a day ago, then on everything: from nothing, and from that first model."""
    last_night = before(interactions, int(interactions.time.max()) - DAY)
    champion = learn(split_by_time(last_night, longest=longest, seed=SEED), items, seconds=seconds).model
    tonight = split_by_time(interactions, longest=longest, seed=SEED)
    judged = tonight.validation.sample(VALIDATION_ROWS, seed=SEED)
    target = evaluate(champion, judged, item_count=items.count, depth=10).ndcg_10
    rows = np.where(champion.trained, np.arange(items.count), -1)
    start = WarmStart(champion.item_tower, champion.user_tower, rows)
    return Comparison(
        target,
        learn(tonight, items, seconds=seconds),
        learn(tonight, items, seconds=seconds, warm=start),
    )


def learn(split: TimeSplit, items: Items, *, seconds: float, warm: WarmStart | None = None) -> Learnt:
    learnt = Learnt(Transformer(second_stage=False, warm=warm))
    began = time.perf_counter()

    def told(progress: Progress) -> None:
        if "ndcg@10" in progress.figures:
            learnt.curve.append((time.perf_counter() - began, progress.figures["ndcg@10"]))

    learnt.model.fit(
        split.training,
        items,
        budget=Budget(seconds=seconds),
        seed=SEED,
        validation=split.validation,
        progress=told,
    )
    return learnt


def _shown(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f}"
