"""What is like the things a user wanted, by content alone (Pazzani and Billsus 2007, doi 10.1007/978-3-540-72079-9_10).

``p(h, c) = sum over parts of w_part <m_part(h), v_part(c)> + w_popular q(c)``: v are unit vectors of text, picture,
attributes (tf-idf) and category, and m the mean of those of the history's wishes that have the part, newer ones
weighing more. q is the logarithm of popularity in 0 … 1, which orders what is equally alike; an item never seen
gets the mean of the others, so that being new is no fault. All of it is one inner product.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from recs.engine.artifact import Artifact, array
from recs.engine.interactions import AGAINST, FloatArray, HeldOut, History, IntArray, Interactions, Items
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.content_parts import PARTS, PartShapes, content_vectors, part_shapes
from recs.engine.recommenders.inner_products import inner_products
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.recommenders.wishes import Wishes, read_wishes

POPULAR = "popular"
FIRST = {**dict.fromkeys(PARTS, 1.0), POPULAR: 0.1}
PART_WEIGHTS = (0.0, 0.3, 3.0)
POPULAR_WEIGHTS = (0.03, 0.3, 1.0)
DECAYS = (0.8, 1.0, 0.6, 0.4)
"""Tried on validation beside the first, one after the other: w, and the weight of a wish against the next newer."""


class ContentBased(ScoringRecommender):
    name = "content_based"

    def fit(
        self,
        interactions: Interactions,
        items: Items,
        *,
        budget: Budget,
        seed: int,
        validation: HeldOut | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        until = time.monotonic() + budget.seconds
        self.popular = popularity(interactions, items.count)
        self.shapes = part_shapes(items)
        prior = np.log1p(self.popular)
        self.prior = (prior / max(1e-9, float(prior.max(initial=0.0)))).astype(np.float32)
        wanted = self.popular > 0
        self.typical = float(self.prior[wanted].mean()) if wanted.any() else 0.0
        self.prior[~wanted] = self.typical
        parts = content_vectors(items, self.shapes)
        self.weights, self.decay = dict(FIRST), DECAYS[0]
        self._use(parts)
        if not validation:
            return
        judge = Judge(self, validation, items.count, seed=seed)

        def decays() -> Iterator[float]:
            for self.decay in DECAYS:
                yield self.decay

        def weights(part: str) -> Iterator[dict[str, float]]:
            before = self.weights
            tried = POPULAR_WEIGHTS if part == POPULAR else PART_WEIGHTS
            for weight in (before[part], *tried):
                self.weights = {**before, part: weight}
                yield self.weights

        self.decay = choose(
            decays(), judge, stage="recency", count=len(DECAYS), until=until, progress=progress
        )
        for part in (POPULAR, *parts, POPULAR):
            if part == POPULAR or len(parts) > 1:
                self.weights = choose(
                    weights(part),
                    judge,
                    stage=f"weight of {part}",
                    count=1 + len(PART_WEIGHTS),
                    until=until,
                    progress=progress,
                )

    @property
    def dimension(self) -> int:
        return sum(self.shapes.widths.values()) + 1

    def encode(self, histories: Sequence[History]) -> FloatArray:
        """float32 [histories, dimension]: the last column is the weight of popularity."""
        return self._encoded(self._wishes(histories))

    def item_vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """Content alone says where an item lies; ``known`` says how popular it was in training."""
        places = np.full(items.count, -1) if known is None else known
        prior = np.where(places >= 0, self.prior[np.maximum(places, 0)], self.typical)
        return _joined(content_vectors(items, self.shapes), prior)

    def scores(self, histories: Sequence[History]) -> FloatArray:
        wishes = self._wishes(histories)
        scores = inner_products(self._encoded(wishes), self.vectors)
        scores[wishes.empty] = self.popular
        return scores

    def pack(self) -> Artifact:
        config = {
            "weights": self.weights,
            "decay": self.decay,
            "typical": self.typical,
            "categories": self.shapes.categories,
        }
        arrays = {
            "vectors": self.vectors,
            "prior": self.prior,
            "popular": self.popular,
            "text": self.shapes.text,
            "image": self.shapes.image,
            "idf": self.shapes.idf,
        }
        return Artifact(self.name, config, arrays)

    def unpack(self, artifact: Artifact) -> None:
        config = artifact.config
        self.weights, self.decay, self.typical = config["weights"], config["decay"], config["typical"]
        self.popular, self.prior = array(artifact, "popular"), array(artifact, "prior")
        self.shapes = PartShapes(
            text=array(artifact, "text"),
            image=array(artifact, "image"),
            idf=array(artifact, "idf"),
            categories=config["categories"],
        )
        vectors = array(artifact, "vectors")
        self._use({part: vectors[:, columns] for part, columns in self._columns()})

    @property
    def parameters(self) -> int:
        return self.vectors.size

    def _use(self, parts: dict[str, FloatArray]) -> None:
        self.vectors = _joined(parts, self.prior)
        self.has = {part: (vectors != 0).any(axis=1) for part, vectors in parts.items()}

    def _columns(self) -> Iterator[tuple[str, slice]]:
        start = 0
        for part, width in self.shapes.widths.items():
            if width:
                yield part, slice(start, start + width)
                start += width

    def _wishes(self, histories: Sequence[History]) -> Wishes:
        return read_wishes(histories, len(self.popular), decay=self.decay, against=AGAINST)

    def _encoded(self, wishes: Wishes) -> FloatArray:
        users = np.zeros((wishes.rows, self.dimension), dtype=np.float32)
        # Only of what is asked about: part by part, the catalogue's columns would be copied for each history.
        asked = np.unique(wishes.item)
        for part, columns in self._columns():
            shares = wishes.matrix(_shares(wishes, self.has[part]))[:, asked]
            users[:, columns] = self.weights[part] * (shares @ self.vectors[asked, columns])
        users[:, -1] = self.weights[POPULAR]
        return users


def _shares(wishes: Wishes, has: np.ndarray) -> FloatArray:
    """float32 [n]: each wish's share of its history's mean, of those that have the part; complaints have a mean of
    their own, which counts against."""
    weight = wishes.weight * has[wishes.item]
    bad = weight < 0
    shares = np.zeros(len(weight), dtype=np.float32)
    for some, counts in ((~bad, 1.0), (bad, AGAINST)):
        total = np.bincount(wishes.row[some], weights=np.abs(weight[some]), minlength=wishes.rows)
        shares[some] = counts * weight[some] / np.maximum(total, 1e-12)[wishes.row[some]]
    return shares


def _joined(parts: dict[str, FloatArray], prior: FloatArray) -> FloatArray:
    return np.concatenate([*parts.values(), prior[:, None]], axis=1).astype(np.float32)
