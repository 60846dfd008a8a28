"""Ratios of three outcomes of four users, worked out by hand."""

from pathlib import Path

import numpy as np

from recs.engine.evaluation import Quality
from recs.evaluation.content_worth import content_worth, worth_json
from recs.evaluation.leave_last_out import Holdout, LeaveLastOutJob, Outcome

COLD = np.array([True, True, False, False])


def outcome(name: str, hits: list[float]) -> Outcome:
    rows = np.array(hits, dtype=np.float32)
    mean = float(rows.mean())
    shown = np.zeros((4, 10), dtype=np.int64)
    return Outcome(
        recommender=name,
        test=Quality(4, mean, mean, mean, mean, mean, 0.0, rows=rows / 2, hit_rows=rows, shown=shown),
        validation_ndcg_10=0.0,
        novelty_10=0.0,
        gini_10=0.0,
        by_length={},
        by_popularity={},
        train_seconds=0.0,
        peak_rss_mb=0,
        parameters=0,
        cold_rows=COLD,
    )


def test_cold_targets_are_set_against_content_alone_and_warm_ones_against_ids_alone():
    outcomes = [
        outcome("popularity", [0, 0, 1, 1]),
        outcome("content_based", [1, 0, 0, 0]),
        outcome("transformer", [1, 1, 1, 0]),
        outcome("transformer, ids alone", [0, 0, 1, 1]),
    ]

    (found,) = content_worth(outcomes, seed=0)

    written = worth_json(found)
    assert written["recommender"] == "transformer"
    assert written["cold_hr@10_to_content_based"]["ratio"] == 2.0
    assert written["warm_hr@10_to_ids_alone"]["ratio"] == 0.5
    assert written["warm_ndcg@10_to_ids_alone"]["ratio"] == 0.5


def test_what_was_not_run_beside_it_is_left_open():
    (found,) = content_worth(
        [outcome("transformer", [1, 1, 1, 0]), outcome("transformer, ids alone", [0, 0, 1, 1])], seed=0
    )

    assert worth_json(found)["cold_hr@10_to_content_based"] is None
    assert content_worth([outcome("transformer", [1, 1, 1, 0])], seed=0) == []


def test_a_job_on_ids_alone_reads_no_attributes_and_says_so(tmp_path: Path):
    sequences = tmp_path / "Tiny.txt"
    sequences.write_text("".join(f"{user} 10 20 30 {40 + user % 3}\n" for user in range(9)))
    job = LeaveLastOutJob(
        sequences, tmp_path / "not there.json", "item_knn", 10, 0, Holdout(cold_items=0.2), content=False
    )

    found = job.run(lambda step: None)

    assert found.recommender == job.title == "item_knn, ids alone"
    assert found.cold_rows.sum() == found.cold["cold"].rows


def test_a_ratio_to_nothing_is_no_figure():
    names = ("content_based", "transformer", "transformer, ids alone")
    outcomes = [outcome(name, [0, 0, 1, 1]) for name in names]

    assert worth_json(content_worth(outcomes, seed=0)[0])["cold_hr@10_to_content_based"] is None
