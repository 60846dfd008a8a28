"""A peer that needs no library: what most users had comes first. Run as ``-m … NAME TASK ANSWER``."""

import sys
from pathlib import Path

import numpy as np

from recs.evaluation.memory import peak_rss_mb
from recs.evaluation.peers.exchange import PLACES, Answer, Rows, Task, read_task, write_answer


def lists(task: Task, histories: Rows, *, forgetful: bool) -> np.ndarray:
    """Ties go to the lower number; ``forgetful``: with what the user had already."""
    order = np.argsort(-np.bincount(task.training.items, minlength=task.item_count), kind="stable")
    ranked = np.full((len(histories), PLACES), -1)
    for row in range(len(histories)):
        shown = [item for item in order if forgetful or item not in histories[row]][:PLACES]
        ranked[row, : len(shown)] = shown
    return ranked


if __name__ == "__main__":
    name, asked, told = sys.argv[1:]
    if name == "broken":
        print("a warning", file=sys.stderr)
        raise RuntimeError("no such layer")
    if name != "silent":
        task = read_task(Path(asked))
        forgetful = name == "forgetful"
        write_answer(
            Answer(
                validation=lists(task, task.validation, forgetful=forgetful),
                test=lists(task, task.test, forgetful=forgetful),
                train_seconds=2.0,
                best_seconds=1.5,
                epochs=2.5,
                parameters=task.item_count,
                setting=f"seed {task.seed}, {task.seconds:g} s",
                peak_rss_mb=peak_rss_mb(),
            ),
            Path(told),
        )
