"""Training above the size to which every step goes over the whole catalogue."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recs.engine.checkpoint import Checkpoint
from recs.engine.cold import interactions_without
from recs.engine.interactions import History, Items
from recs.engine.recommender import Budget, Progress
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.item_tower import UNMET, item_features, item_tower_config
from recs.engine.transformer.sampled import IdRows, SampledTraining
from recs.engine.transformer.training import Training
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig
from tests.contracts.small_recommenders import GROUPS, ITEMS, grouped, shelves, small_transformer

RATE = 0.1


def rows_of(table: torch.Tensor, average: torch.Tensor) -> IdRows:
    return IdRows(table, average, learning_rate=RATE, averaging=0.9)


def sampled_transformer(epochs: int = 6) -> Transformer:
    user = UserTowerConfig(dimension=16, layers=1, heads=2, longest=10, dropout=0.1)
    training = TrainingConfig(batch=32, epochs=epochs, learning_rate=5e-3, whole_mb=0.0, negatives=8)
    return Transformer(user=user, training=training, members=1)


def test_the_average_of_a_row_that_stood_still_is_that_of_averaging_at_every_step():
    torch.manual_seed(0)
    table = torch.randn(6, 3)
    average, expected = table.clone(), table.clone()
    rows = rows_of(table, average)

    for _ in range(20):
        rows.step(torch.randperm(6)[:2], torch.randn(2, 3))
        expected = 0.9 * expected + 0.1 * table
    rows.settle()

    assert torch.allclose(average, expected, atol=1e-5)


def test_a_row_moves_at_the_rate_however_late_it_moves_first():
    table = torch.zeros(2, 1)
    rows = rows_of(table, table.clone())
    for _ in range(50):
        rows.step(torch.tensor([0]), torch.ones(1, 1))

    rows.step(torch.tensor([1]), torch.full((1, 1), 7.0))

    assert table[1].item() == pytest.approx(-RATE, rel=1e-4)


def test_rows_of_features_are_those_items():
    items = Items(count=3, attribute_ids=np.array([0, 1, 2, 3]), attribute_offsets=np.array([0, 1, 1, 4]))
    config = item_tower_config(items, dimension=4)
    features = item_features(items, np.arange(3), config)

    rows = features.rows(torch.tensor([2, 1, 0]))

    assert rows.known.tolist() == [2, 1, 0]
    assert rows.attribute_ids.tolist() == [1, 2, 3, 0]
    assert rows.attribute_offsets.tolist() == [0, 3, 3, 4]
    assert torch.equal(rows.mask, features.mask.flip(0))


def test_it_learns_from_a_sample_what_goes_together():
    model = sampled_transformer()

    model.fit(grouped(), shelves(ITEMS), budget=Budget(seconds=30), seed=1)

    best = model.recommend([History.of_items([0, 3])], 3).items[0]
    assert {int(item) % GROUPS for item in best} == {0}
    # The start alone answers that: what was learnt is that others are not wanted.
    untaught = sampled_transformer(epochs=0)
    untaught.fit(grouped(), shelves(ITEMS), budget=Budget(seconds=30), seed=1)
    own, before = (one.scores([History.of_items([0, 3])])[0] for one in (model, untaught))
    wanted = np.arange(ITEMS) % GROUPS == 0
    assert own[wanted].mean() - own[~wanted].mean() > before[wanted].mean() - before[~wanted].mean() + 0.03


@pytest.mark.parametrize("make", [small_transformer, sampled_transformer])
def test_an_item_that_nobody_met_stands_among_those_that_are_made_like_it(make):
    """Were it a candidate that is never right, training would push what it is made of away from everybody."""
    unmet = np.array([3, 7, 11])
    data = interactions_without(grouped(), unmet)
    # A word of the shelf, and another that no other item has.
    words = np.hstack([np.eye(GROUPS)[np.arange(ITEMS) % GROUPS], 2 * np.eye(ITEMS)]).astype(np.float32)
    items = Items(count=ITEMS, text=words)
    model = make()

    model.fit(data, items, budget=Budget(seconds=30), seed=1)

    tower = model.item_tower.members[0]
    assert tower.text is not None
    assert not tower.text.weight[:, GROUPS + unmet].any()
    for item in unmet.tolist():
        liked = [other for other in range(ITEMS) if other % GROUPS == item % GROUPS and other not in unmet][
            :2
        ]
        ranked = model.recommend([History.of_items(liked)], ITEMS).items[0].tolist()
        others = [ranked.index(other) for other in range(ITEMS) if other % GROUPS != item % GROUPS]
        assert ranked.index(item) < min(others)


@pytest.mark.parametrize("make", [small_transformer, sampled_transformer])
def test_an_item_whose_users_did_nothing_else_is_placed_by_content(make, monkeypatch):
    """It is no candidate either: never right, it would be pushed away at each step."""
    lone = np.array([3, 7])
    data = interactions_without(grouped(), lone)
    user = np.append(data.user, data.user_count + np.arange(len(lone)))
    rows = np.append(np.arange(len(data)), np.zeros(len(lone), dtype=np.int64))
    item = np.append(data.item, lone)
    data = replace(data.kept(rows), user=user, item=item, user_count=data.user_count + len(lone))
    met: list[np.ndarray] = []
    run = Training.run
    monkeypatch.setattr(Training, "run", lambda own, budget: met.append(own.met) or run(own, budget))
    model = make()

    model.fit(data, shelves(ITEMS), budget=Budget(seconds=30), seed=1)

    assert not np.isin(lone, np.concatenate(met)).any()
    assert np.flatnonzero(~model.trained).tolist() == lone.tolist()
    lengths = np.linalg.norm(model.vectors, axis=1)
    assert lengths[lone] == pytest.approx(UNMET, abs=1e-2)


def test_what_is_saved_within_an_epoch_is_a_settled_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Else the rows that stood still since they moved last would never be caught up."""
    monkeypatch.setattr(Checkpoint, "due", lambda own: own.folder is not None)
    behind: list[int] = []
    save = Training._save

    def watched(training: SampledTraining, *given: object) -> None:
        behind.append(int((training.rows.averaged_at != training.rows.now).sum()))
        save(training, *given)

    monkeypatch.setattr(Training, "_save", watched)

    sampled_transformer().fit(
        grouped(), Items(count=ITEMS), budget=Budget(seconds=30, checkpoint=tmp_path), seed=1
    )

    # Three batches an epoch: twice within it, and at its end.
    assert behind == [0] * 3 * 6


def test_a_killed_training_on_samples_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.figures.get("epoch") == 4:
            raise Killed

    data, items = grouped(), Items(count=ITEMS)
    budget = Budget(seconds=30, checkpoint=tmp_path)
    with pytest.raises(Killed):
        sampled_transformer().fit(data, items, budget=budget, seed=1, progress=kill)
    resumed, whole = sampled_transformer(), sampled_transformer()
    steps: list[int] = []
    step = SampledTraining._step
    monkeypatch.setattr(SampledTraining, "_step", lambda *given: steps.append(1) or step(*given))
    resumed.fit(data, items, budget=budget, seed=1)
    after_kill = len(steps)
    whole.fit(data, items, budget=Budget(seconds=30), seed=1)

    assert resumed.trainings[0].epoch == whole.trainings[0].epoch == 6
    # Two of the six epochs were left.
    assert 3 * after_kill == len(steps) - after_kill
    assert np.allclose(resumed.vectors, whole.vectors, atol=2e-3)
