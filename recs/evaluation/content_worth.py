"""What content is worth to a recommender that also learns ids: on new items, and what it costs on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from recs.engine.comparison import Interval, ratio_interval
from recs.engine.interactions import FloatArray
from recs.evaluation.judgement import interval_json
from recs.evaluation.leave_last_out import IDS_ALONE, Outcome

PLAIN = "content_based"
"""What a recommender of content alone makes of an item that nothing was learnt about."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Mean over mean of the same rows; ``times`` is None where the second is 0."""

    times: float | None
    interval: Interval


@dataclass(frozen=True, slots=True)
class ContentWorth:
    """HR@10 on cold targets over that of content alone; HR@10 and NDCG@10 on warm ones over those of ids alone.

    None for what was not run beside it.
    """

    recommender: str
    cold_hr: Ratio | None
    warm_hr: Ratio | None
    warm_ndcg: Ratio | None


def content_worth(outcomes: Sequence[Outcome], *, seed: int) -> list[ContentWorth]:
    """One for each recommender that was also run on ids alone; all outcomes are about the same rows."""
    by_name = {one.recommender: one for one in outcomes}
    plain = by_name.get(PLAIN)
    found = []
    for name, one in by_name.items():
        alone = by_name.get(name + IDS_ALONE)
        if alone is None or not one.cold_rows.any():
            continue
        cold, warm = one.cold_rows, ~one.cold_rows
        hit, rows = one.test.hit_rows, one.test.rows
        found.append(
            ContentWorth(
                name,
                None if plain is None else _ratio(hit[cold], plain.test.hit_rows[cold], seed),
                _ratio(hit[warm], alone.test.hit_rows[warm], seed) if warm.any() else None,
                _ratio(rows[warm], alone.test.rows[warm], seed) if warm.any() else None,
            )
        )
    return found


def worth_table(found: Sequence[ContentWorth]) -> Table:
    table = Table(title="what content is worth")
    table.add_column("recommender")
    for name in (f"cold HR@10 / {PLAIN}", "warm HR@10 / ids alone", "warm NDCG@10 / ids alone"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.recommender, *[_cell(part) for part in (one.cold_hr, one.warm_hr, one.warm_ndcg)])
    table.caption = "ratio of means [95 % interval]"
    return table


def worth_json(one: ContentWorth) -> dict[str, Any]:
    return {
        "recommender": one.recommender,
        "cold_hr@10_to_content_based": _ratio_json(one.cold_hr),
        "warm_hr@10_to_ids_alone": _ratio_json(one.warm_hr),
        "warm_ndcg@10_to_ids_alone": _ratio_json(one.warm_ndcg),
    }


def _ratio(above: FloatArray, below: FloatArray, seed: int) -> Ratio:
    bottom = float(below.mean())
    times = float(above.mean()) / bottom if bottom else None
    return Ratio(times, ratio_interval(above, below, seed=seed))


def _cell(found: Ratio | None) -> str:
    if found is None or found.times is None:
        return "-"
    return f"{found.times:.3f} [{found.interval.low:.3f}-{found.interval.high:.3f}]"


def _ratio_json(found: Ratio | None) -> dict[str, Any] | None:
    if found is None or found.times is None:
        return None
    # JSON knows no infinity.
    finite = np.isfinite([found.interval.low, found.interval.high]).all()
    return {"ratio": round(found.times, 4), "interval": interval_json(found.interval) if finite else None}
