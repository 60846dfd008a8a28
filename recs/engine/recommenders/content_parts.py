"""Unit vectors of what items are made of, one block of columns a part, for content-based recommendation.

Text and image: centred on the mean of training, for what all share says nothing. Attributes: tf-idf (Salton and
Buckley 1988), ``idf(a) = log(1 + items / items with a)``; category: one column each. Both beyond WIDTH columns are
hashed with random signs (Weinberger et al. 2009, arXiv:0902.2206), which leaves inner products right on average.
A part that an item lacks is zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recs.engine.interactions import FloatArray, IntArray, Items, present

PARTS = ("text", "image", "attributes", "category")
WIDTH = 2_048
"""Columns at most of attributes, and of categories."""


@dataclass(frozen=True, slots=True)
class PartShapes:
    """What training has seen: means of text and image (of length 0 for a part that is missing), ``idf`` of each
    attribute, 0 of a number that no item has, and how many categories there are."""

    text: FloatArray
    image: FloatArray
    idf: FloatArray
    categories: int

    @property
    def widths(self) -> dict[str, int]:
        """Columns of each part."""
        return {
            "text": len(self.text),
            "image": len(self.image),
            "attributes": min(int(np.count_nonzero(self.idf)), WIDTH),
            "category": min(self.categories, WIDTH),
        }


def part_shapes(items: Items) -> PartShapes:
    known = int(items.attribute_ids.max(initial=-1)) + 1
    with_attribute = np.bincount(items.attribute_ids, minlength=known)
    return PartShapes(
        text=_mean(items.text),
        image=_mean(items.image),
        idf=np.log1p(
            np.divide(items.count, with_attribute, out=np.zeros(known), where=with_attribute > 0)
        ).astype(np.float32),
        categories=0 if items.category is None else int(items.category.max(initial=-1)) + 1,
    )


def content_vectors(items: Items, shapes: PartShapes) -> dict[str, FloatArray]:
    """By part: float32 [items, width] of unit rows, zeros where an item lacks it; parts of width 0 are left out."""
    made = {
        "text": _centred(items.text, shapes.text, items.count),
        "image": _centred(items.image, shapes.image, items.count),
        "attributes": _attributes(items, shapes.idf),
        "category": _categories(items, shapes.categories),
    }
    return {part: vectors for part, vectors in made.items() if vectors.shape[1]}


def _mean(part: FloatArray | None) -> FloatArray:
    if part is None:
        return np.zeros(0, dtype=np.float32)
    there = present(part)
    if there.sum() < 2:
        return np.zeros(part.shape[1], dtype=np.float32)
    return part[there].mean(axis=0).astype(np.float32)


def _centred(part: FloatArray | None, mean: FloatArray, count: int) -> FloatArray:
    """Raises ValueError for vectors of another width than those of training."""
    if part is None or not len(mean):
        return np.zeros((count, len(mean)), dtype=np.float32)
    if part.shape != (count, len(mean)):
        raise ValueError(f"content vectors of shape {part.shape}, expected {(count, len(mean))}")
    return unit_in_place(
        np.where(present(part)[:, None], part - mean, np.float32(0)).astype(np.float32, copy=False)
    )


def _attributes(items: Items, idf: FloatArray) -> FloatArray:
    """Attributes that no item of training had are left out, and have no column."""
    met = np.flatnonzero(idf)
    result = np.zeros((items.count, min(len(met), WIDTH)), dtype=np.float32)
    if items.attribute_offsets is None or not len(met):
        return result
    rows = np.repeat(np.arange(items.count), np.diff(items.attribute_offsets))
    known = np.isin(items.attribute_ids, met)
    ids = items.attribute_ids[known]
    columns, signs = _hashed(len(met))
    place = np.searchsorted(met, ids)
    np.add.at(result, (rows[known], columns[place]), idf[ids] * signs[place])
    return unit_in_place(result)


def _categories(items: Items, known: int) -> FloatArray:
    result = np.zeros((items.count, min(known, WIDTH)), dtype=np.float32)
    if items.category is None or not known:
        return result
    rows = np.flatnonzero((items.category >= 0) & (items.category < known))
    columns, signs = _hashed(known)
    result[rows, columns[items.category[rows]]] = signs[items.category[rows]]
    return result


def _hashed(known: int) -> tuple[IntArray, FloatArray]:
    """Column and sign of each of ``known`` ids: a column each while they fit."""
    if known <= WIDTH:
        return np.arange(known), np.ones(known, dtype=np.float32)
    rng = np.random.default_rng(known)
    return rng.integers(0, WIDTH, known), rng.choice(np.array([-1.0, 1.0], dtype=np.float32), known)


def unit_in_place(vectors: FloatArray) -> FloatArray:
    """Rows of unit length, zeros stay; in place, for of a large catalogue they are large."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors
