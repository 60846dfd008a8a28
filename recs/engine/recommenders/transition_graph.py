"""Where shoppers went on to: a graph of transitions between items, its edges ranked by likeness of content.

``s(i, j) = sum over d of FALL^(d-1) (n_d(i, j) + BACK n_d(j, i)) / sqrt(n(i)) · (FLOOR + max(0, cos(c_i, c_j)))``,
where ``n_d(i, j)`` counts how often j came d wishes after i, d up to WINDOW, and ``n(i)`` is the sum of the row: a
Markov chain of several steps at once (of which FPMC, Rendle et al. 2010, and Fossil, He and McAuley 2016, learn
factors), with the likeness of content for what a few counts cannot tell. Nothing is trained, and alone it validates as
a transformer does on short histories. A source of the hybrid.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from recs.engine.interactions import FloatArray, HeldOut, Interactions, Items, wanted
from recs.engine.recommender import Budget, ProgressCallback
from recs.engine.recommenders.content_parts import content_vectors, part_shapes
from recs.engine.recommenders.neighbourhood import ByNeighbours, strongest
from recs.engine.recommenders.popularity import popularity
from recs.engine.recommenders.tuning import Judge, choose
from recs.engine.transformer.batches import target_weights
from recs.engine.transformer.sequence import shuffled_within_moments

WINDOW, FALL, BACK, FLOOR = 5, 0.7, 0.3, 0.3
"""Validation NDCG@10 of 8,000 rows of two public files: .0732 and .0852; a window of 1 alone .0635 on the first; BACK
0 / 0.6: .0728 / .0714 and .0848 / .0819; FLOOR 1.5: .0727 and .0820, without content .0706 and .0783."""
DECAYS = (0.5, 0.4, 0.6, 0.75)
"""Weight of a wish against the next newer one; tried on validation, without it the first."""
NEIGHBOURS = 200
"""Kept per item."""
PAIRS_AT_ONCE = 1 << 16


class TransitionGraph(ByNeighbours):
    name = "transition_graph"

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
        told = told.kept(np.flatnonzero(wanted(told.kind, told.value) & (told.item >= 0)))
        self.neighbours = strongest(_likened(_transitions(told), items), NEIGHBOURS)
        self.decay = DECAYS[0]
        if validation:
            self.decay = choose(
                self._decays(),
                Judge(self, validation, items.count, seed=seed),
                stage="choosing the decay",
                count=len(DECAYS),
                until=until,
                progress=progress,
            )

    def _decays(self) -> Iterator[float]:
        for self.decay in DECAYS:
            yield self.decay


def _transitions(told: Interactions) -> sparse.csr_matrix:
    """float32 [items, items], rows over the roots of their sums; a wish counts as much as to a training."""
    counts = target_weights(told.kind, told.value)
    shape = (told.item_count, told.item_count)
    found = sparse.csr_matrix(shape, dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        same = told.user[distance:] == told.user[:-distance]
        pairs = told.item[:-distance][same], told.item[distance:][same]
        weights = np.float32(FALL ** (distance - 1)) * counts[distance:][same]
        found = found + sparse.csr_matrix((weights, pairs), shape=shape)
    found = (found + np.float32(BACK) * found.T).tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    sums = np.asarray(found.sum(axis=1)).ravel()
    found.data /= np.sqrt(np.repeat(sums, np.diff(found.indptr)))
    return found


def _likened(graph: sparse.csr_matrix, items: Items) -> sparse.csr_matrix:
    """The graph with its edges weighed by likeness of content; one that an end has none for weighs as they do on
    average."""
    parts = content_vectors(items, part_shapes(items))
    if not parts:
        return graph
    content = np.concatenate(list(parts.values()), axis=1)
    lengths = np.linalg.norm(content, axis=1)
    content /= np.maximum(lengths, 1e-9)[:, None]
    here, there = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr)), graph.indices
    alike = np.maximum(_cosines(content, here, there), 0.0)
    known = (lengths[here] > 0) & (lengths[there] > 0)
    alike[~known] = alike[known].mean() if known.any() else 0.0
    graph.data *= FLOOR + alike
    return graph


def _cosines(content: FloatArray, here: np.ndarray, there: np.ndarray) -> FloatArray:
    found = np.empty(len(here), dtype=np.float32)
    for start in range(0, len(here), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        found[some] = np.einsum("ij,ij->i", content[here[some]], content[there[some]])
    return found
