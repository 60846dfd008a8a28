"""Items and users taken out of training altogether, to see what becomes of new ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.engine.interactions import HeldOut, History, IntArray, Interactions

CLICKS = 4
"""Quality is measured after 0 … 3 clicks of a new shopper; the next one is wanted, so they need four."""


def draw(count: int, share: float, *, seed: int) -> IntArray:
    """That share of ``0 … count - 1``, at least one of them and at most all but one, sorted.

    Raises ValueError unless 0 < share < 1, and of fewer than two.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share lies above 0 and below 1, not {share}")
    if count < 2:
        raise ValueError(
            f"a share of {count} cannot be taken out and another part left, expected at least two"
        )
    size = min(count - 1, max(1, round(count * share)))
    return np.sort(np.random.default_rng([seed, count]).choice(count, size=size, replace=False))


def interactions_without(interactions: Interactions, items: IntArray) -> Interactions:
    """Without any interaction with those items; users and items keep their numbers."""
    return interactions.kept(np.flatnonzero(~np.isin(interactions.item, items)))


def held_out_without(held_out: HeldOut, items: IntArray) -> HeldOut:
    """For choosing: no history, no target names those items. Rows left without a history or a target go."""
    histories, targets, rows = [], [], []
    for row, (history, target) in enumerate(zip(held_out.histories, held_out.targets, strict=True)):
        wanted = target[~np.isin(target, items)]
        keep = ~np.isin(history.item, items)
        if len(wanted) and keep.any():
            histories.append(history.kept(keep))
            targets.append(wanted)
            rows.append(row)
    complaints = held_out.complaints
    return HeldOut(
        histories,
        targets,
        [held_out.exclude[row] for row in rows],
        None if held_out.users is None else held_out.users[rows],
        None if held_out.kinds is None else held_out.kinds[rows],
        None if complaints is None else held_out_without(complaints, items),
    )


def targets_among(held_out: HeldOut, items: IntArray) -> np.ndarray:
    """bool [rows]: whether the first target is one of those items."""
    return np.isin(np.array([target[0] for target in held_out.targets], dtype=np.int64), items)


def first_clicks(sequences: Sequence[IntArray], clicks: int) -> HeldOut:
    """Users of whom only the first ``clicks`` items are known: which one comes next?

    The same users whatever ``clicks``: those with at least CLICKS items.
    """
    rows = [row for row in sequences if len(row) >= CLICKS]
    return HeldOut(
        [History.of_items(row[:clicks]) for row in rows],
        [row[clicks : clicks + 1] for row in rows],
        [row[:clicks] for row in rows],
    )
