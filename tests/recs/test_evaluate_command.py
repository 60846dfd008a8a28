"""`manage.py evaluate` as another program calls it."""

import json
import math
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

# In training 50 counts four, 60 three, 10, 20 and 40 two, 70 one, 30 none: users 4 to 7 are too short to be tested.
LINES = "1 10 20 30 40\n2 40 20 10 30\n3 40 10 20 30\n4 50 60\n5 50 60\n6 50 70\n7 60 50\n"


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    path = tmp_path / "Tiny.txt"
    path.write_text(LINES)
    return path


@pytest.mark.slow
def test_figures_are_printed_and_written_as_json(
    sequences: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    report = tmp_path / "report.json"

    call_command("evaluate", sequences=str(sequences), recommenders="popularity", json=str(report))

    written = json.loads(report.read_text())
    assert (written["dataset"], written["users"], written["items"]) == ("Tiny", 7, 7)
    (row,) = written["results"]
    assert row["recommender"] == "popularity"
    # User 1 is offered 50, 60, 40, 70: the target is third. Users 2 and 3: 50, 60, 70, 30, the target fourth.
    assert (row["hr@5"], row["hr@10"]) == (1.0, 1.0)
    assert (
        row["ndcg@10"] == row["ndcg@5"] == pytest.approx((1 / math.log2(4) + 2 / math.log2(5)) / 3, abs=1e-5)
    )
    assert row["mrr"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 4) / 3, abs=1e-5)
    assert row["coverage@10"] == pytest.approx(5 / 7, abs=1e-5)
    assert row["parameters"] == 7
    assert row["train_seconds"] >= 0
    assert row["peak_rss_mb"] > 0
    # What was added to the protocol's keys.
    low, high = row["ndcg@10_interval"]
    assert low < row["ndcg@10"] < high
    assert row["by_history_length"]["2-4"]["rows"] == 3
    assert row["against_baseline"] is None
    assert "popularity" in capsys.readouterr().out


@pytest.mark.slow
def test_a_disk_too_full_for_the_plot_loses_no_figures(sequences: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    report, curves = tmp_path / "report.json", tmp_path / "curves.png"
    curves.symlink_to("/dev/full")

    with pytest.raises(CommandError, match=r"the plot cannot be written, all figures were: .*No space left"):
        call_command(
            "evaluate",
            sequences=str(sequences),
            recommenders="popularity",
            json=str(report),
            plot=str(curves),
        )

    written = json.loads(report.read_text())
    assert written["results"][0]["hr@10"] == 1.0
    assert written["failed"] == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"recommenders": "popularity,magic"}, "unknown magic; known are popularity, content_based"),
        ({"recommenders": ""}, "unknown ''; known are popularity"),
        ({"minutes": 0.0}, "--minutes must lie above 0"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"json": "/tmp"}, "--json /tmp: that is a folder, expected a file"),
        ({"attributes": "/nope"}, "^/nope: no such file"),
        ({"attributes": "/tmp"}, "^/tmp cannot be read, expected text or gzip: Is a directory"),
        ({"resume": "/etc/passwd"}, "--resume /etc/passwd: expected a folder that can be made: File exists"),
        ({"replay_from": "2011-10-31"}, "--replay-from goes with --replay or --modalities"),
        ({"replay": True, "sequences": None, "attributes": "a"}, "--attributes goes with --sequences"),
        ({"json": "/nowhere/at/all.json"}, "--json /nowhere/at/all.json: its folder does not exist"),
        ({"cold_items": 1.0}, "--cold-items must be at least 0 and below 1"),
        ({"new_users": -0.1}, "--new-users must be at least 0 and below 1"),
        (
            {"modalities": True, "sequences": None, "cold_items": 0.0},
            "--cold-items must lie above 0 with --modalities",
        ),
        ({"plot": "/nowhere/at/all.png"}, "--plot /nowhere/at/all.png: its folder does not exist"),
        ({"replay": True}, "expected exactly one of --sequences FILE, --replay and"),
        ({"replay": True, "sequences": None, "cold_items": 0.1}, "--cold-items goes with --sequences"),
        ({"replay": True, "sequences": None, "replay_from": "soon"}, "expected a day as 2011-10-31"),
        ({"sequences": "/nowhere/at_all.txt"}, "/nowhere/at_all.txt: no such file"),
    ],
)
def test_bad_input_is_one_line(sequences: Path, options: dict[str, object], said: str):
    with pytest.raises(CommandError, match=said):
        call_command("evaluate", **{"sequences": str(sequences), **options})
