"""Where shoppers went on to: a graph of transitions between items, its edges ranked by likeness of content.

``s(i, j) = sum over d of FALL^(d-1) (n_d(i, j) + back n_d(j, i)) / sqrt(n(i)) · (floor + max(0, cos(c_i, c_j)))``,
where ``n_d(i, j)`` counts how often j came d wishes after i, d up to WINDOW, and ``n(i)`` is the sum of the row: a
Markov chain of several steps at once (of which FPMC, Rendle et al. 2010, and Fossil, He and McAuley 2016, learn
factors), with the likeness of content for what a few counts cannot tell. Nothing is trained, and alone it validates as
a transformer does on short histories. A source of the hybrid. ``back``, ``floor`` and the decay are chosen on
validation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from recs.engine.interactions import (
    FloatArray,
    HeldOut,
    Interactions,
    Items,
    Kind,
    shuffled_within_moments,
)
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.content_parts import content_vectors, part_shapes, unit_in_place
from recs.engine.recommenders.neighbourhood import ByNeighbours, strongest
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.transformer.batches import TARGET_WEIGHTS, target_weights

WINDOW, FALL = 5, 0.7
"""Steps that are counted, and what each counts against the one before. Of one step alone validation NDCG@10 on a public
file was .0635, of five .0732."""
NEIGHBOURS = 200
"""Kept per item."""
NUMBERS_AT_ONCE = 1 << 22
"""Of content that are compared: 65,536 pairs of 2,048 together took three times as long, and a gigabyte."""


@dataclass(frozen=True, slots=True)
class Setting:
    """``back``: what the way back counts; ``floor``: an edge between items that are nothing alike; ``decay``: weight of
    a wish against the next newer one."""

    back: float = 0.3
    floor: float = 0.3
    decay: float = 0.5


TRIED: Mapping[str, tuple[float, ...]] = {
    "back": (0.0, 0.6),
    "floor": (1.5,),
    "decay": (0.4, 0.6, 0.75),
}
"""On validation, one after another, beside those of a plain ``Setting``."""


class TransitionGraph(ByNeighbours):
    name = "transition_graph"

    def __init__(self, kind_weights: Mapping[Kind, float] = TARGET_WEIGHTS) -> None:
        """``kind_weights``: what it counts that an interaction of a kind came next."""
        self.kind_weights = kind_weights

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
        # The order of what shares a moment is nobody's.
        told = shuffled_within_moments(interactions, np.random.default_rng(seed))
        told = told.kept(np.flatnonzero(told.wishes))
        onward, content = _onward(told, self.kind_weights), _content(items)
        built: Setting | None = None

        def become(setting: Setting) -> None:
            nonlocal built
            self.decay = setting.decay
            # The edges do not hang on the decay.
            if built != (edges := replace(setting, decay=0.0)):
                built = edges
                self.neighbours = strongest(_edges(onward, content, setting), NEIGHBOURS)

        def tried(settings: Sequence[Setting]) -> Iterator[Setting]:
            for setting in settings:
                become(setting)
                yield setting

        best = Setting()
        become(best)
        if not validation:
            return
        judge = Judge(self, validation, items.count, seed=seed)
        for name, values in TRIED.items():
            if time.monotonic() > until:
                break
            if name == "floor" and content is None:
                continue
            settings = [best, *(replace(best, **{name: value}) for value in values)]
            best = choose(
                tried(settings), judge, stage=name, count=len(settings), until=until, progress=progress
            )
            become(best)


def _onward(told: Interactions, kind_weights: Mapping[Kind, float]) -> sparse.csr_matrix:
    """float32 [items, items]: how often one came after the other."""
    counts = target_weights(told.kind, told.value, kind_weights)
    shape = (told.item_count, told.item_count)
    found = sparse.csr_matrix(shape, dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        same = told.user[distance:] == told.user[:-distance]
        pairs = told.item[:-distance][same], told.item[distance:][same]
        weights = np.float32(FALL ** (distance - 1)) * counts[distance:][same]
        found = found + sparse.csr_matrix((weights, pairs), shape=shape)
    return found


def _content(items: Items) -> FloatArray | None:
    """float32 [items, d], unit vectors, zeros for an item without any; None if no item has."""
    parts = content_vectors(items, part_shapes(items))
    if not parts:
        return None
    return unit_in_place(np.concatenate(list(parts.values()), axis=1))


def _edges(onward: sparse.csr_matrix, content: FloatArray | None, setting: Setting) -> sparse.csr_matrix:
    """float32 [items, items]: both ways, rows over the roots of their sums, weighed by likeness of content; an edge
    that an end has none for weighs as they do on average."""
    graph = (onward + np.float32(setting.back) * onward.T).tocsr()
    graph.setdiag(0.0)
    graph.eliminate_zeros()
    sums = np.asarray(graph.sum(axis=1)).ravel()
    graph.data /= np.sqrt(np.repeat(sums, np.diff(graph.indptr)))
    if content is None:
        return graph
    here, there = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr)), graph.indices
    has = np.asarray(content.any(axis=1))
    alike = np.maximum(_cosines(content, here, there), 0.0)
    known = has[here] & has[there]
    alike[~known] = alike[known].mean() if known.any() else 0.0
    graph.data *= np.float32(setting.floor) + alike
    return graph


def _cosines(content: FloatArray, here: np.ndarray, there: np.ndarray) -> FloatArray:
    found = np.empty(len(here), dtype=np.float32)
    pairs = max(1, NUMBERS_AT_ONCE // content.shape[1])
    for start in range(0, len(here), pairs):
        some = slice(start, start + pairs)
        found[some] = np.einsum("ij,ij->i", content[here[some]], content[there[some]])
    return found
