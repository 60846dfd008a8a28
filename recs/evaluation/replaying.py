"""A recommender on the shop's own history, split by time and replayed event by event. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from recs.engine.comparison import Interval, Paired, mean_interval, paired, ratio_interval
from recs.engine.interactions import FloatArray, IntArray, Interactions
from recs.engine.recommender import Budget, Progress, ProgressCallback
from recs.engine.replay import Replay, hits_of, ordered_within_moments, replay
from recs.evaluation.fitting import Lesson, OwnSettings, fit
from recs.evaluation.judgement import interval_json, paired_json
from recs.evaluation.memory import peak_rss_mb


@dataclass(frozen=True, slots=True)
class Worth:
    """HR@10 of the same events three times, with intervals over whole shoppers; ``ratio``: following / frozen."""

    events: int
    shoppers: int
    following: tuple[float, Interval]
    frozen: tuple[float, Interval]
    popularity: tuple[float, Interval]
    ratio: Interval
    difference: Paired

    def times(self) -> float | None:
        """Following over frozen; None where the frozen history hits nothing."""
        return self.following[0] / self.frozen[0] if self.frozen[0] else None


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """``orders``: by the order of an invoice's rows, then by which events."""

    recommender: str
    orders: dict[str, dict[str, Worth]]
    train_seconds: float
    peak_rss_mb: int


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """``orders`` by name: place of each interaction within its moment, [n]; ``start``: seconds of the epoch."""

    recommender: str
    lesson: Lesson
    interactions: Interactions
    orders: dict[str, np.ndarray]
    start: int
    seconds: float
    seed: int
    own: OwnSettings

    @property
    def title(self) -> str:
        return self.recommender

    def run(self, tell: ProgressCallback) -> ReplayOutcome:
        fitted = fit(
            self.recommender,
            self.lesson,
            budget=Budget(self.seconds),
            seed=self.seed,
            own=self.own,
            tell=tell,
        )
        popular = fit(
            "popularity", self.lesson, budget=Budget(self.seconds), seed=self.seed, tell=tell
        ).recommender
        count, orders = self.lesson.items.count, {}
        for name, place in self.orders.items():
            events = replay(
                ordered_within_moments(self.interactions, place), self.start, longest=self.own.longest
            )
            if not len(events):
                raise ValueError("nobody wanted anything new after the split: nothing can be replayed")

            def told(done: float, name: str = name) -> None:
                tell(Progress(f"replaying, {name}", done, {}))

            following = hits_of(fitted.recommender, events.following, events, item_count=count, progress=told)
            frozen = hits_of(fitted.recommender, events.frozen, events, item_count=count)
            popularity = hits_of(popular, events.frozen, events, item_count=count)
            orders[name] = self._worth(events, following, frozen, popularity)
        return ReplayOutcome(self.recommender, orders, fitted.seconds, peak_rss_mb())

    def _worth(
        self, events: Replay, following: FloatArray, frozen: FloatArray, popularity: FloatArray
    ) -> dict[str, Worth]:
        parts = {
            "all": np.ones(len(events), dtype=bool),
            "first of a visit": events.first_of_visit,
            "later in a visit": ~events.first_of_visit,
        }
        return {
            name: worth(following[rows], frozen[rows], popularity[rows], events.user[rows], seed=self.seed)
            for name, rows in parts.items()
            if rows.any()
        }


def worth(
    following: FloatArray, frozen: FloatArray, popularity: FloatArray, users: IntArray, *, seed: int
) -> Worth:
    def measured(hit: FloatArray) -> tuple[float, Interval]:
        return float(hit.mean()), mean_interval(hit, groups=users, seed=seed)

    return Worth(
        len(users),
        len(np.unique(users)),
        measured(following),
        measured(frozen),
        measured(popularity),
        ratio_interval(following, frozen, groups=users, seed=seed),
        paired(following, frozen, groups=users, seed=seed),
    )


def headline(outcome: ReplayOutcome) -> str:
    """What is known as soon as one recommender is through: of all events, in the last of the orders."""
    order, parts = list(outcome.orders.items())[-1]
    found = parts["all"]
    times = found.times()
    return (
        f"{outcome.recommender}, {order}: HR@10 {found.following[0]:.4f} following, {found.frozen[0]:.4f} frozen"
        f" ({'-' if times is None else f'{times:.2f}'} times), {found.popularity[0]:.4f} popularity"
    )


def replay_json(outcome: ReplayOutcome) -> dict[str, Any]:
    return {
        "recommender": outcome.recommender,
        "train_seconds": round(outcome.train_seconds, 1),
        "peak_rss_mb": outcome.peak_rss_mb,
        "orders": {
            name: {part: _worth_json(found) for part, found in parts.items()}
            for name, parts in outcome.orders.items()
        },
    }


def replay_table(outcomes: Sequence[ReplayOutcome], title: str) -> Table:
    table = Table(title=title)
    for name in ("recommender", "rows of an invoice", "events"):
        table.add_column(name)
    for name in ("number", "following", "frozen at midnight", "popularity", "following / frozen", "p"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        for order, parts in outcome.orders.items():
            for part, found in parts.items():
                table.add_row(outcome.recommender, order, part, f"{found.events:,}", *_cells(found))
    table.caption = "HR@10 [95 % interval over shoppers], of products new to the shopper"
    return table


def _cells(found: Worth) -> list[str]:
    times = found.times()
    ratio = "-" if times is None else f"{times:.2f} [{found.ratio.low:.2f}-{found.ratio.high:.2f}]"
    return [
        *[
            f"{mean:.4f} [{interval.low:.4f}-{interval.high:.4f}]"
            for mean, interval in (found.following, found.frozen, found.popularity)
        ],
        ratio,
        f"{found.difference.p_value:.4f}",
    ]


def _worth_json(found: Worth) -> dict[str, Any]:
    columns: Mapping[str, tuple[float, Interval]] = {
        "following": found.following,
        "frozen": found.frozen,
        "popularity": found.popularity,
    }
    times = found.times()
    ends = (found.ratio.low, found.ratio.high)
    return {
        "events": found.events,
        "shoppers": found.shoppers,
        **{
            name: {"hr@10": round(mean, 5), "interval": interval_json(interval)}
            for name, (mean, interval) in columns.items()
        },
        "following_to_frozen": {
            "ratio": None if times is None else round(times, 3),
            # JSON knows no infinity.
            "interval": [round(end, 3) if np.isfinite(end) else None for end in ends],
        },
        "following_minus_frozen": paired_json(found.difference),
    }
