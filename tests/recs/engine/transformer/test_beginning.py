"""What a training begins with: a history's newest item, or the whole of it."""

import numpy as np
import pytest
import torch

from recs.engine.interactions import HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig
from tests.contracts.small_recommenders import interactions_of

USER = UserTowerConfig(dimension=16, layers=2, heads=2, longest=10)
ITEMS = 60


def test_an_untrained_tower_adds_the_mean_of_what_was_read_to_the_newest():
    torch.manual_seed(2)
    tower = UserTower(USER).eval()
    block = tower.blocks[0]
    with torch.no_grad():
        # Asks nothing, so that it hears all alike.
        block.mix.weight[:32] = 0.0
        block.mix.bias[:32] = 0.0
    x = torch.randn(1, 5, 16)

    assert torch.allclose(block(x), x)
    tower.begin_with(2.0)

    heard = block.attention_norm(x).cumsum(1) / torch.arange(1, 6)[:, None]
    assert torch.allclose(block(x), x + 2.0 * heard, atol=1e-5)


def chains(rng: np.random.Generator) -> list[list[int]]:
    """What comes next is told by the newest item alone: each walk goes on from a place drawn anew."""
    walks = []
    for _ in range(300):
        first, second = rng.integers(ITEMS, size=2)
        walks.append([*(first + np.arange(4)) % ITEMS, *(second + np.arange(4)) % ITEMS])
    return [list(map(int, walk)) for walk in walks]


def baskets(rng: np.random.Generator) -> list[list[int]]:
    """Every item is of three groups of a dozen, and only all items together tell whose basket it is."""
    groups = [rng.permutation(ITEMS).reshape(5, 12) for _ in range(3)]
    return [list(map(int, rng.permutation(rng.choice(groups)[rng.integers(5)])[:8])) for _ in range(600)]


@pytest.mark.parametrize(("made", "whole"), [(chains, False), (baskets, True)])
def test_validation_says_how_much_of_a_history_is_begun_with(made, whole: bool):
    rows = made(np.random.default_rng(0))
    data: Interactions = interactions_of([row[:-1] for row in rows], ITEMS)
    before = [np.array(row[:-1]) for row in rows]
    held_out = HeldOut(
        [History.of_items(row) for row in before], [np.array([row[-1]]) for row in rows], before
    )
    model = Transformer(user=USER, training=TrainingConfig(epochs=0), second_stage=False)

    model.fit(data, Items(count=ITEMS), budget=Budget(60), seed=1, validation=held_out)

    assert bool(model.user_tower.members[0].blocks[0].out.weight.any()) is whole
