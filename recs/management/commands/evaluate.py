"""Recommendation quality: on a public file by leave-last-out, or on the shop's own history by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError
from rich.console import Console

from recs.engine.recommenders import FAMILY
from recs.engine.sequences import SequenceFileError, read_sequences
from recs.evaluation import modalities, replaying
from recs.evaluation.child import ChildError, reasons, run_each
from recs.evaluation.content_worth import PLAIN, content_worth, worth_json, worth_table
from recs.evaluation.judgement import OURS, as_json, baseline_of, judge
from recs.evaluation.leave_last_out import Holdout, LeaveLastOutJob
from recs.evaluation.modalities import modality_json
from recs.evaluation.options import OptionError, check_folder, check_minutes, check_seed, names_of
from recs.evaluation.plots import check_plot, plot
from recs.evaluation.replaying import replay_json, replay_table
from recs.evaluation.shop import modality_jobs, moment_of, replay_jobs
from recs.evaluation.tables import leave_last_out_tables, parts_table
from recs.evaluation.written import WriteError, check_target, described, write_json
from recs.nightly.dataset import NotEnoughHistory

WIDE = 190
"""Columns of a table that goes to a file: none may be cut."""
DEFAULT = "popularity,item_knn,ease,transformer"
COLD_NAMES = f"popularity,{PLAIN},transformer"
"""With --cold-items: what is measured on new items is measured against content alone."""
REPLAY_NAMES = "item_knn,ease,transformer,hybrid"
MODALITIES_NAMES = "transformer"
MINUTES, SHOP_MINUTES = 10.0, 2.0
"""Bound of each training: on the shop's own history there are several, and it is smaller."""
COLD_DEFAULT = 0.1
"""Share of the products that --modalities takes out of training unless told another."""


