"""PATH 3: history → training set → train → evaluate against the champion → publish → swap → retire.

``run_nightly`` is the whole path; beat at night and ``make retrain`` by hand call it alike. It may be killed
at any point: the lease ends with its connection, the next run takes away what was half-built, and the
training goes on from its checkpoint.
"""

from __future__ import annotations

import shutil
from typing import Any

from django.conf import settings

from recs.engine.recommenders.hybrid import Hybrid
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.models import TrainingRun
from recs.nightly import evaluate, publish
from recs.nightly.dataset import Dataset, NotEnoughHistory, load_dataset
from recs.nightly.evaluate import Verdict
from recs.nightly.lease import AlreadyRunning, Lease, LeaseLost
from recs.nightly.progress import Night, Report, say_nothing
from recs.nightly.train import Trained, checkpoint_folder, history_moment, train
from recs.registry import active_version

__all__ = ["AlreadyRunning", "LeaseLost", "run_nightly"]

SEED = 20_261_124


def run_nightly(
    *,
    minutes: float | None = None,
    seed: int = SEED,
    trigger: str = "by hand",
    say: Report | None = None,
) -> TrainingRun:
    """Runs the path and returns its row: published, or refused with the reason.

    ``minutes`` bounds the training of the transformer (setting TRAINING_MINUTES). Raises AlreadyRunning if
    another run holds the lease, LeaseLost if Postgres was away and another run took it. Whatever is raised
    is noted in the row first.
    """
    with Lease.taken() as lease:
        night = Night(lease, say or say_nothing)
        night.figures["trigger"] = trigger
        try:
            run = _run(night, minutes or settings.TRAINING_MINUTES, seed)
        except NotEnoughHistory as reason:
            run = _refused(night, str(reason))
        finally:
            # A training that has been judged is over; only one that was killed is gone on with.
            if lease.decided:
                shutil.rmtree(checkpoint_folder(), ignore_errors=True)
        return run


def _run(night: Night, minutes: float, seed: int) -> TrainingRun:
    with night.step("clear"):
        publish.remove_leftovers()
    champion = active_version()
    until = history_moment()
    night.figures["history_until"] = until.isoformat(timespec="seconds")
    with night.step("dataset"):
        dataset = load_dataset(seed=seed, as_of=until, since=evaluate.chosen_until(champion))
    with night.step("train"):
        trained = train(dataset, minutes=minutes, seed=seed, night=night, champion=champion)
    # Asked again: training takes minutes, in which somebody may have rolled back.
    serving = active_version()
    with night.step("evaluate"):
        verdict = evaluate.judge(trained.family, dataset, challenger=trained.best, champion=serving)
    night.figures |= _figures(dataset, trained, verdict, minutes)
    if not verdict.publish:
        return _refused(night, verdict.reason)
    if verdict.no_champion and serving != champion:
        return _refused(night, f"another version was activated meanwhile: {verdict.no_champion}")
    with night.step("build"):
        version = publish.build_version(
            model=trained.vectors,
            best=trained.family[trained.best],
            dataset=dataset,
            metrics=night.figures["quality"],
            config={
                "minutes": minutes,
                "seed": seed,
                "epochs": trained.vectors.epochs,
                "trained_until": dataset.split.validation_from,
                "chosen_until": dataset.split.test_from,
            },
        )
    with night.step("embed shoppers"):
        publish.embed_shoppers(version, progress=lambda done: night.tell("embed shoppers", done))
    with night.step("swap"):
        publish.mark_ready(version)
        publish.place_by_content()
        try:
            publish.activate(version, instead_of=frozenset({serving.id} if serving else ()))
        except publish.NotCompared as reason:
            run = _refused(night, str(reason))
            publish.retire_old_versions()
            return run
        # It serves, whatever becomes of the older ones.
        night.lease.finish(TrainingRun.Status.PUBLISHED, verdict.reason, night.all_figures(), version)
    with night.step("retire"):
        publish.retire_old_versions()
    return night.lease.finish(TrainingRun.Status.PUBLISHED, verdict.reason, night.all_figures(), version)


def _refused(night: Night, reason: str) -> TrainingRun:
    return night.lease.finish(TrainingRun.Status.REFUSED, reason, night.all_figures())


def _figures(dataset: Dataset, trained: Trained, verdict: Verdict, minutes: float) -> dict[str, Any]:
    split = dataset.split
    return {
        "challenger": trained.best,
        "quality": {
            name: {**quality.figures(), **_of_training(name, trained)}
            for name, quality in verdict.qualities.items()
        },
        "no_champion": verdict.no_champion,
        **_of_two_stages(trained),
        "curves": trained.curves,
        "minutes": minutes,
        "data": {
            "interactions": dataset.interactions,
            "shoppers": len(dataset.shopper_ids),
            "products": len(dataset.product_ids),
            "training_interactions": len(split.training),
            "validation_events": len(split.validation),
            "test_shoppers": len(split.test),
            "test_share": dataset.test_share,
        },
    }


def _of_two_stages(trained: Trained) -> dict[str, Any]:
    """What the blend is of, and what became of the second stages."""
    made = {name: one.made_of() for name, one in trained.family.items() if isinstance(one, TwoStages)}
    blend = "blend_by_length_of_history"
    return {
        "second_stage": {name: parts["second_stage"] for name, parts in made.items()},
        blend: made[Hybrid.name][blend],
    }


def _of_training(name: str, trained: Trained) -> dict[str, float]:
    """Nothing of the champion, which learnt on another night."""
    if name not in trained.validation:
        return {}
    return {
        "validation_ndcg@10": round(trained.validation[name], 5),
        "train_seconds": trained.seconds[name],
    }
