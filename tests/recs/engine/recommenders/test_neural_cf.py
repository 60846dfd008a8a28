"""What the factorised branch learns against where the catalogue is large."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from recs.engine.interactions import History, Items
from recs.engine.recommender import Budget, Progress
from recs.engine.recommenders import neumf_training, neural_cf
from recs.engine.recommenders.neumf import NeuMfConfig
from recs.engine.recommenders.neumf_training import BranchTraining
from tests.contracts.small_recommenders import ITEMS, Killed, grouped, interactions_of

RNG = np.random.default_rng(0)


def fitted() -> neural_cf.NeuralCf:
    model = neural_cf.NeuralCf(NeuMfConfig(dimension=8, deep=4, hidden=(4, 2), epochs=1, dropout=0.0))
    model.fit(grouped(), Items(count=ITEMS), budget=Budget(30), seed=1)
    return model


def test_a_sample_of_the_whole_catalogue_is_the_whole_catalogue(monkeypatch: pytest.MonkeyPatch):
    model = fitted()
    wishes, target = torch.tensor([[0, 3], [7, ITEMS]]), torch.tensor([6, 1])
    whole = model._learn_factors(wishes, target, RNG)

    monkeypatch.setattr(neural_cf, "SAMPLED", 5)
    losses = [model._learn_factors(wishes, target, RNG) for _ in range(3)]

    assert losses == pytest.approx([whole] * 3, rel=2e-3)


def test_a_sample_has_each_item_once_and_those_drawn_count_for_all_others(monkeypatch: pytest.MonkeyPatch):
    model = fitted()
    monkeypatch.setattr(neural_cf, "SAMPLED", 5)
    monkeypatch.setattr(neural_cf, "NEGATIVES", 6)
    corrections: list[list[float]] = []

    def learnt(*args: object, log_q: torch.Tensor, **named: object) -> float:
        corrections.append(log_q.tolist())
        return 0.0

    monkeypatch.setattr(neural_cf, "softmax_backward", learnt)
    for _ in range(30):
        model._learn_factors(torch.tensor([[0]]), torch.tensor([6]), RNG)

    # The target for certain, and of six drawn all but, perhaps, that one.
    assert {len(log_q) for log_q in corrections} == {6, 7}
    for log_q in corrections:
        assert log_q == pytest.approx([0.0] + [np.log(6 / ITEMS)] * (len(log_q) - 1))


def test_trained_against_a_sample_it_still_finds_the_group(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neural_cf, "SAMPLED", 5)
    monkeypatch.setattr(neural_cf, "NEGATIVES", 6)

    found = fitted().recommend([History.of_items([0, 3])], 3, exclude=[np.array([0, 3])])

    assert {int(item) % 3 for item in found.items[0]} == {0}


def test_what_shares_a_moment_has_another_order_in_every_epoch(monkeypatch: pytest.MonkeyPatch):
    data = interactions_of([[0, 1]] * 60, ITEMS)
    data.time[:] = 1_700_000_000
    learnt: list[np.ndarray] = []
    examples = neumf_training.Examples
    monkeypatch.setattr(
        neumf_training, "Examples", lambda told, config: learnt.append(told.item) or examples(told, config)
    )

    neural_cf.NeuralCf(NeuMfConfig(dimension=8, deep=4, hidden=(4, 2), epochs=2)).fit(
        data, Items(count=ITEMS), budget=Budget(30), seed=1
    )

    first, second, *_ = learnt
    assert first[1::2].tolist() != second[1::2].tolist()
    assert 15 < first[1::2].sum() < 45


def test_a_killed_training_goes_on_within_the_branch_it_had_come_to(tmp_path: Path, monkeypatch):
    def kill(step: Progress) -> None:
        if (step.stage, step.figures["epoch"]) == ("deep", 2):
            raise Killed

    made = NeuMfConfig(dimension=8, deep=4, hidden=(4, 2), epochs=3)
    budget = Budget(30, checkpoint=tmp_path)
    with pytest.raises(Killed):
        neural_cf.NeuralCf(made).fit(grouped(), Items(count=ITEMS), budget=budget, seed=1, progress=kill)
    told: list[tuple[str, float]] = []
    epochs: list[int] = []
    learnt = BranchTraining._epoch
    monkeypatch.setattr(BranchTraining, "_epoch", lambda *given: epochs.append(1) or learnt(*given))

    neural_cf.NeuralCf(made).fit(
        grouped(),
        Items(count=ITEMS),
        budget=budget,
        seed=1,
        progress=lambda step: told.append((step.stage, step.figures["epoch"])),
    )

    assert told == [(stage, epoch) for stage in ("factorised", "deep") for epoch in (1, 2, 3)]
    assert len(epochs) == 1


def test_a_checkpoint_of_other_data_is_passed_over(tmp_path: Path):
    made = NeuMfConfig(dimension=8, deep=4, hidden=(4, 2), epochs=1)
    budget = Budget(30, checkpoint=tmp_path)
    neural_cf.NeuralCf(made).fit(grouped(), Items(count=ITEMS), budget=budget, seed=1)
    other = interactions_of([[0, 1, 2], [3, 4, 5]], ITEMS)
    told: list[str] = []

    neural_cf.NeuralCf(made).fit(
        other, Items(count=ITEMS), budget=budget, seed=1, progress=lambda step: told.append(step.stage)
    )

    assert told == ["factorised", "deep"]


def test_a_branch_that_time_ended_is_the_one_that_the_next_had_begun_upon(tmp_path: Path, monkeypatch):
    """As long as no more time is given; where there is more, it learns on."""
    made = NeuMfConfig(dimension=8, deep=4, hidden=(4, 2), epochs=30)
    clock = itertools.count(0.0, 0.5)
    monkeypatch.setattr(neumf_training.time, "monotonic", lambda: next(clock))

    def epochs(seconds: float) -> list[str]:
        told: list[str] = []
        neural_cf.NeuralCf(made).fit(
            grouped(),
            Items(count=ITEMS),
            budget=Budget(seconds, checkpoint=tmp_path),
            seed=1,
            progress=lambda step: told.append(step.stage),
        )
        return told

    first, again, longer = epochs(20.0), epochs(20.0), epochs(200.0)

    assert 0 < first.count("factorised") < 30
    assert again[: len(first)] == first
    assert again.count("factorised") == first.count("factorised")
    assert longer.count("factorised") > first.count("factorised")
