"""Who is the baseline, what differs, and what is written."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from recs.engine.evaluation import Quality
from recs.engine.learning_curve import CurvePoint
from recs.evaluation.judgement import as_json, baseline_of, judge
from recs.evaluation.leave_last_out import Outcome
from recs.evaluation.options import OptionError
from recs.evaluation.plots import check_plot, drawn
from recs.evaluation.tables import made_of_tables
from recs.evaluation.written import WriteError


def outcome(name: str, rows: list[float], validation: float) -> Outcome:
    ndcg = np.array(rows, dtype=np.float32)
    hit = (ndcg > 0).astype(np.float32)
    test = Quality(len(rows), 0.0, float(hit.mean()), 0.0, float(ndcg.mean()), 0.0, 0.0, ndcg, hit)
    return Outcome(name, test, validation, 1.0, 0.5, {}, {}, 1.0, 100, 7)


OURS = outcome("transformer", [1.0, 0.5, 0.0, 0.5] * 10, 0.5)
BEST = outcome("ease", [0.5, 0.0, 0.0, 0.5] * 10, 0.3)
LUCKY = outcome("popularity", [1.0, 1.0, 1.0, 1.0] * 10, 0.1)


def test_the_baseline_is_the_best_other_on_validation_not_on_the_test():
    judged = judge([LUCKY, BEST, OURS], seed=0)

    assert baseline_of(judged) == "ease"
    assert [one.against for one in judged] == ["ease", "", "ease"]


def test_the_difference_to_the_baseline_is_row_by_row():
    _, _, ours = judge([LUCKY, BEST, OURS], seed=0)

    assert ours.ndcg_10_difference.difference == pytest.approx(0.25)
    assert ours.ndcg_10_difference.interval.low > 0
    assert ours.ndcg_10_difference.p_value < 0.001
    assert ours.hr_10_difference.difference == pytest.approx(0.25)


def test_a_run_of_one_has_no_baseline():
    (alone,) = judge([OURS], seed=0)

    assert baseline_of([alone]) is None
    assert as_json(alone)["against_baseline"] is None


def test_all_that_was_measured_can_be_written():
    written = json.loads(json.dumps([as_json(one) for one in judge([BEST, OURS], seed=0)]))

    assert written[1]["against_baseline"]["baseline"] == "ease"
    assert written[1]["against_baseline"]["ndcg@10"]["difference"] == 0.25
    low, high = written[0]["ndcg@10_interval"]
    assert low < written[0]["ndcg@10"] < high


def test_what_became_of_second_stages_and_what_a_blend_is_of_is_written_and_shown():
    verdict = {
        "first_ndcg@10": 0.3,
        "both_ndcg@10": 0.35,
        "gain_low": 0.04,
        "gain_high": 0.06,
        "heads": ["view"],
    }
    blend = {"1": {"ease": 0.75, "transformer": 0.25}, "10+": {"ease": 0.5, "transformer": 0.5}}
    hybrid = replace(
        OURS,
        recommender="hybrid",
        made_of={"second_stage": {"kept": True, **verdict}, "blend_by_length_of_history": blend},
    )
    alone = replace(OURS, made_of={"second_stage": {"kept": False}})

    written = json.loads(json.dumps([as_json(one) for one in judge([BEST, alone, hybrid], seed=0)]))
    console = Console(file=StringIO(), width=200)
    for table in made_of_tables([BEST, alone, hybrid]):
        console.print(table)

    assert "second_stage" not in written[0]
    assert written[1]["second_stage"] == {"kept": False}
    assert written[2]["second_stage"] == {"kept": True, **verdict}
    assert written[2]["blend_by_length_of_history"] == blend
    shown = console.file.getvalue()
    for part in ("not judged", "0.3000", "0.3500", "+0.0400 to +0.0600", "view", "0.750"):
        assert part in shown
    assert made_of_tables([BEST]) == []


def test_a_plot_that_cannot_be_drawn_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match=r"ends in \.png or \.svg"):
        check_plot(str(tmp_path / "curves.gif"))
    with pytest.raises(WriteError, match="its folder does not exist"):
        check_plot(str(tmp_path / "nowhere" / "curves.png"))
    monkeypatch.setattr("recs.evaluation.plots.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="needs matplotlib"):
        check_plot(str(tmp_path / "curves.png"))


@pytest.mark.slow
def test_a_plot_shows_every_recommender_and_the_curve_of_whoever_learns_by_epochs(tmp_path):
    pytest.importorskip("matplotlib")
    curve = [
        CurvePoint(10.0 * epoch, "training", {"epoch": epoch, "ndcg@10": 0.1 * epoch}) for epoch in (1, 2)
    ]
    of_member = [replace(point, stage="transformer: training") for point in curve]
    blend = replace(OURS, recommender="hybrid", curve=of_member)
    judged = judge([BEST, replace(OURS, curve=curve), blend], seed=0)

    figure = drawn(judged, title="made")

    curves, cost = (axes.get_legend_handles_labels()[1] for axes in figure.axes)
    assert (curves, cost) == (["transformer", "hybrid: transformer"], ["ease", "transformer", "hybrid"])
    line, _ = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[10.0, 0.1], [20.0, 0.2]]
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted({*curves, *cost})
    figure.savefig(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
