"""Other people's libraries and ours on the same file, the same split, the same minutes, judged by the same code."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from recs.engine.recommenders import FAMILY
from recs.engine.sequences import SequenceFileError, read_sequences
from recs.evaluation.child import INTERRUPTED, reasons, run_each
from recs.evaluation.judgement import baseline_of, judge
from recs.evaluation.leave_last_out import Holdout, LeaveLastOutJob, Outcome, Protocol, protocol
from recs.evaluation.options import OptionError, check_minutes, check_seed, names_of
from recs.evaluation.peers.environments import PeerEnvironmentError, interpreter
from recs.evaluation.peers.exchange import Answer
from recs.evaluation.peers.family import PEERS, RACED
from recs.evaluation.peers.report import Race, of_ten_places, peer_json, peers_table, race
from recs.evaluation.peers.running import PeerError, outcome_of, run_peer, task_of
from recs.evaluation.tables import made_of_tables
from recs.evaluation.written import WriteError, check_target, described, write_json

DEFAULT = ("item_knn", "ease", "transformer", "hybrid")
RACER = "transformer"
WIDE = 250
"""Columns of a table that goes to a file: none may be cut."""


class Command(BaseCommand):
    help = (
        "Trains RecTools (SASRec, eSASRec, EASE) and implicit (ALS, item-kNN), each library in a virtual environment"
        " of its own under var/peers, beside our own recommenders: the same file, split, minutes and metrics."
        " The first run installs the libraries by pip."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sequences", metavar="FILE[.gz]", required=True, help="one line a user, oldest first"
        )
        parser.add_argument(
            "--attributes", metavar="FILE[.gz]", help="JSON {item: [attribute id, …]}, for ours alone"
        )
        parser.add_argument(
            "--minutes", type=float, default=10.0, help="bound of each training (default: 10)"
        )
        parser.add_argument(
            "--peers", default="all", metavar="NAME,NAME", help=f"or all (the default): {', '.join(PEERS)}"
        )
        parser.add_argument(
            "--ours",
            default=",".join(DEFAULT),
            metavar="NAME,NAME",
            help=f"of our own (default: {','.join(DEFAULT)}); known: {', '.join(FAMILY)}",
        )
        parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
        parser.add_argument("--json", metavar="FILE", help="write the figures there, - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        names, ours = _checked(options)
        console = Console(stderr=options["json"] == "-")
        if not console.is_terminal:
            console.width = WIDE
        sequences = Path(options["sequences"])
        attributes = Path(options["attributes"]) if options["attributes"] else None
        seconds, seed = 60 * options["minutes"], options["seed"]
        try:
            data = read_sequences(sequences, attributes)
        except SequenceFileError as failure:
            raise CommandError(str(failure)) from failure
        asked = protocol(data, Holdout(), seed=seed)

        failed: dict[str, str] = {}
        answers = _peers_answer(names, asked, failed, console, seconds=seconds, seed=seed)
        outcomes = [outcome_of(PEERS[name], answer, asked, seed=seed) for name, answer in answers.items()]
        if INTERRUPTED in failed.values():
            failed |= dict.fromkeys(ours, INTERRUPTED)
        else:
            jobs = [LeaveLastOutJob(sequences, attributes, name, seconds, seed) for name in ours]
            done = run_each(jobs, console)
            outcomes += [of_ten_places(one, asked) for one in done.answers]
            failed |= done.failed
        if not outcomes:
            raise CommandError(f"nobody gave an answer: {reasons(failed)}")

        judged = judge(outcomes, seed=seed)
        races = _races(answers, outcomes, asked, seed=seed)
        for table in (peers_table(data, judged, answers), *made_of_tables(outcomes)):
            console.print(table)
        for one in races:
            console.print(str(one), highlight=False)
        report = {
            **described(data),
            "minutes": options["minutes"],
            "seed": seed,
            "baseline": baseline_of(judged),
            "results": [peer_json(one, answers.get(one.outcome.recommender)) for one in judged],
            "races": [asdict(one) for one in races],
            "failed": failed,
        }
        try:
            write_json(report, options["json"])
        except WriteError as failure:
            raise CommandError(str(failure)) from failure
        if failed:
            raise CommandError(f"no figures of {reasons(failed)}")


def _checked(options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The peers' names and ours. Raises CommandError for what cannot be meant, before anything is computed."""
    try:
        check_minutes(options["minutes"])
        check_seed(options["seed"])
        check_target(options["json"])
        return (
            names_of(options["peers"], PEERS, option="--peers"),
            names_of(options["ours"], FAMILY, option="--ours"),
        )
    except (OptionError, WriteError) as failure:
        raise CommandError(str(failure)) from failure


def _peers_answer(
    names: list[str],
    asked: Protocol,
    failed: dict[str, str],
    console: Console,
    *,
    seconds: float,
    seed: int,
) -> dict[str, Answer]:
    """One after another, so that each has both cores; who fails is named in ``failed`` and the rest goes on. An
    interrupt ends the one that runs and leaves out the others."""
    answers: dict[str, Answer] = {}
    task = task_of(asked, seconds=seconds, seed=seed)
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        for name in names:
            peer = PEERS[name]
            try:
                with console.status(f"{name}: its environment"):
                    python = interpreter(peer.environment, peer.requirements, settings.VAR_DIR / "peers")
                with console.status(f"{name}: training"):
                    answers[name] = run_peer(peer, python, task, Path(folder))
            except (PeerEnvironmentError, PeerError) as failure:
                failed[name] = str(failure)
                console.print(f"{name} failed: {failure}", highlight=False, markup=False)
            except KeyboardInterrupt:
                failed |= {left: INTERRUPTED for left in names if left not in answers and left not in failed}
                break
    return answers


def _races(answers: dict[str, Answer], outcomes: list[Outcome], asked: Protocol, *, seed: int) -> list[Race]:
    """None where our transformer did not run, and with no peer that did not."""
    ours = next((one for one in outcomes if one.recommender == RACER), None)
    if ours is None:
        return []
    return [
        race(name, answers[name], asked.lesson, ours.curve, seed=seed) for name in RACED if name in answers
    ]
