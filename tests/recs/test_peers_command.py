"""`manage.py peers` as another program calls it, with a peer that needs no library."""

import json
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from recs.evaluation.peers.environments import PeerEnvironmentError
from recs.evaluation.peers.family import Peer
from recs.management.commands import peers

LINES = "1 10 20 30 40\n2 40 20 10 30\n3 40 10 20 30\n4 50 60\n5 50 60\n6 50 70\n"
PROGRAM = "tests.recs.evaluation.popular_peer"


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    path = tmp_path / "Tiny.txt"
    path.write_text(LINES)
    return path


@pytest.mark.slow
def test_who_fails_is_named_and_the_rest_is_compared(
    sequences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    names = {"popular": "whole", "broken": "whole", "homeless": "missing"}
    monkeypatch.setattr(peers, "PEERS", {name: Peer(name, home, PROGRAM) for name, home in names.items()})
    monkeypatch.setattr(peers, "interpreter", own_interpreter)
    report = tmp_path / "report.json"

    with pytest.raises(
        CommandError, match="no figures of broken: RuntimeError: no such layer; homeless: ERROR"
    ):
        call_command("peers", sequences=str(sequences), minutes=1.0, ours="popularity", json=str(report))

    written = json.loads(report.read_text())
    assert written["failed"] == {
        "broken": "RuntimeError: no such layer",
        "homeless": "ERROR: no matching distribution",
    }
    theirs, ours = written["results"]
    assert (theirs["recommender"], ours["recommender"]) == ("popular", "popularity")
    assert theirs["ndcg@10"] == ours["ndcg@10"] > 0
    assert theirs["mrr@10"] == ours["mrr@10"] > 0
    assert (theirs["epochs"], theirs["setting"]) == (2.5, "seed 0, 60 s")
    assert written["races"] == []
    said = capsys.readouterr().out
    assert "broken failed: RuntimeError: no such layer" in said
    assert "homeless failed: ERROR: no matching distribution" in said


def test_an_interrupt_keeps_what_was_answered(
    sequences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_peer = peers.run_peer

    def interrupted(peer: Peer, *given: object) -> object:
        if peer.name == "slow":
            raise KeyboardInterrupt
        return run_peer(peer, *given)

    names = ("popular", "slow", "later")
    monkeypatch.setattr(peers, "PEERS", {name: Peer(name, "whole", PROGRAM) for name in names})
    monkeypatch.setattr(peers, "interpreter", own_interpreter)
    monkeypatch.setattr(peers, "run_peer", interrupted)
    report = tmp_path / "report.json"

    with pytest.raises(
        CommandError, match="no figures of slow: interrupted; later: interrupted; popularity: "
    ):
        call_command("peers", sequences=str(sequences), minutes=1.0, ours="popularity", json=str(report))

    written = json.loads(report.read_text())
    assert [one["recommender"] for one in written["results"]] == ["popular"]
    assert written["failed"] == dict.fromkeys(("slow", "later", "popularity"), "interrupted")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"peers": "implicit_als,magic"}, "--peers: unknown magic; known are rectools_sasrec, "),
        ({"ours": "transformer,magic"}, "--ours: unknown magic; known are popularity, "),
        ({"minutes": 0.0}, "--minutes must lie above 0"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"json": "/nowhere/at/all.json"}, "--json /nowhere/at/all.json: its folder does not exist"),
        ({"sequences": "/nowhere/at_all.txt"}, "/nowhere/at_all.txt: no such file"),
    ],
)
def test_bad_input_is_one_line(sequences: Path, options: dict[str, object], said: str):
    with pytest.raises(CommandError, match=said):
        call_command("peers", **{"sequences": str(sequences), **options})


def own_interpreter(name: str, requirements: Path, folder: Path) -> Path:
    if name == "missing":
        raise PeerEnvironmentError("ERROR: no matching distribution")
    return Path(sys.executable)
