"""Step 2 of the nightly path: the family learns from the same rows, and the best of it is chosen on validation."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from recs.engine.artifact import ArtifactError
from recs.engine.catalogue_scores import places
from recs.engine.checkpoint import FILE as CHECKPOINT
from recs.engine.interactions import HeldOut, Kind
from recs.engine.learning_curve import LearningCurve
from recs.engine.recommender import Budget, CannotLearn
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.hybrid import MEMBERS, Hybrid
from recs.engine.recommenders.neural_cf import NeuralCf
from recs.engine.recommenders.popularity import Popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.two_stages import validated
from recs.engine.recommenders.transformer import COLD, VALIDATION_ROWS, Transformer
from recs.engine.recommenders.transition_graph import TransitionGraph
from recs.engine.recommenders.user_knn import UserKnn
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig
from recs.engine.transformer.warm import WarmStart
from recs.nightly.dataset import Dataset
from recs.nightly.progress import Night
from recs.registry import ActiveVersion, config_of
from recs.second_stage_weights import second_stage_weights

logger = logging.getLogger(__name__)

QUICK = ("popularity", "content_based", "item_knn", "user_knn", "matrix_factorization", "ease", "neural_cf")
"""What has a share of the minutes beside the transformer's, as the hybrid's graph of transitions has; the hybrid then
blends those that are its members. Not of the night is its neighbouring_states: on the demo's shop reading its states
took 23 s, the blend gave it no weight, and a web process would hold 200,000 states. A blend of ``manage.py evaluate``
on files has it."""
OF_THE_BLEND = frozenset({*QUICK, TransitionGraph.name, Transformer.name}) & MEMBERS.keys()
"""Members of the hybrid, where they can serve."""
QUICK_LEAST, QUICK_SHARE = 5.0, 0.03
"""Seconds, and share of the minutes: each of them gets what is more. With 6 s each, before the demo's first training
of two minutes, those without neural_cf took 21 s on two busy cores, and blending 4 s."""
MOST_FOR_USER_KNN = 2_000_000
"""Interactions: it compares a history with every shopper who wanted one of its products, at every request."""
MOST_FOR_NEURAL_CF = 10_000
"""Products: each of them passes its network to be scored, 2,000 times to judge an epoch, whatever the time."""
MOST_NUMBERS = 100_000_000
"""What may serve in a web process, which holds it: 400 MB."""
MOST_FOR_WHOLE_EASE = 8_500
"""Products: its weights are then 72 million numbers, which leaves room for other members of a blend. Beyond, they are
of low rank, 4 million."""
SECOND_STAGE_SECONDS = 120.0
"""Within which the hybrid's second stage must have been learnt."""
GIVEN_UP_AFTER = timedelta(hours=20)
"""Less than from night to night, so that each reads the day before it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The family by name; ``best`` of them on validation, which is to be published; ``vectors``: the transformer,
    whose vectors are published in any case.

    ``validation``: NDCG@10 of each; ``seconds``: what fitting it took, the hybrid with its members; ``curves``: of each
    that learns by epochs, the stage, loss and validation of every one.
    """

    family: dict[str, ScoringRecommender]
    best: str
    vectors: Transformer
    validation: dict[str, float]
    seconds: dict[str, float]
    curves: dict[str, list[dict[str, float | str]]]


def train(
    dataset: Dataset, *, minutes: float, seed: int, night: Night, champion: ActiveVersion | None = None
) -> Trained:
    """Fits all; ``minutes`` bounds the transformer, which goes on from the checkpoint of a killed run, else from the
    champion's towers."""
    _use_all_cores()
    split = dataset.split
    family: dict[str, ScoringRecommender] = {}
    seconds: dict[str, float] = {}
    curves: dict[str, list[dict[str, float | str]]] = {}

    def fitted(recommender: ScoringRecommender, budget: Budget) -> ScoringRecommender:
        name = recommender.name
        curve = LearningCurve(night.learning(f"train {name}"))
        recommender.fit(
            split.training,
            dataset.items,
            budget=budget,
            seed=seed,
            validation=split.validation,
            progress=curve,
        )
        seconds[name] = round(curve.seconds, 2)
        by_epochs = [point for point in curve.points if "epoch" in point.figures]
        if by_epochs:
            curves[name] = [
                {"stage": point.stage, "seconds": point.seconds, **point.figures} for point in by_epochs
            ]
        return recommender

    quick = max(QUICK_LEAST, QUICK_SHARE * 60 * minutes)
    for name in QUICK:
        if _too_large_for(name, dataset):
            continue
        made = Ease(MOST_FOR_WHOLE_EASE) if name == Ease.name else FAMILY[name]()
        assert isinstance(made, ScoringRecommender)
        try:
            family[name] = fitted(made, Budget(seconds=quick))
        except CannotLearn as reason:
            logger.warning("the night goes on without %s: %s", name, reason)
    weights = kind_weights()
    graph = fitted(TransitionGraph(weights), Budget(seconds=quick))
    start, why_cold = warm_start(dataset, champion)
    transformer = Transformer(
        user=UserTowerConfig(longest=settings.HISTORY_LENGTH),
        training=TrainingConfig(kind_weights=weights),
        warm=start,
    )
    # It lets go of them when it has begun.
    del start
    heads = second_stage_weights()
    transformer.mix(heads)
    family[transformer.name] = fitted(transformer, Budget(60 * minutes, checkpoint=checkpoint_folder()))
    night.figures["start"] = f"{COLD}: {why_cold}" if why_cold else transformer.started
    blending = time.monotonic()
    hybrid = Hybrid()
    hybrid.mix(heads)
    able = _servable({**family, graph.name: graph})
    members = {name: one for name, one in able.items() if name in OF_THE_BLEND}
    stage = f"train {hybrid.name}"
    night.tell(stage, 0.0)
    hybrid.blend(members, split.validation, seed=seed)
    night.tell(stage, 0.5)
    hybrid.order(
        split.training,
        dataset.items,
        split.validation,
        until=time.monotonic() + SECOND_STAGE_SECONDS,
        seed=seed,
        progress=night.learning(stage),
    )
    family[hybrid.name] = hybrid
    spent = time.monotonic() - blending
    seconds[hybrid.name] = round(sum(seconds[name] for name in members) + spent, 2)
    if transformer.parameters > MOST_NUMBERS:
        # With a second stage it would be held by web processes, as any other: its vectors serve alone.
        transformer.second = None
    validation = on_validation(family, split.validation, item_count=dataset.items.count, seed=seed)
    return Trained(family, best_of(family, validation), transformer, validation, seconds, curves)


