"""Fits one recommender and keeps what its training told: seconds and learning curve. No Django."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from recs.engine.interactions import HeldOut, Interactions, Items
from recs.engine.learning_curve import CurvePoint, LearningCurve
from recs.engine.recommender import Budget, ProgressCallback, Recommender
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.hybrid import MEMBERS, Hybrid
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.two_stages import TwoStages
from recs.engine.recommenders.transformer import Transformer
from recs.engine.recommenders.transition_graph import TransitionGraph
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a recommender learns from and what it may choose on."""

    training: Interactions
    validation: HeldOut
    items: Items


@dataclass(frozen=True, slots=True)
class Fitted:
    recommender: Recommender
    seconds: float
    curve: list[CurvePoint] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """As a shop's nightly training has them: ``training`` of the transformer, ``longest`` history that it reads,
    ``heads`` of a second stage, ``members`` of the blend, ``whole_ease``: the most items of one of full rank."""

    training: TrainingConfig
    longest: int
    heads: Mapping[str, float]
    members: Collection[str]
    whole_ease: int


def fit(
    name: str,
    lesson: Lesson,
    *,
    budget: Budget,
    seed: int,
    own: OwnSettings | None = None,
    tell: ProgressCallback,
) -> Fitted:
    """``own``: of a shop, None for the defaults."""
    recommender = made(name, own)
    curve = LearningCurve(tell)
    recommender.fit(
        lesson.training,
        lesson.items,
        budget=budget,
        seed=seed,
        validation=lesson.validation,
        progress=curve,
    )
    judged = [point for point in curve.points if "ndcg@10" in point.figures]
    return Fitted(recommender, curve.seconds, judged)


def made(name: str, own: OwnSettings | None) -> Recommender:
    """A recommender of the family. Its transformer, graph and EASE, also those of a blend, have the shop's settings,
    and a blend the members that it has at night."""
    if own is None:
        return FAMILY[name]()
    user = UserTowerConfig(longest=own.longest)
    ease = partial(Ease, own.whole_ease)
    members: dict[str, Callable[..., ScoringRecommender]] = {
        **MEMBERS,
        Transformer.name: partial(MEMBERS[Transformer.name], user=user, training=own.training),
        TransitionGraph.name: partial(TransitionGraph, own.training.kind_weights),
        Ease.name: ease,
    }
    makers: dict[str, Callable[..., Recommender]] = {
        **FAMILY,
        Transformer.name: partial(Transformer, user=user, training=own.training),
        Ease.name: ease,
        Hybrid.name: partial(
            Hybrid, {member: maker for member, maker in members.items() if member in own.members}
        ),
    }
    recommender = makers[name]()
    if isinstance(recommender, TwoStages):
        recommender.mix(own.heads)
    return recommender
