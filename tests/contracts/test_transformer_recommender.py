"""What the transformer promises beyond the contract: checkpoints, towers that serve alone, content."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from recs.engine.checkpoint import FILE, Checkpoint
from recs.engine.interactions import HeldOut, History, Interactions, Items, Kind
from recs.engine.learning_curve import LearningCurve
from recs.engine.recommender import Budget, Progress
from recs.engine.recommenders import transformer
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.tuning import Judge
from recs.engine.transformer.item_tower import UNMET
from recs.engine.transformer.packed_towers import load_item_tower, load_user_tower
from recs.engine.transformer.training import Training
from tests.contracts.small_recommenders import (
    EPOCHS,
    GROUPS,
    ITEMS,
    Killed,
    fitted,
    grouped,
    held_out,
    interactions_of,
    shelves,
    small_transformer,
)

BATCHES = 3
"""Of an epoch over ``grouped()``."""


def test_a_killed_training_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data, items = grouped(), Items(count=ITEMS)

    def kill(progress: Progress) -> None:
        if progress.figures.get("member") == 2 and progress.figures.get("epoch") == 4:
            raise Killed

    budget = Budget(seconds=30, checkpoint=tmp_path)
    with pytest.raises(Killed):
        small_transformer().fit(data, items, budget=budget, seed=1, progress=kill)
    curve, steps = LearningCurve(lambda _: None), counted_steps(monkeypatch)
    resumed = small_transformer()
    resumed.fit(data, items, budget=budget, seed=1, progress=curve)
    assert len(steps) == 2 * BATCHES
    whole = small_transformer()
    whole.fit(data, items, budget=Budget(seconds=30), seed=1)

    epochs = [(point.figures["member"], point.figures["epoch"]) for point in curve.points]
    assert epochs == [(member, epoch) for member in (1, 2) for epoch in range(1, EPOCHS + 1)]
    assert np.allclose(resumed.vectors, whole.vectors, atol=2e-3)
    seconds = [point.seconds for point in curve.points]
    assert seconds == sorted(seconds)


def counted_steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each that is taken from now on."""
    steps: list[int] = []
    step = Training._step
    monkeypatch.setattr(Training, "_step", lambda *given: steps.append(1) or step(*given))
    return steps


def test_a_long_epoch_is_gone_on_with_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Checkpoint, "due", lambda own: own.folder is not None)
    steps = counted_steps(monkeypatch)

    def kill(progress: Progress) -> None:
        # Told after the last batch of an epoch, before its end.
        if len(steps) == 3 * BATCHES:
            raise Killed

    budget = Budget(seconds=30, checkpoint=tmp_path)
    with pytest.raises(Killed):
        small_transformer().fit(grouped(), Items(count=ITEMS), budget=budget, seed=1, progress=kill)
    steps.clear()
    small_transformer().fit(grouped(), Items(count=ITEMS), budget=budget, seed=1)

    # Of the first member what was left of its third epoch, and three; of the second all.
    assert len(steps) == 1 + 3 * BATCHES + EPOCHS * BATCHES


def test_content_alone_places_an_item_that_nobody_has_touched():
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(GROUPS, 12)).astype(np.float32)
    text = np.stack([centres[item % GROUPS] + 0.1 * rng.normal(size=12) for item in range(ITEMS + 1)])
    text = (text / np.linalg.norm(text, axis=1, keepdims=True)).astype(np.float32)
    model = small_transformer(epochs=20)
    model.fit(grouped(), Items(count=ITEMS, text=text[:ITEMS]), budget=Budget(seconds=30), seed=1)

    vector = model.item_vectors(Items(count=1, text=text[ITEMS:]))[0]

    nearest = np.argsort(-(model.vectors @ vector))[:3]
    assert {int(item) % GROUPS for item in nearest} == {ITEMS % GROUPS}
    assert np.linalg.norm(vector) == pytest.approx(UNMET, abs=1e-3)


def test_training_keeps_the_epoch_that_validates_best(monkeypatch: pytest.MonkeyPatch):
    told = itertools.cycle([0.1, 0.3, 0.2, 0.2])
    monkeypatch.setattr(Judge, "ndcg", lambda _: next(told))
    # Which would ask the judge as well, as often as there is time for.
    monkeypatch.setattr(transformer, "best_beginning", lambda *_, **__: 0.0)
    model, until_then = small_transformer(epochs=4), small_transformer(epochs=2)

    model.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds=30), seed=1, validation=held_out())
    until_then.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds=30), seed=1)

    assert [state.epoch for state in model.trainings] == [4, 4]
    assert model.epochs == [2, 2]
    assert np.allclose(model.vectors, until_then.vectors, atol=2e-3)


@pytest.mark.parametrize("damage", [b"cut off", b"(abc\n", b"\x80"])
def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path: Path, damage: bytes):
    (tmp_path / "member-0").mkdir()
    (tmp_path / "member-0" / FILE).write_bytes(damage)
    model = small_transformer(epochs=2)

    model.fit(grouped(), Items(count=ITEMS), budget=Budget(seconds=30, checkpoint=tmp_path), seed=1)

    assert [state.epoch for state in model.trainings] == [2, 2]


@pytest.mark.parametrize(
    ("data", "validation"),
    [(interactions_of([[0, 1, 2], [3, 4, 5]], ITEMS), None), (grouped(), held_out())],
    ids=["training", "validation"],
)
def test_a_checkpoint_of_other_data_is_passed_over(
    tmp_path: Path, data: Interactions, validation: HeldOut | None
):
    budget = Budget(seconds=30, checkpoint=tmp_path)
    small_transformer(epochs=2).fit(grouped(), Items(count=ITEMS), budget=budget, seed=1)
    epochs: list[float] = []

    small_transformer(epochs=2).fit(
        data,
        Items(count=ITEMS),
        budget=budget,
        seed=1,
        validation=validation,
        progress=lambda told: epochs.append(told.figures.get("epoch", 0)),
    )

    assert [epoch for epoch in epochs if epoch] == [1, 2, 1, 2]


def test_the_towers_serve_alone_what_the_recommender_scores_with(tmp_path: Path):
    model = fitted("transformer")
    assert isinstance(model, Transformer)
    model.save(tmp_path / "saved")
    tower = load_user_tower(tmp_path / "saved")
    items = np.array([[0, 3, 6]])

    user = tower.encode(
        model.vectors[items],
        np.full((1, 3), int(Kind.PURCHASE)),
        np.zeros((1, 3), dtype=np.int64),
        np.full((1, 3), np.nan, dtype=np.float32),
        np.array([3]),
    )

    assert np.allclose(user, model.encode([History.of_items([0, 3, 6])]), atol=1e-5)
    known = np.where(model.trained, np.arange(ITEMS), -1)
    vectors = load_item_tower(tmp_path / "saved").vectors(shelves(ITEMS), known=known)
    assert np.allclose(vectors, model.vectors, atol=1e-3)
