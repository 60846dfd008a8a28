"""Learning curves, and quality against training time, as a picture. Needs matplotlib, which the shop does not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.engine.learning_curve import CurvePoint
from recs.evaluation.judgement import Judged
from recs.evaluation.options import OptionError
from recs.evaluation.written import check_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")


def check_plot(target: str | None) -> None:
    """Before hours of training: can it be drawn and written at all? None for nothing. Raises OptionError and
    WriteError."""
    if target is None:
        return
    if Path(target).suffix not in FORMATS:
        raise OptionError(f"--plot {target}: expected a file that ends in {' or '.join(FORMATS)}")
    check_file(target, option="--plot")
    if find_spec("matplotlib") is None:
        raise OptionError('--plot needs matplotlib: .venv/bin/pip install "matplotlib>=3.8"')


def plot(judged: Sequence[Judged], path: Path, *, title: str) -> None:
    drawn(judged, title=title).savefig(path, dpi=150)


def drawn(judged: Sequence[Judged], *, title: str) -> Figure:
    """Left: validation NDCG@10 while learning; right: test NDCG@10 with its interval against seconds."""
    # Imported here: whoever draws nothing need not have it.
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    curves, cost = figure.subplots(1, 2)
    for number, one in enumerate(judged):
        outcome = one.outcome
        for member, learnt in _by_epochs(outcome.curve).items():
            if len(learnt) > 1:
                seconds = [point.seconds for point in learnt]
                ndcg = [point.figures["ndcg@10"] for point in learnt]
                name, line = (
                    (f"{outcome.recommender}: {member}", "--") if member else (outcome.recommender, "-")
                )
                curves.plot(seconds, ndcg, line, marker=".", color=f"C{number}", label=name)
        mean = outcome.test.ndcg_10
        # Of a skewed sample the interval may begin a rounding error above the mean.
        error = [[max(0.0, mean - one.ndcg_10.low)], [max(0.0, one.ndcg_10.high - mean)]]
        # What learns nothing takes no time: a tenth of a second is the left edge of a logarithmic axis.
        at = max(0.1, outcome.train_seconds)
        cost.errorbar(
            [at], [mean], yerr=error, fmt="o", capsize=3, color=f"C{number}", label=outcome.recommender
        )
    curves.set(
        title="learning curves", xlabel="seconds of training", ylabel="NDCG@10, each on its validation rows"
    )
    cost.set(title="quality against training time", xlabel="seconds of training", ylabel="test NDCG@10")
    cost.set_xscale("log")
    cost.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    cost.xaxis.set_major_formatter("{x:g}")
    cost.xaxis.set_minor_formatter(NullFormatter())
    shown: dict[str, Any] = {}
    for axes in (cost, curves):
        axes.grid(alpha=0.3)
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            shown.setdefault(name, handle)
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=5)
    figure.suptitle(title)
    return figure


def _by_epochs(curve: Sequence[CurvePoint]) -> dict[str, list[CurvePoint]]:
    """By member of a blend, "" for what is none. A setting that was tried is no point of a curve."""
    found: dict[str, list[CurvePoint]] = {}
    for point in curve:
        if "epoch" in point.figures:
            found.setdefault(point.stage.rpartition(": ")[0], []).append(point)
    return found