class Command(BaseCommand):
    help = (
        "Ranks the whole catalogue for each user of a file `user item item …`: the last item is the test, the one"
        " before it the validation, the rest training. Everything is chosen on validation; the test is looked at once."
        " With --replay or --modalities the shop's own history is the data, split by time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sequences", metavar="FILE[.gz]", help="one line a user, oldest first")
        parser.add_argument("--attributes", metavar="FILE[.gz]", help="JSON {item: [attribute id, …]}")
        parser.add_argument(
            "--recommenders",
            metavar="NAME,NAME",
            help=(
                f"or all; known: {', '.join(FAMILY)} (default: {DEFAULT}; with --cold-items {COLD_NAMES};"
                f" with --replay {REPLAY_NAMES}; with --modalities {MODALITIES_NAMES})"
            ),
        )
        parser.add_argument(
            "--minutes",
            type=float,
            help=f"bound of each training (default: {MINUTES:g}; on the shop's history {SHOP_MINUTES:g})",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=0,
            help="of all that is drawn; figures repeat where validation and not the time ends a training (default: 0)",
        )
        parser.add_argument(
            "--cold-items",
            type=float,
            metavar="SHARE",
            help=(
                "take that share of the items out of training, and judge cold and warm targets apart; with"
                f" --attributes {' and '.join(OURS)} are trained a second time, on ids alone"
            ),
        )
        parser.add_argument(
            "--new-users",
            type=float,
            metavar="SHARE",
            help="take that share of the users out of training, and judge their first clicks",
        )
        shop = parser.add_mutually_exclusive_group()
        shop.add_argument(
            "--replay",
            action="store_true",
            help="what real time is worth: replay the shop's newest history, vectors following or of last midnight",
        )
        shop.add_argument(
            "--modalities",
            action="store_true",
            help="what text, picture and attributes are worth on the shop's history, cold products apart",
        )
        parser.add_argument(
            "--replay-from",
            metavar="YYYY-MM-DD",
            help="split the shop's history at that midnight UTC (default: the last tenth of its days)",
        )
        parser.add_argument(
            "--resume",
            metavar="FOLDER",
            help="keep checkpoints of trainings there, and go on from those that a killed run left",
        )
        parser.add_argument("--json", metavar="FILE", help="write the figures there, - for standard output")
        parser.add_argument(
            "--plot", metavar="FILE.png|svg", help="draw learning curves and quality against training time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = self._checked(options)
        console = Console(stderr=options["json"] == "-")
        if not console.is_terminal:
            console.width = WIDE
        try:
            if options["replay"]:
                report = self._replay(names, options, console)
            elif options["modalities"]:
                report = self._modalities(names, options, console)
            else:
                report = self._leave_last_out(names, options, console)
        except (SequenceFileError, ChildError, NotEnoughHistory) as failure:
            raise CommandError(str(failure)) from failure
        except ProgrammingError as failure:
            raise CommandError("the shop's database has no tables yet: run manage.py migrate") from failure
        try:
            write_json(report, options["json"])
        except WriteError as failure:
            raise CommandError(str(failure)) from failure
        missing = [f"no figures of {reasons(report['failed'])}"] if report["failed"] else []
        if undrawn := report.get("undrawn"):
            missing.append(f"the plot cannot be written, all figures were: {undrawn}")
        if missing:
            raise CommandError("; ".join(missing))

    def _checked(self, options: dict[str, Any]) -> list[str]:
        """The recommenders' names. Raises CommandError for what cannot be meant, before anything is computed."""
        on_shop = options["replay"] or options["modalities"]
        if options["minutes"] is None:
            options["minutes"] = SHOP_MINUTES if on_shop else MINUTES
        wanted = _default_names(options) if options["recommenders"] is None else options["recommenders"]
        for name in ("cold_items", "new_users"):
            if not 0 <= (options[name] or 0) < 1:
                raise CommandError(f"--{name.replace('_', '-')} must be at least 0 and below 1")
        if on_shop == bool(options["sequences"]):
            raise CommandError("expected exactly one of --sequences FILE, --replay and --modalities")
        for name in ("plot", "new_users", "resume", *(["cold_items"] if options["replay"] else [])):
            if on_shop and options[name]:
                raise CommandError(f"--{name.replace('_', '-')} goes with --sequences")
        if options["modalities"] and options["cold_items"] == 0:
            raise CommandError(
                "--cold-items must lie above 0 with --modalities, which tells cold products apart"
            )
        if on_shop and options["attributes"]:
            raise CommandError("--attributes goes with --sequences: the shop knows its products' attributes")
        if not on_shop and options["replay_from"]:
            raise CommandError("--replay-from goes with --replay or --modalities")
        _moment(options["replay_from"])
        try:
            names = names_of(wanted, FAMILY, option="--recommenders")
            check_minutes(options["minutes"])
            check_seed(options["seed"])
            check_target(options["json"])
            check_plot(options["plot"])
            # The last: it makes the folder.
            check_folder(options["resume"])
        except (OptionError, WriteError) as failure:
            raise CommandError(str(failure)) from failure
        return names

    def _leave_last_out(self, names: list[str], options: dict[str, Any], console: Console) -> dict[str, Any]:
        sequences = Path(options["sequences"])
        attributes = Path(options["attributes"]) if options["attributes"] else None
        data = read_sequences(sequences, attributes)
        holdout = Holdout(options["cold_items"] or 0.0, options["new_users"] or 0.0)
        seconds, seed = 60 * options["minutes"], options["seed"]
        resume = Path(options["resume"]) if options["resume"] else None
        jobs = [
            LeaveLastOutJob(sequences, attributes, name, seconds, seed, holdout, checkpoints=resume)
            for name in names
        ]
        if holdout.cold_items and attributes:
            jobs += [replace(job, content=False) for job in jobs if job.recommender in OURS]
        done = run_each(jobs, console).required()
        outcomes = done.answers
        worth = content_worth(outcomes, seed=seed)
        judged = judge(outcomes, seed=seed)
        for table in leave_last_out_tables(data, judged):
            console.print(table)
        if worth:
            console.print(worth_table(worth))
        report = {
            **described(data),
            "seed": seed,
            "cold_items": holdout.cold_items,
            "new_users": holdout.new_users,
            "baseline": baseline_of(judged),
            "results": [as_json(one) for one in judged],
            "failed": done.failed,
            **({"content": [worth_json(one) for one in worth]} if worth else {}),
        }
        if options["plot"]:
            try:
                plot(judged, Path(options["plot"]), title=data.name)
            except OSError as failure:
                # The figures, which took longer, are not lost by that.
                report["undrawn"] = str(failure)
        return report

    def _replay(self, names: list[str], options: dict[str, Any], console: Console) -> dict[str, Any]:
        seed = options["seed"]
        jobs = replay_jobs(
            names, start=_moment(options["replay_from"]), seconds=60 * options["minutes"], seed=seed
        )
        done = run_each(
            jobs, console, then=lambda one: console.print(replaying.headline(one), highlight=False)
        ).required()
        start = moment_of(jobs[0])
        console.print(replay_table(done.answers, f"the shop's history replayed from {start}"))
        return {
            "dataset": "shop",
            "replay_from": start,
            "seed": seed,
            "replay": [replay_json(one) for one in done.answers],
            "failed": done.failed,
        }

    def _modalities(self, names: list[str], options: dict[str, Any], console: Console) -> dict[str, Any]:
        seed = options["seed"]
        share = COLD_DEFAULT if options["cold_items"] is None else options["cold_items"]
        jobs = modality_jobs(
            names,
            start=_moment(options["replay_from"]),
            share=share,
            seconds=60 * options["minutes"],
            seed=seed,
        )
        done = run_each(
            jobs, console, then=lambda one: console.print(modalities.headline(one), highlight=False)
        ).required()
        rows = {f"{one.recommender}, {one.modality}": one.parts for one in done.answers}
        console.print(parts_table("what each part of the content is worth", rows))
        return {
            "dataset": "shop",
            "seed": seed,
            "cold_items": share,
            "modalities": [modality_json(one) for one in done.answers],
            "failed": done.failed,
        }


def _default_names(options: dict[str, Any]) -> str:
    if options["replay"]:
        return REPLAY_NAMES
    if options["modalities"]:
        return MODALITIES_NAMES
    return COLD_NAMES if options["cold_items"] else DEFAULT


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"--replay-from {text}: expected a day as 2011-10-31") from None
