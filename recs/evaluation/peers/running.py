"""Runs a peer in its own interpreter and judges its lists as ours are judged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np

from recs.engine.breakdown import by_length, by_popularity, part
from recs.engine.evaluation import quality
from recs.engine.interactions import IntArray
from recs.engine.metrics import gini, novelty
from recs.evaluation.fitting import Lesson
from recs.evaluation.leave_last_out import JUDGED_ROWS, Outcome, Protocol, interaction_counts
from recs.evaluation.peers.environments import last_line
from recs.evaluation.peers.exchange import PLACES, Answer, Rows, Task, read_answer, write_task
from recs.evaluation.peers.family import Peer

ROOT = Path(__file__).resolve().parents[3]
"""Where the peer's module is found."""
GRACE_SECONDS = 1_800
"""Beyond its training: imports, recommending, and a last step that no bound interrupts. Then it is ended."""


class PeerError(Exception):
    """The peer gave no answer that can be judged; the message says why in one line."""


def task_of(asked: Protocol, *, seconds: float, seed: int) -> Task:
    """What the peer may know: no test target, and the validation's for its own choices."""
    lesson = asked.lesson
    training, order = lesson.training, np.argsort(lesson.training.user, kind="stable")
    ends = np.cumsum(np.bincount(training.user, minlength=training.user_count))
    return Task(
        training=Rows(training.item[order], np.concatenate([[0], ends]).astype(np.int64)),
        validation=Rows.of([history.item for history in lesson.validation.histories]),
        targets=np.array([target[0] for target in lesson.validation.targets], dtype=np.int64),
        test=Rows.of([history.item for history in asked.test.histories]),
        item_count=lesson.items.count,
        seconds=seconds,
        seed=seed,
    )


def run_peer(peer: Peer, python: Path, task: Task, folder: Path) -> Answer:
    """The two files stand in ``folder``. Raises PeerError; an interrupted run ends the peer, too."""
    asked, told = folder / f"{peer.name}-task.npz", folder / f"{peer.name}-answer.npz"
    write_task(task, asked)
    command = [str(python), "-m", peer.module, peer.name, str(asked), str(told)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=task.seconds + GRACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PeerError(f"still running {GRACE_SECONDS // 60} minutes after its time: ended") from None
    if done.returncode:
        raise PeerError(last_line(done.stderr) or f"the process ended with code {done.returncode}")
    try:
        answer = read_answer(told)
    except (OSError, KeyError, ValueError) as failure:
        raise PeerError(f"its answer cannot be read: {failure}") from failure
    _check(answer.validation, task.validation, "validation", task.item_count)
    _check(answer.test, task.test, "test", task.item_count)
    return answer


def outcome_of(peer: Peer, answer: Answer, asked: Protocol, *, seed: int) -> Outcome:
    """With the metrics that judge ours; below place ten it says nothing, so its MRR is that of ten places."""
    lesson, count = asked.lesson, asked.lesson.items.count
    test = quality(answer.test, asked.test.targets, item_count=count)
    counts = interaction_counts(lesson.training)
    lengths = by_length(asked.test.histories)
    popular = by_popularity(asked.test.targets, counts)
    return Outcome(
        recommender=peer.name,
        test=test,
        validation_ndcg_10=validation_ndcg(answer, lesson, most=JUDGED_ROWS, seed=seed),
        novelty_10=novelty(test.shown, counts, PLACES),
        gini_10=gini(test.shown, count, PLACES),
        by_length={name: part(test, rows, seed=seed) for name, rows in lengths.items()},
        by_popularity={name: part(test, rows, seed=seed) for name, rows in popular.items()},
        train_seconds=answer.train_seconds,
        peak_rss_mb=answer.peak_rss_mb,
        parameters=answer.parameters,
    )


def validation_ndcg(answer: Answer, lesson: Lesson, *, most: int, seed: int) -> float:
    """NDCG@10 of the validation, or of the ``most`` rows of it that ours would be asked for, too."""
    asked = lesson.validation.sample(most, seed=seed)
    if not len(asked):
        return 0.0
    lists = answer.validation if asked is lesson.validation else answer.validation[asked.users]
    return quality(lists, asked.targets, item_count=lesson.items.count).ndcg_10


def _check(ranked: IntArray, histories: Rows, name: str, item_count: int) -> None:
    """The protocol binds everybody: ten places, known items, none twice, none of the history. Raises PeerError."""
    if ranked.shape != (len(histories), PLACES):
        raise PeerError(f"its {name} lists have shape {ranked.shape}, not {(len(histories), PLACES)}")
    if ranked.size and (ranked.min() < -1 or ranked.max() >= item_count):
        raise PeerError(f"its {name} lists name items outside the catalogue")
    for row, items in enumerate(ranked):
        shown = items[items >= 0]
        if len(np.unique(shown)) < len(shown):
            raise PeerError(f"its {name} list {row} names an item twice")
        if np.isin(shown, histories[row]).any():
            raise PeerError(f"its {name} list {row} names an item of the history")
