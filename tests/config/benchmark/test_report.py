import io

import pytest
from rich.console import Console

from config.benchmark.load import Load, latencies
from config.benchmark.report import Report, ms, rounded

REPORT = Report("feed", {"p50_ms": 12.345678, "1": {"rps": 80.0}}, ("", "p50 ms"), [("home feed", "12.3")])


def test_figures_have_four_significant_digits():
    assert rounded(REPORT.figures) == {"p50_ms": 12.35, "1": {"rps": 80.0}}


def test_a_report_is_the_same_after_saving(tmp_path):
    REPORT.save(tmp_path / "report.json")

    assert Report.load(tmp_path / "report.json").figures == REPORT.figures


def test_the_table_shows_what_was_found():
    written = io.StringIO()

    REPORT.print(Console(file=written, width=60))

    assert "home feed" in written.getvalue()
    assert "12.3" in written.getvalue()


def test_small_times_keep_their_digits():
    assert ms(0.4567) == "0.46"
    assert ms(123.456) == "123.5"


def test_latencies_are_percentiles_in_milliseconds():
    found = latencies(
        [Load([0.001 * n for n in range(1, 52)], 1.0), Load([0.001 * n for n in range(52, 102)], 1.0)]
    )

    assert found.p50_ms == pytest.approx(51.0)
    assert found.p99_ms == pytest.approx(100.0)
    assert found.rps == pytest.approx(50.5)


def test_no_answer_in_time_says_what_to_do():
    with pytest.raises(RuntimeError, match="more --seconds"):
        latencies([Load([], 1.0)])
