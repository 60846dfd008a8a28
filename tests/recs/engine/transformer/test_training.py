"""How a training keeps within its seconds."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from recs.engine.interactions import Items
from recs.engine.recommender import Budget
from recs.engine.transformer import training
from recs.engine.transformer.item_tower import ItemTower, item_tower_config
from recs.engine.transformer.training import Training
from recs.engine.transformer.training_state import TrainingConfig, TrainingState
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig
from tests.contracts.small_recommenders import ITEMS, grouped

SECONDS, STEP, JUDGED = 100.0, 1.0, 15.0


class Clock:
    """Moved by steps and validations alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = self.judged = 0

    def run(self, checkpoint: Path | None = None) -> TrainingState:
        clock = self

        def validate(*_) -> float:
            clock.now += JUDGED
            clock.judged += 1
            return 0.01 * clock.judged

        class Slow(Training):
            def _step(self, *step) -> float | None:
                clock.now += STEP
                clock.steps += 1
                return super()._step(*step)

        items = Items(count=ITEMS)
        user = UserTowerConfig(dimension=8, layers=1, heads=2, longest=10)
        return Slow(
            item_tower=ItemTower(item_tower_config(items, dimension=8, id_dropout=0.1, content_dropout=0.1)),
            user_tower=UserTower(user),
            interactions=grouped(),
            items=items,
            config=TrainingConfig(batch=4, epochs=100),
            seed=1,
            validate=validate,
            progress=None,
        ).run(Budget(SECONDS, checkpoint))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_the_last_validation_is_within_the_seconds_too(clock: Clock):
    state = clock.run()

    assert state.epoch > 1
    assert SECONDS - JUDGED - STEP < state.seconds <= SECONDS + STEP


def test_what_its_time_has_ended_does_not_go_on_from_its_checkpoint(clock: Clock, tmp_path: Path):
    ended = clock.run(tmp_path)
    steps = clock.steps

    again = clock.run(tmp_path)

    assert (again, clock.steps) == (ended, steps)
