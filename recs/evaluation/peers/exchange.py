"""What goes to a peer's process and what comes back: two files of numpy arrays. Needs numpy alone.

The peer never sees a test target: it answers with lists, and the metrics are worked out where ours are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

PLACES = 10
"""Items per list: the depth of every metric of the comparison."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Item numbers of many users, oldest first: row ``i`` is ``items[offsets[i] : offsets[i + 1]]``."""

    items: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(rows: Sequence[np.ndarray]) -> Rows:
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        flat = np.concatenate(rows) if rows else np.zeros(0)
        return Rows(flat.astype(np.int64), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    def users(self) -> np.ndarray:
        """int64, one per item: the row that it stands in."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class Task:
    """``seconds`` bounds the training; ``targets`` int64: the one item that follows each validation history."""

    training: Rows
    validation: Rows
    targets: np.ndarray
    test: Rows
    item_count: int
    seconds: float
    seed: int

    def ndcg_10(self, ranked: np.ndarray) -> float:
        """NDCG@10 of the validation, of one target a row: what a peer chooses its settings on, as ours do."""
        found = ranked[:, :PLACES] == self.targets[:, None]
        return float((found / np.log2(np.arange(found.shape[1]) + 2)).sum(axis=1).mean())


@dataclass(frozen=True, slots=True)
class Answer:
    """``validation`` and ``test`` int64 [rows, PLACES], best first, -1 where a list ends early.

    ``train_seconds``: until training ended; ``best_seconds``: until what is kept had been learnt; ``setting``:
    what was chosen on validation; ``epochs`` 0 for what has none.
    """

    validation: np.ndarray
    test: np.ndarray
    train_seconds: float
    best_seconds: float
    epochs: float
    parameters: int
    setting: str
    peak_rss_mb: int


def write_task(task: Task, path: Path) -> None:
    arrays: dict[str, Any] = {
        "targets": task.targets,
        "item_count": task.item_count,
        "seconds": task.seconds,
        "seed": task.seed,
    }
    for name in ("training", "validation", "test"):
        rows: Rows = getattr(task, name)
        arrays |= {f"{name}_items": rows.items, f"{name}_offsets": rows.offsets}
    np.savez(path, **arrays)


def read_task(path: Path) -> Task:
    with np.load(path, allow_pickle=False) as file:

        def rows(name: str) -> Rows:
            return Rows(file[f"{name}_items"], file[f"{name}_offsets"])

        return Task(
            training=rows("training"),
            validation=rows("validation"),
            targets=file["targets"],
            test=rows("test"),
            item_count=int(file["item_count"]),
            seconds=float(file["seconds"]),
            seed=int(file["seed"]),
        )


def write_answer(answer: Answer, path: Path) -> None:
    """All or nothing, so that a killed peer leaves no half of an answer."""
    partial = path.with_name(f"partial-{path.name}")
    arrays: dict[str, Any] = {field.name: np.asarray(getattr(answer, field.name)) for field in fields(Answer)}
    np.savez(partial, **arrays)
    os.replace(partial, path)


def read_answer(path: Path) -> Answer:
    """Raises OSError, KeyError or ValueError for what is no answer."""
    with np.load(path, allow_pickle=False) as file:
        return Answer(
            validation=file["validation"].astype(np.int64),
            test=file["test"].astype(np.int64),
            train_seconds=float(file["train_seconds"]),
            best_seconds=float(file["best_seconds"]),
            epochs=float(file["epochs"]),
            parameters=int(file["parameters"]),
            setting=str(file["setting"]),
            peak_rss_mb=int(file["peak_rss_mb"]),
        )
