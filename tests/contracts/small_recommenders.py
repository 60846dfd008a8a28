"""Small data and small recommenders that fit it in a moment."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from recs.engine.interactions import FloatArray, HeldOut, History, Interactions, Items, Kind
from recs.engine.recommender import Budget, Recommender
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.hybrid import MEMBERS, Hybrid
from recs.engine.recommenders.second_stage.answers import HEADS, Head
from recs.engine.recommenders.second_stage.likeness import Likenesses
from recs.engine.recommenders.second_stage.ranker import Ranker
from recs.engine.recommenders.second_stage.stage import FACTS, SecondStage
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig

ITEMS = 24
GROUPS = 3
EPOCHS = 6


class Killed(Exception):
    """In the middle of a fit."""


def small_transformer(epochs: int = EPOCHS) -> Transformer:
    user = UserTowerConfig(dimension=16, layers=1, heads=2, longest=10, dropout=0.1)
    training = TrainingConfig(batch=32, epochs=epochs, learning_rate=5e-3)
    return Transformer(user=user, training=training, members=2)


def small_hybrid() -> Hybrid:
    return Hybrid({**MEMBERS, "transformer": small_transformer})


MAKERS: dict[str, Callable[[], Recommender]] = {
    **FAMILY,
    "transformer": small_transformer,
    "hybrid": small_hybrid,
}


def second_stage_that_wants(items: list[int], count: int = ITEMS) -> SecondStage:
    """Its popularity, which it was taught to follow, is these items."""
    popular = np.ones(count, dtype=np.float32)
    popular[items] = 100.0
    return second_stage_that_follows(popular)


def second_stage_that_follows(popular: FloatArray) -> SecondStage:
    """What it was taught is popularity, strongly; its one measure is an untrained likeness."""
    stage = SecondStage(Likenesses({"together": np.eye(len(popular), dtype=np.float32)}), popular)
    torch.manual_seed(0)
    stage.ranker = Ranker(1, FACTS)
    stage.spread, stage.taught = torch.ones(1), np.array([head == Head.PURCHASE for head in HEADS])
    first, last = stage.ranker.mix[0], stage.ranker.mix[-1]
    with torch.no_grad():
        first.weight.zero_()
        first.weight[:, 0] = 1.0
        stage.ranker.mix[3].weight.copy_(torch.eye(len(first.weight)))
        last.weight[HEADS.index(Head.PURCHASE)] = 1.0
    stage.ranker.eval()
    return stage


class TwoStaged(Transformer):
    """Whose second stage is there, however little there was to learn one from; it wants items 3 and 6."""

    def fit(self, interactions: Interactions, items: Items, **given: Any) -> None:
        super().fit(interactions, items, **given)
        self.second = second_stage_that_wants([item for item in (3, 6) if item < items.count], items.count)


def small_two_stages() -> TwoStaged:
    small = small_transformer()
    return TwoStaged(user=small.user_config, training=small.training_config, members=small.members)


ALL_MAKERS = {**MAKERS, "transformer, two stages": small_two_stages}
every_recommender = pytest.mark.parametrize("name", ALL_MAKERS)


def interactions_of(rows: list[list[int]], item_count: int) -> Interactions:
    item = np.array([item for row in rows for item in row], dtype=np.int64)
    size = len(item)
    return Interactions(
        user=np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        item=item,
        kind=np.full(size, int(Kind.PURCHASE), dtype=np.int64),
        time=np.zeros(size, dtype=np.int64),
        value=np.full(size, np.nan, dtype=np.float32),
        user_count=len(rows),
        item_count=item_count,
    )


def grouped() -> Interactions:
    """Users who each keep to every third item."""
    rng = np.random.default_rng(0)
    rows = [(rng.permutation(ITEMS // GROUPS)[:5] * GROUPS + user % GROUPS).tolist() for user in range(90)]
    return interactions_of(rows, ITEMS)


def shelves(item_count: int) -> Items:
    """Attributes and categories say which group an item is of, and which half."""
    item = np.arange(item_count)
    return Items(
        count=item_count,
        category=item % GROUPS,
        attribute_ids=np.stack([item % GROUPS, GROUPS + item % 2], axis=1).ravel(),
        attribute_offsets=2 * np.arange(item_count + 1),
    )


def held_out() -> HeldOut:
    """One wish to choose on."""
    return HeldOut([History.of_items([0, 3])], [np.array([6])], [np.array([0, 3])])


def fit(name: str, data: Interactions, validation: HeldOut | None = None) -> Recommender:
    recommender = ALL_MAKERS[name]()
    recommender.fit(data, shelves(data.item_count), budget=Budget(seconds=30), seed=1, validation=validation)
    return recommender


@functools.cache
def fitted(name: str) -> Recommender:
    """On ``grouped()``; asking a recommender does not change it, so tests share one."""
    return fit(name, grouped())
