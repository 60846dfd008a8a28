"""How a training keeps within its seconds."""

from types import SimpleNamespace

import numpy as np
import pytest

from recs.engine.interactions import Items
from recs.engine.recommender import Budget
from recs.engine.transformer import training
from recs.engine.transformer.item_tower import ItemTower, item_tower_config
from recs.engine.transformer.training import Training, TrainingConfig
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig
from tests.contracts.small_recommenders import ITEMS, grouped

SECONDS, STEP, JUDGED = 100.0, 1.0, 15.0


def test_the_last_validation_is_within_the_seconds_too(monkeypatch: pytest.MonkeyPatch):
    """On a clock that only steps and validations move."""
    now = [0.0]
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now[0]))
    found = iter(np.linspace(0.1, 0.9, 100))

    def validate(*_) -> float:
        now[0] += JUDGED
        return float(next(found))

    class Slow(Training):
        def _step(self, *step) -> float | None:
            now[0] += STEP
            return super()._step(*step)

    items = Items(count=ITEMS)
    user = UserTowerConfig(dimension=8, layers=1, heads=2, longest=10)
    state = Slow(
        item_tower=ItemTower(item_tower_config(items, dimension=8, id_dropout=0.1, content_dropout=0.1)),
        user_tower=UserTower(user),
        interactions=grouped(),
        items=items,
        config=TrainingConfig(batch=4, epochs=100),
        seed=1,
        validate=validate,
        progress=None,
    ).run(Budget(seconds=SECONDS))

    assert state.epoch > 1
    assert SECONDS - JUDGED - STEP < state.seconds <= SECONDS + STEP
