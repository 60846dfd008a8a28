"""How a training keeps within its seconds."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recs.engine.interactions import Interactions, Items, Kind
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

    def run(
        self,
        checkpoint: Path | None = None,
        *,
        seconds: float = SECONDS,
        patient_steps: int = 300,
        better: int = 1_000,
    ) -> TrainingState:
        """``better``: how many validations get better."""
        clock = self

        def validate(*_) -> float:
            clock.now += JUDGED
            clock.judged += 1
            return 0.01 * min(better, clock.judged)

        class Slow(Training):
            def _step(self, *step) -> float | None:
                clock.now += STEP
                clock.steps += 1
                return super()._step(*step)

        items = Items(count=ITEMS)
        user = UserTowerConfig(dimension=8, layers=1, heads=2, longest=10)
        return Slow(
            item_tower=ItemTower(item_tower_config(items, dimension=8)),
            user_tower=UserTower(user),
            interactions=grouped(),
            items=items,
            config=TrainingConfig(batch=4, epochs=100, patient_steps=patient_steps),
            seed=1,
            validate=validate,
            progress=None,
            rehearse=lambda *_: JUDGED,
        ).run(Budget(seconds, checkpoint))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_the_last_validation_is_within_the_seconds_too(clock: Clock):
    state = clock.run()

    assert state.epoch > 1
    assert SECONDS - JUDGED - STEP < state.seconds <= SECONDS + STEP


def test_the_first_validation_is_within_the_seconds_even_of_a_part_of_an_epoch(clock: Clock):
    state = clock.run(seconds=JUDGED + 15 * STEP)

    assert (state.epoch, clock.judged) == (1, 1)
    assert clock.steps == 15
    assert state.seconds == JUDGED + 15 * STEP


def test_only_what_a_training_has_read_counts_as_seen(monkeypatch: pytest.MonkeyPatch):
    """Each shopper looks twice, and buys a month later: the purchase is a target, and read by nobody."""
    told = []
    monkeypatch.setattr(UserTower, "adopt_unseen", lambda tower, **seen: told.append(seen))
    users = 6
    times = np.tile([86_400, 86_400 + 120, 40 * 86_400], users)
    kinds = np.tile([int(Kind.VIEW), int(Kind.VIEW), int(Kind.PURCHASE)], users)
    data = Interactions(
        np.repeat(np.arange(users), 3),
        np.arange(3 * users) % 9,
        kinds,
        times,
        np.full(3 * users, np.nan, dtype=np.float32),
        users,
        9,
    )

    trained_on(data)

    (seen,) = told
    assert seen["kinds"].tolist() == [int(Kind.VIEW)]
    # Two minutes, and not the month.
    assert set(seen["gaps"].tolist()) == {2}
    assert seen["longest"] == 2


def trained_on(data: Interactions, *, longest: int = 10) -> Training:
    items = Items(count=data.item_count)
    made = Training(
        item_tower=ItemTower(item_tower_config(items, dimension=8)),
        user_tower=UserTower(UserTowerConfig(dimension=8, layers=1, heads=2, longest=longest)),
        interactions=data,
        items=items,
        config=TrainingConfig(batch=4, epochs=1),
        seed=1,
        validate=None,
        progress=None,
    )
    made.run(Budget(30.0))
    return made


@pytest.mark.parametrize("before", [3, 4, 5, 9])
def test_a_complaint_after_more_than_the_tower_reads_is_learnt_from(before: int):
    """One shopper who looked at so many products and then hid one; the tower reads four."""
    kinds = np.array([*[int(Kind.VIEW)] * before, int(Kind.HIDE)])
    count = len(kinds)
    nothing = np.full(count, np.nan, dtype=np.float32)
    zeros = np.zeros(count, dtype=np.int64)

    made = trained_on(Interactions(zeros, np.arange(count), kinds, zeros, nothing, 1, count), longest=4)

    assert made.state.epoch == 1


def test_patience_is_of_validations_and_of_steps(clock: Clock):
    early = clock.run(seconds=1e6, patient_steps=1, better=3)
    steps = clock.steps
    late = clock.run(seconds=1e6, patient_steps=3 * steps, better=clock.judged + 3)

    assert (early.best_epoch, early.epoch) == (3, 3 + TrainingConfig().patience)
    each = steps // early.epoch
    assert (late.best_epoch, late.epoch) == (3, 3 + -(-3 * steps // each))


def test_what_its_time_has_ended_does_not_go_on_from_its_checkpoint(clock: Clock, tmp_path: Path):
    ended = clock.run(tmp_path)
    steps = clock.steps

    again = clock.run(tmp_path)

    assert (again, clock.steps) == (ended, steps)


def weights_of_a_training() -> list[torch.Tensor]:
    """Of one epoch that is large enough for several threads to share its sums."""
    users, length, count = 600, 20, 300
    rng = np.random.default_rng(3)
    rows = users * length
    data = Interactions(
        np.repeat(np.arange(users), length),
        # Few items, so that each gradient is a sum of many.
        rng.integers(count, size=rows),
        np.full(rows, int(Kind.PURCHASE)),
        1_700_000_000 + np.cumsum(rng.integers(60, 9_000, size=rows)),
        np.full(rows, np.nan, dtype=np.float32),
        users,
        count,
    )
    attributes = rng.integers(12, size=4 * count)
    items = Items(count=count, attribute_ids=attributes, attribute_offsets=np.arange(0, 4 * count + 1, 4))
    torch.manual_seed(1)
    towers = (
        ItemTower(item_tower_config(items, dimension=64)),
        UserTower(UserTowerConfig(dimension=64, layers=1, heads=2, longest=length)),
    )
    Training(
        item_tower=towers[0],
        user_tower=towers[1],
        interactions=data,
        items=items,
        config=TrainingConfig(epochs=1),
        seed=1,
        validate=None,
        progress=None,
    ).run(Budget(60))
    return [weight.detach().clone() for tower in towers for weight in tower.parameters()]


def test_the_same_seed_gives_the_same_weights_on_two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = weights_of_a_training(), weights_of_a_training()
    finally:
        torch.set_num_threads(threads)

    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
