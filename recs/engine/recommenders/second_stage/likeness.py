"""How alike two items are, by several measures: what the second stage reads of a candidate and a history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recs.engine.directions import leading_directions, unit_or_nothing
from recs.engine.interactions import FloatArray, IntArray, Interactions, Items
from recs.engine.recommenders.content_parts import content_vectors, part_shapes
from recs.engine.recommenders.wishes import wanted_matrix
from recs.engine.transformer.start import spectral_vectors

RETRIEVAL, TOGETHER, CONTENT = "retrieval", "together", "content"
TOGETHER_WIDTH, CONTENT_WIDTH = 128, 64
SPARSE = 0.1
"""Share of numbers that are not zero below which a sparse matrix is worth its indices."""


@dataclass(frozen=True, slots=True)
class Likenesses:
    """By measure: unit vectors float32 [items, width] that came through half precision, as they are kept; a row of
    zeros is like nothing."""

    vectors: dict[str, FloatArray]

    def of_pairs(self, candidates: IntArray, history: IntArray) -> Tensor:
        """[measures, b, c, n] cosines of ``candidates`` [b, c] to ``history`` [b, n]; -1 in either is like nothing."""
        found = []
        for vectors in self.vectors.values():
            here, there = (_rows(vectors, items) for items in (candidates, history))
            found.append(torch.bmm(here, there.transpose(1, 2)))
        return torch.stack(found)


def likenesses(
    interactions: Interactions, items: Items, *, retrieval: FloatArray | None, seed: int
) -> Likenesses:
    """``retrieval``: the vectors of a first stage that has them. Measures that tell nothing are left out."""
    wanted = wanted_matrix(interactions, items.count)
    vectors = {TOGETHER: spectral_vectors(wanted, dimension=TOGETHER_WIDTH, seed=seed)}
    if parts := content_vectors(items, part_shapes(items)):
        vectors[CONTENT] = _narrowed(np.concatenate(list(parts.values()), axis=1), seed=seed)
    if retrieval is not None:
        vectors[RETRIEVAL] = retrieval
    return Likenesses(
        {name: made.astype(np.float16).astype(np.float32) for name, made in vectors.items() if made.any()}
    )


def _narrowed(vectors: FloatArray, *, seed: int) -> FloatArray:
    """The leading directions alone, of unit length again."""
    # Attributes and categories alone are nearly all zeros, texts and pictures hardly any.
    few = np.count_nonzero(vectors) < SPARSE * vectors.size
    directions, _ = leading_directions(
        sparse.csr_matrix(vectors) if few else vectors, CONTENT_WIDTH, seed=seed
    )
    return unit_or_nothing(vectors @ directions)


def _rows(vectors: FloatArray, items: IntArray) -> Tensor:
    return torch.from_numpy(vectors[np.maximum(items, 0)] * (items >= 0)[..., None])
