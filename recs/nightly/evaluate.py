"""Steps 3 and 4 of the nightly path: everybody is asked the same questions, and the challenger must win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.engine.artifact import ArtifactError
from recs.engine.evaluation import Quality, Ranks, evaluate
from recs.engine.interactions import FloatArray, HeldOut, History, IntArray
from recs.engine.recommender import Recommendations
from recs.engine.recommenders.transformer import Transformer
from recs.nightly.dataset import Dataset
from recs.registry import ActiveVersion


@dataclass(frozen=True, slots=True)
class Decision:
    """``publish``, and why or why not in one sentence."""

    publish: bool
    reason: str


class Champion:
    """The active version on tonight's questions, with the vectors and the tower that serve.

    It was trained on less of the history than the challenger, never on more: the held-out slice is the
    newest one. Products that it does not know it places by content, as serving does.
    """

    name = "champion"

    def __init__(self, version: ActiveVersion, dataset: Dataset) -> None:
        """Raises ArtifactError."""
        self._model = Transformer()
        self._model.load(version.artifact, sha256=version.manifest_sha256)
        ids = self._model.item_ids
        place = np.searchsorted(ids, dataset.product_ids)
        inside = np.minimum(place, max(0, len(ids) - 1))
        known = (ids[inside] == dataset.product_ids) & self._model.trained[inside]
        known_row = np.where(known, inside, -1)
        self._model.vectors = self._model.item_vectors(dataset.items, known=known_row)
        fallback = np.zeros(len(dataset.product_ids), dtype=np.float32)
        fallback[known] = self._model.fallback[inside[known]]
        self._model.fallback = fallback

    def recommend(
        self,
        histories: Sequence[History],
        k: int,
        *,
        exclude: Sequence[IntArray] | None = None,
        among: IntArray | None = None,
    ) -> Recommendations:
        return self._model.recommend(histories, k, exclude=exclude, among=among)


def evaluate_all(recommenders: dict[str, Ranks], held_out: HeldOut, *, item_count: int) -> dict[str, Quality]:
    """The same slice for each, in the order given."""
    return {
        name: evaluate(recommender, held_out, item_count=item_count)
        for name, recommender in recommenders.items()
    }


def load_champion(version: ActiveVersion | None, dataset: Dataset) -> tuple[Champion | None, str]:
    """The champion, or None and why there is none to compare with."""
    if version is None:
        return None, "no model is published yet"
    try:
        return Champion(version, dataset), ""
    except (ArtifactError, ValueError, KeyError) as failure:
        return None, f"the champion {version.name} cannot be loaded: {failure}"


def decide(qualities: dict[str, Quality]) -> Decision:
    """The challenger must have a higher NDCG@10 than the champion; the first one than popularity."""
    challenger = qualities["transformer"]
    rival = "champion" if "champion" in qualities else "popularity"
    best = qualities[rival]
    low, high = paired_interval(challenger.rows - best.rows)
    compared = (
        f"NDCG@10 {challenger.ndcg_10:.4f} against {best.ndcg_10:.4f} of the {rival}"
        f" (difference {challenger.ndcg_10 - best.ndcg_10:+.4f}, 95 % interval {low:+.4f} to {high:+.4f},"
        f" {len(challenger.rows)} shoppers)"
    )
    if challenger.ndcg_10 > best.ndcg_10:
        return Decision(True, f"the challenger is better: {compared}")
    return Decision(False, f"the challenger is not better: {compared}")


def paired_interval(differences: FloatArray, *, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean difference per shopper."""
    rng = np.random.default_rng(seed)
    size = len(differences)
    means = [float(differences[rng.integers(0, size, size)].mean()) for _ in range(rounds)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
