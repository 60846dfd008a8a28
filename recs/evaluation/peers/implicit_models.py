"""ALS and item-kNN of implicit, in an environment of their own: ``python -m … NAME TASK ANSWER``.

Each tries a few values of its one main setting, its default first, and keeps the best on validation.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

from recs.evaluation.memory import peak_rss_mb
from recs.evaluation.peers.exchange import PLACES, Answer, Rows, Task, read_task, write_answer

FACTORS = (100, 64, 256)
"""Of ALS; 100 is the default of implicit."""
NEIGHBOURS = (20, 100, 500)
"""Of item-kNN; 20 is the default of implicit."""


def answer(name: str, task: Task) -> Answer:
    """Settings are tried until the time is over: training and what it needs to choose count."""
    began = time.monotonic()
    training = matrix(task.training, task.item_count)
    best: tuple[float, Any, str, float] | None = None
    for setting in FACTORS if name == "implicit_als" else NEIGHBOURS:
        if best and time.monotonic() - began > task.seconds:
            break
        model = _model(name, setting, task.seed)
        model.fit(training, show_progress=False)
        ndcg = task.ndcg_10(_ranked(model, task.validation, task.item_count))
        if best is None or ndcg > best[0]:
            what = "factors" if name == "implicit_als" else "neighbours"
            best = (ndcg, model, f"{setting} {what}", time.monotonic() - began)
    assert best is not None
    seconds = time.monotonic() - began
    _, model, setting_text, best_seconds = best
    return Answer(
        validation=_ranked(model, task.validation, task.item_count),
        test=_ranked(model, task.test, task.item_count),
        train_seconds=seconds,
        best_seconds=best_seconds,
        epochs=float(model.iterations) if name == "implicit_als" else 0.0,
        parameters=_parameters(model),
        setting=setting_text,
        peak_rss_mb=peak_rss_mb(),
    )


def matrix(rows: Rows, item_count: int) -> csr_matrix:
    """float32 [rows, items]: how often each stands in each."""
    ones = np.ones(len(rows.items), dtype=np.float32)
    return csr_matrix((ones, (rows.users(), rows.items)), shape=(len(rows), item_count))


def _model(name: str, setting: int, seed: int) -> Any:
    if name == "implicit_als":
        return AlternatingLeastSquares(factors=setting, random_state=seed, use_gpu=False)
    return CosineRecommender(K=setting)


def _ranked(model: Any, histories: Rows, item_count: int) -> np.ndarray:
    """The users are folded in from their histories, so that the item before the target is known at the test."""
    seen = matrix(histories, item_count)
    folded = {"recalculate_user": True} if hasattr(model, "item_factors") else {}
    items, scores = model.recommend(
        np.arange(len(histories)), seen, N=PLACES, filter_already_liked_items=True, **folded
    )
    # Where fewer are left than asked for, implicit fills up: ALS with the lowest number that there is, item-kNN with
    # items of the history.
    filled = (items < 0) | (scores <= np.finfo(np.float32).min)
    had = np.asarray(seen[np.arange(len(items))[:, None], np.maximum(items, 0)].todense()) > 0
    return np.where(filled | had, -1, items)


def _parameters(model: Any) -> int:
    if hasattr(model, "item_factors"):
        return int(model.item_factors.size + model.user_factors.size)
    return int(model.similarity.nnz)


if __name__ == "__main__":
    chosen, asked, told = sys.argv[1:]
    write_answer(answer(chosen, read_task(Path(asked))), Path(told))
