"""Steps 3 and 4 of the nightly path: everybody is asked the same questions, and the challenger must win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recs.engine.artifact import ArtifactError
from recs.engine.catalogue_scores import places
from recs.engine.comparison import Interval, mean_interval
from recs.engine.evaluation import Quality, Ranks, evaluate
from recs.engine.interactions import FloatArray, History, IntArray
from recs.engine.recommender import Recommendations, top_k
from recs.engine.recommenders.transformer import Transformer
from recs.nightly.dataset import ENOUGH_TARGETS, Dataset
from recs.registry import ActiveVersion, config_of, read_served

JUDGED_MOST = 20_000
"""Targets that all are asked for; the 95 % interval of a difference is then some thousandths wide."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``publish``, and why or why not in one sentence."""

    publish: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, with what it rests on; ``no_champion`` says why there was none to compare with."""

    publish: bool
    reason: str
    qualities: dict[str, Quality]
    no_champion: str


class Champion:
    """The active version on tonight's questions, with all that serves: vectors, tower, and what ranks instead.

    It was trained on an older part of the history than the challenger, so it has not seen the held-out
    slice, which is the newest. Products that came later it places by content, as serving does.
    """

    name = "champion"

    def __init__(self, version: ActiveVersion, dataset: Dataset) -> None:
        """Raises ArtifactError."""
        self._model = Transformer()
        self._model.load(version.artifact, sha256=version.manifest_sha256)
        place = places(dataset.product_ids, self._model.item_ids)
        known = (place >= 0) & self._model.trained[place]
        vectors = self._model.item_vectors(dataset.items)
        vectors[known] = self._model.vectors[place[known]]
        self._model.vectors = vectors
        fallback = np.zeros(len(dataset.product_ids), dtype=np.float32)
        fallback[known] = self._model.fallback[place[known]]
        self._model.fallback = fallback
        self._product_ids = dataset.product_ids
        self._served = read_served(version)

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        return top_k(self._scores(histories, exclude), k, exclude=exclude, among=among)

    def _scores(self, histories: Sequence[History], exclude: Sequence[IntArray] | None) -> FloatArray:
        """As feeds have them: what ranks instead does so for the products that it knows, and for histories that tell it
        something, and what is not to be recommended takes no place among the hundred that a second stage puts in
        order."""
        scores = self._model.scores(histories)
        if self._served is None:
            return scores
        place = places(self._product_ids, self._served.ids)
        known = place >= 0
        by_key = [
            History(self._keys(history.item), history.kind, history.time, history.value)
            for history in histories
        ]
        said = self._served.scores(
            by_key, exclude=None if exclude is None else [self._keys(items) for items in exclude]
        )
        asked = np.flatnonzero([self._served.told_by(history) for history in by_key])
        scores[np.ix_(asked, known)] = said[np.ix_(asked, place[known])]
        return scores

    def _keys(self, items: IntArray) -> IntArray:
        """Of tonight's items; -1 of what is outside the catalogue."""
        inside = (items >= 0) & (items < len(self._product_ids))
        return np.where(inside, self._product_ids[np.where(inside, items, 0)], -1)


def judge(
    family: Mapping[str, Ranks], dataset: Dataset, *, challenger: str, champion: ActiveVersion | None
) -> Verdict:
    """Asks all of them, and the version that serves, for the same held-out targets, and decides.

    ``challenger``: who of the family is to be published. That was chosen before, on validation: a choice among
    many on the slice that decides would favour luck.
    """
    contestants: dict[str, Ranks] = {**family}
    serving, why_none = load_champion(champion, dataset)
    if serving:
        contestants[serving.name] = serving
    rows = dataset.split.test.sample(JUDGED_MOST, seed=0)
    qualities = {
        name: evaluate(contestant, rows, item_count=len(dataset.product_ids))
        for name, contestant in contestants.items()
    }
    decision = decide(qualities, challenger=challenger)
    return Verdict(decision.publish, decision.reason, qualities, why_none)


def load_champion(version: ActiveVersion | None, dataset: Dataset) -> tuple[Champion | None, str]:
    """The champion, or None and why there is none to compare with."""
    if version is None:
        return None, "no model is published yet"
    if (until := chosen_until(version)) is not None and until > dataset.split.test_from:
        return None, f"the champion {version.name} has learnt from what is held out tonight"
    try:
        return Champion(version, dataset), ""
    except (ArtifactError, ValueError, KeyError) as failure:
        return None, f"the champion {version.name} cannot be loaded: {failure}"


def chosen_until(version: ActiveVersion | None) -> int | None:
    """Seconds since the epoch: nothing newer has taught a version, or chosen anything of it. None where that is not
    known."""
    return None if version is None else config_of(version).get("chosen_until")


def decide(qualities: dict[str, Quality], *, challenger: str) -> Decision:
    """The challenger must have a higher NDCG@10 than the champion, if there is one, and than popularity.

    Higher by however little; the interval, of the differences target by target, says how sure that is. On fewer than
    ``ENOUGH_TARGETS`` one lucky target would decide: there the interval must lie above nothing for a champion to go.
    """
    rivals = [name for name in ("champion", "popularity") if name in qualities]
    own = qualities[challenger]
    few = len(own.rows) < ENOUGH_TARGETS
    compared = {name: _compare(own, qualities[name], name) for name in rivals}
    for name, (interval, words) in compared.items():
        if own.ndcg_10 <= qualities[name].ndcg_10:
            return Decision(False, f"not better: {words}")
        if few and name == "champion" and interval.low <= 0:
            return Decision(False, f"may be chance, on fewer than {ENOUGH_TARGETS} targets: {words}")
    return Decision(True, f"better: {compared[rivals[0]][1]}")


def _compare(challenger: Quality, rival: Quality, name: str) -> tuple[Interval, str]:
    """The interval of the difference, and all of it in words."""
    difference = challenger.ndcg_10 - rival.ndcg_10
    sign = ">" if difference > 0 else "<" if difference < 0 else "="
    interval = mean_interval(challenger.rows - rival.rows)
    return interval, (
        f"challenger {challenger.ndcg_10:.4f} {sign} {name} {rival.ndcg_10:.4f}"
        f" (NDCG@10 on {len(challenger.rows):,} targets; difference {difference:+.4f},"
        f" 95 % interval {interval.low:+.4f} to {interval.high:+.4f})"
    )
