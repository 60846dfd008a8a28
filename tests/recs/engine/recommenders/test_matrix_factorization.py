"""What is chosen stays chosen where there is no time to choose anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from recs.engine.interactions import HeldOut, History, Interactions, Items
from recs.engine.recommender import Budget
from recs.engine.recommenders import matrix_factorization
from recs.engine.recommenders.matrix_factorization import DECAYS, MatrixFactorization


def test_the_decay_chosen_first_is_kept_where_wider_factors_took_the_time(monkeypatch: pytest.MonkeyPatch):
    offered: list[list[Any]] = []

    def choose(candidates: Iterable[Any], *args: object, stage: str, **options: object) -> Any:
        """The last of the first decays; of those afterwards the first, as after the time."""
        every: Iterator[Any] = iter(candidates)
        tried = list(every) if stage == "recency" and not any(offered) else [next(every)]
        offered.append(tried if stage == "recency" else [])
        return tried[-1]

    monkeypatch.setattr(matrix_factorization, "choose", choose)
    rows = np.arange(40)
    data = Interactions(
        rows // 4, rows % 7, np.full(40, 5), rows, np.full(40, np.nan, dtype=np.float32), 10, 7
    )
    validation = HeldOut([History.of_items([1, 2])], [np.array([3])], [np.array([1, 2])])
    model = MatrixFactorization()

    model.fit(data, Items(count=7), budget=Budget(5.0), seed=0, validation=validation)

    first, second = [tried for tried in offered if tried]
    assert sorted(first) == sorted(DECAYS)
    assert model.decay == second[0] == first[-1]
