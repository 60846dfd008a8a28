"""A fitted recommender as it serves: kept with the owner's ids of its items, and asked by them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

from recs.engine.artifact import Artifact, ArtifactError, array, read_artifact, write_artifact
from recs.engine.catalogue_scores import CatalogueScores, places
from recs.engine.interactions import FloatArray, History, IntArray
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.blending import normalised
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.second_stage.two_stages import TwoStages

OWNER_IDS = "owner_ids"
"""Name of the ids in an artifact, beside the recommender's own arrays."""


class ServedRecommender:
    """Any member of the family, asked for histories of the owner's ids; nothing of it changes by being asked, so that
    threads may share it."""

    def __init__(self, recommender: ScoringRecommender, ids: IntArray) -> None:
        """``ids`` int64 [items], ascending: whose ``ids[i]`` is the recommender's item i."""
        self.recommender = recommender
        self.ids = ids

    def scores(
        self, histories: Sequence[History], *, exclude: Sequence[IntArray] | None = None
    ) -> FloatArray:
        """float32 [histories, items], on the scale of :func:`normalised`; items of these histories, and ``exclude[i]``,
        which will not be shown, are the owner's ids."""
        known = [self._known(history) for history in histories]
        without = None if exclude is None else [places(ids, self.ids) for ids in exclude]
        return normalised(self.recommender.final_scores(known, exclude=without))

    def catalogue_scores(
        self, history: History, *, exclude: IntArray | None = None
    ) -> CatalogueScores | None:
        """None for a history of which the recommender knows nothing; ``exclude`` as in ``scores``."""
        if not self.told_by(history):
            return None
        return CatalogueScores(self.ids, self.scores([history], exclude=_each(exclude, 1))[0])

    def without_each(
        self, history: History, *, exclude: IntArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The owner's ids [n] of the items of the history, newest first, and float32 [n, items]: what is said without
        all interactions with each of them, 0 where nothing is left to go by."""
        known = places(history.item, self.ids)
        items = list(dict.fromkeys(item for item in known[::-1].tolist() if item >= 0))
        left = [history.kept(known != item) for item in items]
        scores = self.scores(left, exclude=_each(exclude, len(left)))
        scores[[not self.told_by(one) for one in left]] = 0.0
        return self.ids[items], scores

    def told_by(self, history: History) -> bool:
        """Whether the recommender knows of anything in it that its user wants."""
        return self._known(history).tells

    @property
    def mixes(self) -> bool:
        """Whether there is a second stage, whose heads somebody may weigh."""
        return isinstance(self.recommender, TwoStages) and self.recommender.second is not None

    def mixed(self, weights: Mapping[str, float]) -> ServedRecommender:
        """The same by the owner's weights of the second stage's heads, where it has one: for one request, whose reasons
        then go by the weights that its ranking went by."""
        if not isinstance(self.recommender, TwoStages) or self.recommender.second is None:
            return self
        recommender = copy.copy(self.recommender)
        recommender.second = copy.copy(self.recommender.second)
        recommender.mix(weights)
        return ServedRecommender(recommender, self.ids)

    def _known(self, history: History) -> History:
        return History(places(history.item, self.ids), history.kind, history.time, history.value)


def _each(exclude: IntArray | None, rows: int) -> list[IntArray] | None:
    return None if exclude is None else [exclude] * rows


def write_served(folder: Path, recommender: ScoringRecommender, *, ids: IntArray) -> str:
    """Returns the SHA-256 of the manifest."""
    packed = recommender.pack()
    return write_artifact(
        folder, Artifact(packed.recommender, packed.config, {**packed.arrays, OWNER_IDS: ids})
    )


def read_served(folder: Path, *, recommender: str, sha256: str) -> ServedRecommender:
    """Raises ArtifactError."""
    artifact = read_artifact(folder, recommender=recommender, sha256=sha256)
    ids = array(artifact, OWNER_IDS)
    if recommender not in FAMILY:
        raise ArtifactError(f"{folder} is a {recommender!r}, which this program does not know")
    made = FAMILY[recommender]()
    assert isinstance(made, ScoringRecommender)
    made.restore(artifact)
    items = made.scores([History.of_items([])]).shape[1]
    if items != len(ids):
        raise ArtifactError(f"{folder} has ids of {len(ids)} items, and its {recommender!r} knows {items}")
    return ServedRecommender(made, ids)
