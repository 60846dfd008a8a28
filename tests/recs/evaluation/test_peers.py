"""Peers in real processes of their own on a data set done on paper; no library and no network is needed."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from recs.engine.learning_curve import CurvePoint
from recs.engine.sequences import read_sequences
from recs.evaluation.leave_last_out import Holdout, LeaveLastOutJob, Protocol, protocol
from recs.evaluation.peers import environments
from recs.evaluation.peers.environments import PeerEnvironmentError, interpreter, last_line
from recs.evaluation.peers.exchange import Answer, read_task, write_task
from recs.evaluation.peers.family import PEERS, Peer
from recs.evaluation.peers.report import of_ten_places, race
from recs.evaluation.peers.running import PeerError, outcome_of, run_peer, task_of, validation_ndcg

# In training 50 counts four, 60 three, 10, 20 and 40 two, 70 one, 30 none.
LINES = "1 10 20 30 40\n2 40 20 10 30\n3 40 10 20 30\n4 50 60\n5 50 60\n6 50 70\n7 60 50\n"


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    path = tmp_path / "Tiny.txt"
    path.write_text(LINES)
    return path


@pytest.fixture
def asked(sequences: Path) -> Protocol:
    return protocol(read_sequences(sequences), Holdout(), seed=0)


def peer(name: str) -> Peer:
    return Peer(name, "none", "tests.recs.evaluation.popular_peer")


def run(name: str, asked: Protocol, folder: Path) -> Answer:
    return run_peer(peer(name), Path(sys.executable), task_of(asked, seconds=3.0, seed=5), folder)


def test_a_task_tells_everything_but_the_test_targets(asked: Protocol, tmp_path: Path):
    write_task(task_of(asked, seconds=3.0, seed=5), tmp_path / "task.npz")
    task = read_task(tmp_path / "task.npz")

    ten, twenty, thirty = task.test[0].tolist()
    forty = int(task.test[1][0])
    fifty, sixty, seventy = (*task.training[3].tolist(), int(task.training[5][1]))
    rows = [task.training[row].tolist() for row in range(len(task.training))]
    assert rows[:3] == [[ten, twenty], [forty, twenty], [forty, ten]]
    assert rows[3:] == [[fifty, sixty], [fifty, sixty], [fifty, seventy], [sixty, fifty]]
    assert [task.validation[row].tolist() for row in range(3)] == rows[:3]
    assert task.targets.tolist() == [thirty, ten, twenty]
    assert [task.test[row].tolist() for row in range(1, 3)] == [[forty, twenty, ten], [forty, ten, twenty]]
    assert (task.item_count, task.seconds, task.seed) == (7, 3.0, 5)
    lists = np.array([[thirty, ten], [twenty, fifty], [ten, twenty]])
    assert task.ndcg_10(lists) == pytest.approx((1 + 0 + 1 / math.log2(3)) / 3)


def test_a_peer_in_its_own_process_is_judged_by_our_metrics(asked: Protocol, tmp_path: Path):
    answer = run("popular", asked, tmp_path)
    outcome = outcome_of(peer("popular"), answer, asked, seed=0)

    # As worked out for our own popularity in test_leave_last_out.py.
    rows = [1 / math.log2(4), 1 / math.log2(5), 1 / math.log2(5)]
    assert outcome.test.rows.tolist() == pytest.approx(rows, abs=1e-6)
    assert outcome.validation_ndcg_10 == pytest.approx((1 / math.log2(6) + 2 / math.log2(4)) / 3, abs=1e-6)
    assert (outcome.train_seconds, outcome.parameters) == (2.0, 7)
    assert outcome.peak_rss_mb > 0
    assert answer.setting == "seed 5, 3 s"


def test_a_peer_is_validated_on_the_rows_that_ours_are_asked_for(asked: Protocol, tmp_path: Path):
    answer = run("popular", asked, tmp_path)
    rows = [validation_ndcg(answer, asked.lesson, most=1, seed=seed) for seed in range(6)]

    drawn = [asked.lesson.validation.sample(1, seed=seed).users.item() for seed in range(6)]
    worked_out = [1 / math.log2(6), 1 / math.log2(4), 1 / math.log2(4)]
    assert len(set(drawn)) > 1
    assert rows == pytest.approx([worked_out[row] for row in drawn], abs=1e-6)


def test_ours_and_a_peer_with_the_same_lists_get_the_same_figures(
    asked: Protocol, sequences: Path, tmp_path: Path
):
    theirs = outcome_of(peer("popular"), run("popular", asked, tmp_path), asked, seed=0)
    job = LeaveLastOutJob(sequences, None, "popularity", seconds=10, seed=0)

    ours = of_ten_places(job.run(lambda step: None), asked)

    assert ours.test.figures() == theirs.test.figures()
    assert ours.validation_ndcg_10 == theirs.validation_ndcg_10
    assert ours.by_popularity == theirs.by_popularity
    assert (ours.novelty_10, ours.gini_10) == (theirs.novelty_10, theirs.gini_10)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "RuntimeError: no such layer"),
        ("silent", "its answer cannot be read"),
        ("forgetful", "its validation list 0 names an item of the history"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_line(name: str, said: str, asked: Protocol, tmp_path: Path):
    with pytest.raises(PeerError, match=said) as refused:
        run(name, asked, tmp_path)

    assert "\n" not in str(refused.value)


def test_the_race_is_for_the_quality_that_the_peer_ended_with(asked: Protocol, tmp_path: Path):
    answer = run("popular", asked, tmp_path)
    final = (1 / math.log2(6) + 2 / math.log2(4)) / 3
    curve = [
        CurvePoint(seconds, "training", {"ndcg@10": ndcg})
        for seconds, ndcg in [(0.1, 0.2), (0.3, final + 1e-6), (0.9, 0.8)]
    ]

    reached = race("popular", answer, asked.lesson, curve, seed=0)
    never = race("popular", answer, asked.lesson, curve[:1], seed=0)

    assert reached.validation_ndcg_10 == pytest.approx(final, abs=1e-6)
    assert (reached.peer_seconds, never.our_seconds, never.ratio) == (1.5, None, None)
    assert (reached.our_seconds, reached.ratio) == pytest.approx((0.3, 0.2))
    assert "did not reach it" in str(never)


def test_requirements_name_torch_exactly_and_every_peer_has_some():
    for one in PEERS.values():
        lines = [line for line in one.requirements.read_text().splitlines() if not line.startswith("#")]
        assert all("==" in line for line in lines)
    assert "torch==2.13.0" in PEERS["rectools_sasrec"].requirements.read_text().splitlines()


def test_an_environment_is_made_once_and_again_for_other_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[list[str]] = []
    monkeypatch.setattr(environments, "_run", lambda command: pretend(command, made))
    needs, home = tmp_path / "needs.txt", tmp_path / "home"
    needs.write_text("thing==1\n")
    (home / "library-of-yesterday.partial").mkdir(parents=True)

    first = interpreter("library", needs, home)
    again = interpreter("library", needs, home)
    needs.write_text("thing==2\n")
    other = interpreter("library", needs, home)

    assert first == again != other
    assert len(made) == 4
    assert sorted(path.name for path in home.iterdir()) == sorted([other.parents[1].name, "library.lock"])


@pytest.mark.parametrize("failure", [PeerEnvironmentError("no such package"), KeyboardInterrupt()])
def test_an_environment_that_is_not_finished_leaves_nothing(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[list[str]] = []

    def stop_at_pip(command: list[str]) -> None:
        pretend(command, made)
        if "pip" in command:
            raise failure

    monkeypatch.setattr(environments, "_run", stop_at_pip)
    needs = tmp_path / "needs.txt"
    needs.write_text("thing==1\n")

    with pytest.raises(type(failure)):
        interpreter("library", needs, tmp_path / "home")

    assert [path.name for path in (tmp_path / "home").iterdir()] == ["library.lock"]


@pytest.mark.slow
def test_a_real_environment_runs_and_what_pip_cannot_install_is_one_line(tmp_path: Path):
    needs = tmp_path / "needs.txt"
    needs.write_text("# nothing\n")

    python = interpreter("library", needs, tmp_path / "home")

    assert environments.subprocess.run([python, "-c", ""], check=True).returncode == 0
    needs.write_text(f"{tmp_path}/missing-1-py3-none-any.whl\n")
    with pytest.raises(PeerEnvironmentError, match=r"^ERROR: .*missing-1"):
        interpreter("library", needs, tmp_path / "home")


def test_pips_own_error_is_the_last_line_that_counts():
    assert (
        last_line("ERROR: no matching distribution\n[notice] a new pip\n\n")
        == "ERROR: no matching distribution"
    )
    assert last_line("one\ntwo\n\n") == "two"
    assert last_line("") == ""


def pretend(command: list[str], made: list[list[str]]) -> None:
    """What venv leaves, without what it costs."""
    made.append(command)
    if "venv" in command:
        python = Path(command[-1]) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("")
