"""How long the ranker learns."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recs.engine.recommenders.second_stage import learning
from recs.engine.recommenders.second_stage.learning import FEWEST_PASSES, PASSES, Lesson, OutOfTime, learn
from recs.engine.recommenders.second_stage.ranker import Ranker


def lesson(*, seed: int, length: int = 3) -> Lesson:
    """Sixteen answers to histories of one length: right is what is like the newest item."""
    rng = np.random.default_rng(seed)
    likeness = torch.from_numpy(rng.random((1, 16, 10, length), dtype=np.float32))
    return Lesson(
        likeness=likeness.half(),
        kind=torch.zeros(16, length, dtype=torch.int64),
        length=torch.full((16,), length),
        about=torch.zeros(16, 10, 2),
        first=torch.zeros(16, 10),
        candidate=torch.ones(16, 10, dtype=torch.bool),
        right=torch.eye(10)[likeness[0, :, :, 0].argmax(1)],
        head=torch.full((16,), 2),
    )


LESSONS = [lesson(seed=seed) for seed in range(20)]


def ranker() -> Ranker:
    torch.manual_seed(0)
    return Ranker(1, 2)


def mean_loss(of: Ranker) -> float:
    with torch.inference_mode():
        return float(np.mean([one.loss(of).item() for one in LESSONS]))


def test_with_time_it_makes_all_its_passes_and_learns():
    made = ranker()
    before = mean_loss(made.eval())

    assert learn(made, LESSONS, seed=0) == PASSES
    assert mean_loss(made) < before - 0.1


def test_no_more_passes_than_asked_for():
    assert learn(ranker(), LESSONS, seed=0, most=5) == 5


def test_little_time_makes_fewer_passes_and_its_end_is_kept(monkeypatch):
    # The pace is told instead of timed, so that the number does not hang on the machine.
    monkeypatch.setattr(learning, "_seconds_of_a_pass", lambda *_: 10.0)
    until = time.monotonic() + 6.5 * 10.0 / learning.PRUDENCE

    assert learn(ranker(), LESSONS, seed=0, until=until) == 6


def test_a_pass_is_timed_over_lessons_of_all_lengths(monkeypatch):
    """By a clock that a lesson moves by the length of its histories."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(learning, "time", SimpleNamespace(monotonic=lambda: clock.now))
    loss = Lesson.loss

    def timed(own: Lesson, of: Ranker) -> torch.Tensor:
        clock.now += own.likeness.shape[-1]
        return loss(own, of)

    monkeypatch.setattr(Lesson, "loss", timed)
    lengths = np.tile([1, 4, 20], 20)
    lessons = [lesson(seed=seed, length=length) for seed, length in enumerate(lengths.tolist())]

    assert learning._seconds_of_a_pass(ranker(), lessons) == pytest.approx(lengths.sum(), rel=0.2)


def test_less_time_than_for_a_few_passes_is_too_little(monkeypatch):
    monkeypatch.setattr(learning, "_seconds_of_a_pass", lambda *_: 10.0)
    until = time.monotonic() + (FEWEST_PASSES - 0.5) * 10.0

    with pytest.raises(OutOfTime):
        learn(ranker(), LESSONS, seed=0, until=until)


def test_a_pace_that_was_too_hopeful_ends_in_time(monkeypatch):
    monkeypatch.setattr(learning, "_seconds_of_a_pass", lambda *_: 1e-9)

    with pytest.raises(OutOfTime):
        learn(ranker(), LESSONS, seed=0, until=time.monotonic() + 0.01)
