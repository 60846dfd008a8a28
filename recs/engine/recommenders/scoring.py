"""What all members of the family do alike: rank by scores of the whole catalogue, and go to disk and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recs.engine.artifact import Artifact, ArtifactError, read_artifact, write_artifact
from recs.engine.interactions import FloatArray, History, IntArray
from recs.engine.recommender import Recommendations, Recommender, top_k

ASKED_AT_ONCE = 64
"""Histories that an explanation has scored together: each takes a whole catalogue of scores."""


class ScoringRecommender(Recommender):
    """A member says what it scores with, and what of it is kept."""

    @abstractmethod
    def scores(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, items], an array of the caller's own; popularity for a history without a wish."""

    def final_scores(
        self, histories: Sequence[History], *, exclude: Sequence[IntArray] | None = None
    ) -> FloatArray:
        """As ``scores``, after all stages, where the items of a history itself are not wanted, and ``exclude[i]`` will
        not be shown either."""
        return self.scores(histories)

    @abstractmethod
    def pack(self) -> Artifact:
        """All that is kept."""

    @abstractmethod
    def unpack(self, artifact: Artifact) -> None:
        """Becomes what ``pack`` gave. Raises ArtifactError."""

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        return top_k(self.scores(histories), k, exclude=exclude, among=among)

    def explain(self, history: History, item: int) -> FloatArray:
        """Leave one out, in batches: the final score with an interaction minus that without it, which is nothing
        where no wish is left. Zeros for an item outside the catalogue."""
        asked = [history, *(history.without(place) for place in range(len(history)))]
        own = np.zeros(len(asked), dtype=np.float32)
        for start in range(0, len(asked), ASKED_AT_ONCE):
            some = asked[start : start + ASKED_AT_ONCE]
            scores = self.final_scores(some)
            if not 0 <= item < scores.shape[1]:
                break
            tells = [one.within(scores.shape[1]).tells for one in some]
            own[start : start + len(some)] = np.where(tells, scores[:, item], 0.0)
        return own[0] - own[1:]

    def save(self, folder: Path) -> str:
        """Writes an artifact, all or nothing; returns the SHA-256 of its manifest."""
        return write_artifact(folder, self.pack())

    def load(self, folder: Path, *, sha256: str | None = None) -> None:
        """Raises ArtifactError."""
        self.restore(read_artifact(folder, recommender=self.name, sha256=sha256))

    def restore(self, artifact: Artifact) -> None:
        """As ``unpack``, and refuses in words what lacks something or does not fit. Raises ArtifactError."""
        try:
            self.unpack(artifact)
        except (
            AssertionError,
            AttributeError,
            IndexError,
            KeyError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as failure:
            raise ArtifactError(
                f"configuration and arrays of the artifact do not fit a {self.name!r}: {failure!r}"
            ) from failure
