"""SASRec, eSASRec and EASE of RecTools, in an environment of their own: ``python -m … NAME TASK ANSWER``.

SASRec has the defaults of RecTools but for the number of epochs, which the time bounds. eSASRec is the recipe of
Tikhonovich et al. 2025 (arXiv 2508.06450): LiGR layers and a softmax over 256 sampled negatives; its sizes are
those that the authors' benchmark lists for all three Amazon data sets (1 block of 1 head, 64 factors, 50 items).
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset, IdMap, Interactions
from rectools.models import EASEModel, SASRecModel
from rectools.models.nn.transformers.ligr import LiGRLayers

from recs.evaluation.memory import peak_rss_mb
from recs.evaluation.peers.exchange import PLACES, Answer, Rows, Task, read_task, write_answer

PATIENCE = 10
"""Epochs without a better validation before the end: the smaller of the two that the authors of eSASRec use."""
REGULARIZATION = (500.0, 100.0, 50.0, 20.0)
"""Of EASE; 500 is the default of RecTools."""
ESASREC = {
    "transformer_layers_type": LiGRLayers,
    "transformer_layers_kwargs": {"ff_factors_multiplier": 4},
    "loss": "sampled_softmax",
    "n_negatives": 256,
    "n_factors": 64,
    "n_blocks": 1,
    "n_heads": 1,
    "dropout_rate": 0.2,
    "session_max_len": 50,
    "lr": 0.001,
    "use_key_padding_mask": True,
}


class Deadline(Callback):
    """Ends the fit after the batch at which the time is over, and counts the batches."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.batches = 0

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.batches += 1
        if time.monotonic() >= self.end:
            trainer.should_stop = True


def transformer(name: str, task: Task) -> Answer:
    """Trained epoch by epoch, the weights of the best validation kept: the last epoch may be a part of one."""
    began = time.monotonic()
    seed_everything(task.seed)

    def trainer() -> Trainer:
        return Trainer(
            accelerator="cpu",
            devices=1,
            min_epochs=0,
            max_epochs=1,
            callbacks=[Deadline(began + task.seconds)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    settings: dict[str, Any] = ESASREC if name == "rectools_esasrec" else {}
    model = SASRecModel(**settings, get_trainer_func=trainer)
    known = np.unique(task.training.items)
    training = dataset(task.training, known)
    best, best_epoch, best_seconds, weights = -1.0, 0, 0.0, {}
    for epoch in range(1, sys.maxsize):
        model.fit_partial(training, min_epochs=0, max_epochs=1)
        seconds = time.monotonic() - began
        ndcg = task.ndcg_10(ranked(model, task.validation, known))
        network = model.lightning_model.torch_model
        if ndcg > best:
            best, best_epoch, best_seconds = ndcg, epoch, seconds
            weights = {key: value.clone() for key, value in network.state_dict().items()}
        if time.monotonic() >= began + task.seconds or epoch - best_epoch >= PATIENCE:
            break
    network.load_state_dict(weights)
    deadline = next(one for one in model.fit_trainer.callbacks if isinstance(one, Deadline))
    sequences = int((np.diff(task.training.offsets) >= model.train_min_user_interactions).sum())
    return Answer(
        validation=ranked(model, task.validation, known),
        test=ranked(model, task.test, known),
        train_seconds=seconds,
        best_seconds=best_seconds,
        epochs=deadline.batches / max(1, -(-sequences // model.batch_size)),
        parameters=sum(weight.numel() for weight in network.parameters()),
        setting=f"epoch {best_epoch} is the best",
        peak_rss_mb=peak_rss_mb(),
    )


def ease(task: Task) -> Answer:
    """Its one setting is chosen on validation, the default first."""
    began = time.monotonic()
    known = np.unique(task.training.items)
    training = dataset(task.training, known)
    best, best_seconds, kept, setting = -1.0, 0.0, None, 0.0
    for regularization in REGULARIZATION:
        if kept is not None and time.monotonic() - began > task.seconds:
            break
        model = EASEModel(regularization=regularization, recommend_use_gpu_ranking=False)
        model.fit(training)
        ndcg = task.ndcg_10(ranked(model, task.validation, known))
        if ndcg > best:
            best, best_seconds = ndcg, time.monotonic() - began
            kept, setting = model, regularization
    assert kept is not None
    seconds = time.monotonic() - began
    return Answer(
        validation=ranked(kept, task.validation, known),
        test=ranked(kept, task.test, known),
        train_seconds=seconds,
        best_seconds=best_seconds,
        epochs=0.0,
        parameters=int(kept.weight.size),
        setting=f"regularization {setting:g}",
        peak_rss_mb=peak_rss_mb(),
    )


def dataset(rows: Rows, known: np.ndarray) -> Dataset:
    """Row numbers are the users; items that training does not know are left out. A day apart: the order is kept."""
    place = np.arange(len(rows.items)) - np.repeat(rows.offsets[:-1], np.diff(rows.offsets))
    table = pd.DataFrame(
        {
            Columns.User: rows.users(),
            Columns.Item: rows.items,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2000-01-01") + pd.to_timedelta(place, unit="D"),
        }
    )
    users, items = IdMap.from_values(np.arange(len(rows))), IdMap.from_values(known)
    table = table[table[Columns.Item].isin(known)]
    return Dataset(users, items, Interactions.from_raw(table, users, items))


def ranked(model: Any, histories: Rows, known: np.ndarray) -> np.ndarray:
    """int64 [rows, PLACES]; -1 for a history of which the model knows no item."""
    count = len(histories)
    # The matrix of a data set ends at the highest item in it, and EASE wants as many columns as it was trained
    # with: one more row, about which nobody asks, holds the last item.
    items = np.append(histories.items, known[-1])
    rows = Rows(items, np.append(histories.offsets, len(items)))
    found = model.recommend(
        users=np.arange(count),
        dataset=dataset(rows, known),
        k=PLACES,
        filter_viewed=True,
        on_unsupported_targets="ignore",
    )
    lists = np.full((count, PLACES), -1, dtype=np.int64)
    lists[found[Columns.User].to_numpy(), found[Columns.Rank].to_numpy() - 1] = found[Columns.Item]
    return lists


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    chosen, asked, told = sys.argv[1:]
    lesson = read_task(Path(asked))
    answered = ease(lesson) if chosen == "rectools_ease" else transformer(chosen, lesson)
    write_answer(answered, Path(told))
