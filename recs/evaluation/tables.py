"""Outcomes as tables that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from recs.engine.breakdown import Part
from recs.engine.comparison import Interval, Paired
from recs.engine.sequences import SequenceData
from recs.evaluation.judgement import Judged, baseline_of
from recs.evaluation.leave_last_out import Outcome

METRICS = ("hr@5", "hr@10", "ndcg@5", "ndcg@10", "mrr", "coverage@10")


def leave_last_out_tables(data: SequenceData, judged: Sequence[Judged]) -> list[Table]:
    """Means and costs first, then how sure they are, then where they come from."""
    tables = [_means(data, judged), _certainty(judged)]
    parts = {
        "by length of history": {one.outcome.recommender: one.outcome.by_length for one in judged},
        "by popularity of the target (a third of all interactions each)": {
            one.outcome.recommender: one.outcome.by_popularity for one in judged
        },
        "new shoppers after so many clicks": {one.outcome.recommender: one.outcome.clicks for one in judged},
        "items that were taken out of training, and the others": {
            one.outcome.recommender: one.outcome.cold for one in judged
        },
    }
    tables += [parts_table(title, rows) for title, rows in parts.items() if any(rows.values())]
    return tables + made_of_tables([one.outcome for one in judged])


def parts_table(title: str, rows: Mapping[str, Mapping[str, Part]]) -> Table:
    """One column per part: NDCG@10 with its interval, then HR@10."""
    first = next(iter(rows.values()))
    table = Table(title=title)
    table.add_column("recommender")
    for name, some in first.items():
        table.add_column(f"{name} ({some.rows:,})", justify="right")
    for recommender, parts in rows.items():
        table.add_row(recommender, *[_part(some) for some in parts.values()])
    table.caption = "NDCG@10 [95 % interval] · HR@10; in brackets how many rows"
    return table


def made_of_tables(outcomes: Sequence[Outcome]) -> list[Table]:
    """What became of second stages, and what the members of a blend count; nothing where there are none."""
    made = {one.recommender: one.made_of for one in outcomes if one.made_of}
    tables = []
    if made:
        stages = Table(title="second stages, judged on validation by shoppers whom they had not learnt from")
        for name in ("recommender", "first alone", "both", "gain, 95 %", "kept", "heads"):
            stages.add_column(name)
        for recommender, parts in made.items():
            stages.add_row(recommender, *_second_stage(parts["second_stage"]))
        tables.append(stages)
    for recommender, parts in made.items():
        if blend := parts.get("blend_by_length_of_history"):
            weights = Table(title=f"{recommender}: what its members count, by length of history")
            members = list(next(iter(blend.values())))
            for name in ("", *members):
                weights.add_column(name, justify="right")
            for length, own in blend.items():
                weights.add_row(length, *[f"{own[member]:.3f}" for member in members])
            tables.append(weights)
    return tables


def _second_stage(found: Mapping[str, Any]) -> list[str]:
    kept = "yes" if found["kept"] else "no"
    if "first_ndcg@10" not in found:
        return ["", "", "not judged: too few answers, or no time", kept, ""]
    return [
        f"{found['first_ndcg@10']:.4f}",
        f"{found['both_ndcg@10']:.4f}",
        f"{found['gain_low']:+.4f} to {found['gain_high']:+.4f}",
        kept,
        ", ".join(found["heads"]),
    ]


def interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.low:.4f}-{found.high:.4f}"


def difference(found: Paired | None) -> tuple[str, str, str]:
    """Difference, interval and p-value, empty for the baseline itself."""
    if found is None:
        return "", "", ""
    return (
        f"{found.difference:+.4f}",
        f"{found.interval.low:+.4f} to {found.interval.high:+.4f}",
        f"{found.p_value:.4f}",
    )


def _part(some: Part) -> str:
    if not some.rows:
        return "-"
    return f"{some.ndcg_10:.4f} [{interval(some.ndcg_10_interval)}] · {some.hr_10:.4f}"


def _means(data: SequenceData, judged: Sequence[Judged]) -> Table:
    interactions = sum(len(row) for row in data.sequences)
    table = Table(
        title=f"{data.name}: {len(data.sequences):,} users, {data.items.count:,} items, {interactions:,} interactions"
    )
    table.add_column("recommender")
    for name in (*METRICS, "novelty@10", "gini@10", "train s", "peak MB", "parameters"):
        table.add_column(name, justify="right")
    for one in judged:
        outcome = one.outcome
        figures = outcome.test.figures()
        table.add_row(
            outcome.recommender,
            *[f"{figures[name]:.4f}" for name in METRICS],
            f"{outcome.novelty_10:.1f}",
            f"{outcome.gini_10:.3f}",
            f"{outcome.train_seconds:.0f}",
            f"{outcome.peak_rss_mb:,}",
            f"{outcome.parameters:,}",
        )
    return table


def _certainty(judged: Sequence[Judged]) -> Table:
    baseline = baseline_of(judged)
    against = f", and paired differences to {baseline} (best of the others on validation)" if baseline else ""
    table = Table(title=f"95 % intervals{against}")
    table.add_column("recommender")
    names = ["HR@10", "95 %", "NDCG@10", "95 %"]
    if baseline:
        names += ["HR@10 diff.", "95 %", "p", "NDCG@10 diff.", "95 %", "p"]
    for name in names:
        table.add_column(name, justify="right")
    for one in judged:
        cells = [
            f"{one.outcome.test.hr_10:.4f}",
            interval(one.hr_10),
            f"{one.outcome.test.ndcg_10:.4f}",
            interval(one.ndcg_10),
        ]
        if baseline:
            cells += [*difference(one.hr_10_difference), *difference(one.ndcg_10_difference)]
        table.add_row(one.outcome.recommender, *cells)
    return table