def kind_weights() -> dict[Kind, float]:
    """The owner's."""
    return {Kind[name.upper()]: weight for name, weight in settings.INTERACTION_WEIGHTS.items()}


def on_validation(
    family: Mapping[str, ScoringRecommender], validation: HeldOut, *, item_count: int, seed: int
) -> dict[str, float]:
    """NDCG@10 of each; 0 of all where nobody came back in that slice, so that the transformer is chosen."""
    if not len(validation):
        return dict.fromkeys(family, 0.0)
    rows = validation.sample(VALIDATION_ROWS, seed=seed)
    return {name: validated(one, rows, item_count=item_count) for name, one in family.items()}


def best_of(family: Mapping[str, ScoringRecommender], validation: Mapping[str, float]) -> str:
    """Who of those that may serve has the highest NDCG@10 on validation; of equals the transformer, which serves by
    its vectors alone.

    What each of them chose for itself, the transformer its last epoch, the hybrid its weights, the others their
    settings, they chose on the same slice, so all look a little better here than they are, and those that chose among
    more the most; only what a second stage adds is told by shoppers whom it had not learnt from. That is why the test
    slice has the last word. Popularity is the bar that all must clear.
    """
    able = [name for name in _servable(family) if name != Popularity.name]
    return max(able, key=lambda name: (validation[name], name == Transformer.name))


def _too_large_for(name: str, dataset: Dataset) -> bool:
    if name == UserKnn.name:
        return len(dataset.split.training) > MOST_FOR_USER_KNN
    return name == NeuralCf.name and dataset.items.count > MOST_FOR_NEURAL_CF


def _servable(family: Mapping[str, ScoringRecommender]) -> dict[str, ScoringRecommender]:
    """Those that a web process can hold; the transformer serves by its vectors alone where it is larger."""
    return {
        name: one
        for name, one in family.items()
        if name == Transformer.name or one.parameters <= MOST_NUMBERS
    }


def warm_start(dataset: Dataset, champion: ActiveVersion | None) -> tuple[WarmStart | None, str]:
    """The champion's towers to go on from, or None and why not.

    Only of a champion that has learnt from nothing newer than tonight's training rows: it would bring along what
    the held-out slices ask for. The newest part of the history is held out each night, so that is the rule; the
    exception is a shop that held out a larger part tonight, or took up older history meanwhile.
    """
    if champion is None:
        return None, "no model is published yet"
    until = config_of(champion).get("trained_until")
    if until is None or until > dataset.split.validation_from:
        return None, "the champion may have learnt from what is held out tonight"
    earlier = Transformer()
    try:
        earlier.load(champion.artifact, sha256=champion.manifest_sha256)
    except (ArtifactError, ValueError, KeyError) as failure:
        return None, f"the champion {champion.name} cannot be loaded: {failure}"
    row = places(dataset.product_ids, earlier.item_ids)
    learnt = (row >= 0) & earlier.trained[row]
    return WarmStart(earlier.item_tower, earlier.user_tower, np.where(learnt, row, -1)), ""


def checkpoint_folder() -> Path:
    """Where a training that was killed goes on from."""
    return Path(settings.VAR_DIR) / "training"


def history_moment() -> datetime:
    """Until when history counts: now, or what a killed run chose, where it left a checkpoint, which fits no other.

    A shop that goes on living has other rows every second. A moment that is older than ``GIVEN_UP_AFTER`` is given up.
    """
    folder = checkpoint_folder()
    file = folder / "as_of"
    now = timezone.now()
    if file.exists() and any(folder.glob(f"*/{CHECKPOINT}")):
        chosen = parse_datetime(file.read_text())
        if chosen and now - GIVEN_UP_AFTER < chosen <= now:
            return chosen
    folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(now.isoformat())
    partial.replace(file)
    return now


def _use_all_cores() -> None:
    """A worker's process has loaded a model to serve and keeps torch to one thread: not for a training."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(wanted) if wanted.isdigit() and int(wanted) else len(os.sched_getaffinity(0)))
