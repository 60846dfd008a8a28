"""The whole protocol on a data set done on paper."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from recs.engine import cold
from recs.engine.interactions import Items
from recs.engine.recommender import Progress
from recs.engine.recommenders import transformer
from recs.engine.sequences import SequenceData
from recs.engine.transformer.training_state import TrainingConfig
from recs.evaluation.leave_last_out import Holdout, LeaveLastOutJob, protocol

# Training, without the last two of users 1 to 3: 50 counts four, 60 three, 10, 20 and 40 two, 70 one, 30 none:
# fourteen interactions. Nobody is offered two that count alike, so nothing hangs on the items' numbers.
LINES = "1 10 20 30 40\n2 40 20 10 30\n3 40 10 20 30\n4 50 60\n5 50 60\n6 50 70\n7 60 50\n"


NOTHING = Holdout()


def run(tmp_path: Path, *, lines: str = LINES, holdout: Holdout = NOTHING, name: str = "popularity"):
    path = tmp_path / "Tiny.txt"
    path.write_text(lines)
    return LeaveLastOutJob(path, None, name, seconds=10, seed=0, holdout=holdout).run(lambda step: None)


def test_test_rows_are_ranked_among_all_items_without_the_history(tmp_path: Path):
    outcome = run(tmp_path)

    # User 1 had 10, 20, 30 and is offered 50, 60, 40, 70: the target 40 is third. Users 2 and 3 had 10, 20, 40 and
    # are offered 50, 60, 70, 30: the target 30 is fourth.
    rows = [1 / math.log2(4), 1 / math.log2(5), 1 / math.log2(5)]
    assert outcome.test.rows.tolist() == pytest.approx(rows, abs=1e-6)
    assert outcome.test.hit_rows.tolist() == [1.0, 1.0, 1.0]
    # Validation: user 1 had 10, 20 and is offered 50, 60, 40, 70, 30: the target 30 is fifth. User 2 had 40, 20 and
    # is offered 50, 60, 10: third. User 3 had 40, 10 and is offered 50, 60, 20: third.
    assert outcome.validation_ndcg_10 == pytest.approx((1 / math.log2(6) + 2 / math.log2(4)) / 3, abs=1e-6)


def test_the_parts_and_the_lists_are_judged_on_the_same_rows(tmp_path: Path):
    outcome = run(tmp_path)

    assert {name: part.rows for name, part in outcome.by_length.items()} == {"2-4": 3}
    # 7 of 14 lie above the items that count two, so they are the middle; above 30 lie all.
    assert {name: part.rows for name, part in outcome.by_popularity.items()} == {
        "head": 0,
        "middle": 1,
        "tail": 2,
    }
    assert outcome.by_popularity["middle"].ndcg_10 == pytest.approx(1 / math.log2(4), abs=1e-6)
    # Shown: 50, 60 and 70 three times each, 30 twice, 40 once. With one added to fourteen and seven: 21.
    often = {5: 3, 4: 3, 2: 3, 1: 2, 3: 1}
    bits = [math.log2(21 / count) for count, times in often.items() for _ in range(times)]
    assert outcome.novelty_10 == pytest.approx(sum(bits) / 12, abs=1e-5)
    # Sorted 0, 0, 1, 2, 3, 3, 3 times: (-2 · 1 + 0 · 2 + 2 · 3 + 4 · 3 + 6 · 3) / (7 · 12).
    assert outcome.gini_10 == pytest.approx(34 / 84)


def long_enough(users: int = 40, items: int = 30) -> SequenceData:
    rng = np.random.default_rng(0)
    sequences = [rng.permutation(items)[: 3 + user % 5] for user in range(users)]
    return SequenceData("made", sequences, Items(count=items))


def test_a_cold_item_is_nowhere_in_training_and_validation_but_in_the_test():
    asked = protocol(long_enough(), Holdout(cold_items=0.2), seed=3)

    assert len(asked.cold) == 6
    assert not np.isin(asked.lesson.training.item, asked.cold).any()
    for rows in (asked.lesson.validation.targets, [row.item for row in asked.lesson.validation.histories]):
        assert not np.isin(np.concatenate(rows), asked.cold).any()
    assert cold.targets_among(asked.test, asked.cold).any()
    # The catalogue and the questions are the same as without.
    whole = protocol(long_enough(), Holdout(), seed=3)
    assert asked.lesson.items.count == asked.lesson.training.item_count == 30
    assert len(asked.test) == len(whole.test) == 40
    assert len(whole.lesson.training) > len(asked.lesson.training)


def test_a_new_user_is_in_no_part_of_the_others_protocol():
    data = long_enough()

    asked = protocol(data, Holdout(new_users=0.25), seed=3)

    assert len(asked.newcomers) == 10
    assert len(asked.test) == 30
    assert asked.lesson.training.user_count == 30
    mine = {tuple(row.tolist()) for row in asked.newcomers}
    theirs = {
        (*history.item.tolist(), int(target[0]))
        for history, target in zip(asked.test.histories, asked.test.targets, strict=True)
    }
    assert not mine & theirs
    assert len(mine | theirs) == 40


def test_cold_and_warm_targets_and_first_clicks_are_told_apart(tmp_path: Path):
    lines = "".join(
        f"{user} {' '.join(str((user * 7 + step * 3) % 23) for step in range(5))}\n" for user in range(40)
    )

    outcome = run(tmp_path, lines=lines, holdout=Holdout(cold_items=0.2, new_users=0.2))

    assert outcome.cold["cold"].rows + outcome.cold["warm"].rows == 32
    # All items stand in the first ten of nobody: what nobody bought comes last.
    assert outcome.cold["cold"].hr_10 == 0.0
    assert outcome.cold["warm"].hr_10 > 0.0
    # Of five cold items all stand in the first ten, but those of the history.
    assert outcome.cold["cold, among cold"].rows == outcome.cold["cold"].rows
    assert outcome.cold["cold, among cold"].hr_10 == 1.0
    assert {name: part.rows for name, part in outcome.clicks.items()} == dict.fromkeys("0123", 8)


def test_what_learns_shows_its_curve(tmp_path: Path):
    outcome = run(tmp_path, name="item_knn")

    assert len(outcome.curve) == 9
    assert [point.figures["ndcg@10"] for point in outcome.curve] == sorted(
        point.figures["ndcg@10"] for point in outcome.curve
    )
    # The best so far, which in the end is what is kept; all rows of so little a validation judge both.
    assert outcome.curve[-1].figures["ndcg@10"] == pytest.approx(outcome.validation_ndcg_10)


def test_a_job_with_a_folder_leaves_its_checkpoints_there_and_goes_on_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Its epochs end it: were it seconds, a start that took less of them the second time would leave another epoch.
    monkeypatch.setattr(transformer, "TrainingConfig", partial(TrainingConfig, epochs=5))
    path, folder = tmp_path / "Tiny.txt", tmp_path / "kept"
    path.write_text(
        "".join(f"{user} {' '.join(str((user + step) % 9) for step in range(6))}\n" for user in range(30))
    )
    job = LeaveLastOutJob(path, None, "transformer", seconds=60.0, seed=0, checkpoints=folder)
    # Loading a process's first optimiser takes seconds, which are told of the first epoch.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    steps: list[Progress] = []
    first = job.run(lambda step: None)
    again = job.run(steps.append)

    assert (folder / "transformer" / "member-0" / "checkpoint.pt").exists()
    # No epoch is left to learn.
    assert any(step.figures.get("restored") for step in steps)
    assert len([point for point in first.curve if "epoch" in point.figures]) == 5
    assert [point.figures for point in again.curve] == [point.figures for point in first.curve]
    # Told again at once, with the seconds that they had taken.
    took, told = (one.curve[-1].seconds - one.curve[0].seconds for one in (first, again))
    assert again.train_seconds >= again.curve[-1].seconds
    assert told > took / 10
    assert again.test.rows.tolist() == first.test.rows.tolist()
    # Of 30 users no second stage can be told from chance.
    assert first.made_of["second_stage"]["kept"] is False
