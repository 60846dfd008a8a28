"""``c' = g(c, X_c)``: id embedding plus projected content, so that content alone places a new item.

Dropping the whole id at random in training (DropoutNet, Volkovs et al. 2017) is what makes the content part
able to stand alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from recs.engine.interactions import FloatArray, IntArray, Items, present
from recs.engine.transformer.content_start import content_weights
from recs.engine.transformer.dropout import thinned

PRICE_BANDS = 10
"""Deciles of the known prices."""
START = 0.3
"""Length of an id's first vector: those of content begin at about half of it."""
UNMET = 0.96
"""Length of the vector of an item that nobody has met, where all others have 1: it is wanted less often than what is
made like it, and at full length takes its place. docs/engine.md has what was measured."""


@dataclass(frozen=True, slots=True)
class ItemTowerConfig:
    """What an item is made of; a width or count of 0 leaves that part out."""

    dimension: int = 64
    items: int = 0
    text: int = 0
    image: int = 0
    categories: int = 0
    attributes: int = 0
    price_bounds: tuple[float, ...] = ()
    id_dropout: float = 0.1
    content_dropout: float = 0.2
    part_dropout: float = 0.25


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """Items as tensors, one row each; ``mask`` [items, parts] says which parts a row has."""

    known: Tensor
    text: Tensor
    image: Tensor
    category: Tensor
    price: Tensor
    attribute_ids: Tensor
    attribute_offsets: Tensor
    mask: Tensor

    def rows(self, chosen: Tensor) -> ItemFeatures:
        """The items ``chosen`` [m] alone, in that order."""
        starts = self.attribute_offsets[chosen]
        counts = self.attribute_offsets[chosen + 1] - starts
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
        places = torch.arange(int(offsets[-1])) + torch.repeat_interleave(starts - offsets[:-1], counts)
        return ItemFeatures(
            known=self.known[chosen],
            text=self.text[chosen],
            image=self.image[chosen],
            category=self.category[chosen],
            price=self.price[chosen],
            attribute_ids=self.attribute_ids[places],
            attribute_offsets=offsets,
            mask=self.mask[chosen],
        )


PLACED_AT_ONCE = 1 << 16
"""Items that are placed together: a million of them took several times the memory of their vectors."""
PARTS = ("id", "text", "image", "category", "price", "attributes")


def item_features(items: Items, known: IntArray, config: ItemTowerConfig) -> ItemFeatures:
    """Tensors of the parts that the tower was made for; ``known[i]`` is row i's trained id, -1 for a new item."""
    count = items.count
    mask = np.zeros((count, len(PARTS)), dtype=np.float32)
    mask[:, 0] = known >= 0
    text = _dense(items.text, count, config.text)
    mask[:, 1] = present(text) if config.text else 0
    image = _dense(items.image, count, config.image)
    mask[:, 2] = present(image) if config.image else 0
    category = np.full(count, -1) if items.category is None else np.asarray(items.category)
    category = np.where(category < config.categories, category, -1)
    mask[:, 3] = category >= 0
    price = np.full(count, np.nan) if items.price is None else np.asarray(items.price)
    priced = np.isfinite(price) & bool(config.price_bounds)
    mask[:, 4] = priced
    band = np.searchsorted(np.array(config.price_bounds), np.nan_to_num(price), side="right")
    ids, offsets = _attributes(items, config.attributes)
    mask[:, 5] = np.diff(offsets) > 0
    return ItemFeatures(
        known=torch.from_numpy(np.maximum(known, 0).astype(np.int64)),
        # Zeros, not masked later: an infinite number times nothing is no number, of which training makes more.
        text=torch.from_numpy(np.where(mask[:, 1:2] > 0, text, np.float32(0))),
        image=torch.from_numpy(np.where(mask[:, 2:3] > 0, image, np.float32(0))),
        category=torch.from_numpy(np.maximum(category, 0).astype(np.int64)),
        price=torch.from_numpy(np.where(priced, band, 0).astype(np.int64)),
        attribute_ids=torch.from_numpy(ids),
        attribute_offsets=torch.from_numpy(offsets),
        mask=torch.from_numpy(mask),
    )


def item_tower_config(items: Items, *, dimension: int) -> ItemTowerConfig:
    """The parts that these items have, for training on them."""
    bounds: np.ndarray | list[float]
    prices = items.price[np.isfinite(items.price)] if items.price is not None else np.zeros(0)
    bounds = np.unique(np.quantile(prices, np.linspace(0, 1, PRICE_BANDS + 1)[1:-1])) if len(prices) else []
    return ItemTowerConfig(
        dimension=dimension,
        items=items.count,
        text=0 if items.text is None else items.text.shape[1],
        image=0 if items.image is None else items.image.shape[1],
        categories=0 if items.category is None else int(items.category.max(initial=-1)) + 1,
        attributes=int(items.attribute_ids.max(initial=-1)) + 1,
        price_bounds=tuple(float(bound) for bound in bounds),
    )


class ItemTower(nn.Module):
    """Features → unit vectors [items, d], the same at the input and at the output of the user tower."""

    def __init__(self, config: ItemTowerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.dimension
        self.id = nn.Embedding(max(1, config.items), width)
        nn.init.normal_(self.id.weight, std=0.02)
        self.text = nn.Linear(config.text, width) if config.text else None
        self.image = nn.Linear(config.image, width) if config.image else None
        self.category = nn.Embedding(config.categories, width) if config.categories else None
        self.price = nn.Embedding(PRICE_BANDS + 1, width) if config.price_bounds else None
        self.attributes = (
            nn.EmbeddingBag(config.attributes, width, mode="mean") if config.attributes else None
        )
        for part in (self.category, self.price, self.attributes):
            if part is not None:
                nn.init.normal_(part.weight, std=0.02)
        for projection in (self.text, self.image):
            if projection is not None:
                # Unit-length input: components of the output start as large as those of an embedding.
                nn.init.normal_(projection.weight, std=0.02)
                nn.init.zeros_(projection.bias)

    @torch.no_grad()
    def start_from(self, vectors: FloatArray, features: ItemFeatures) -> None:
        """Gives the ids these unit vectors [items, d], and the parts of the content what they tell of them."""
        self.id.weight.copy_(torch.from_numpy(START * vectors))
        parts = {"text": self.text, "image": self.image, "category": self.category, "price": self.price}
        made = {
            name: part for name, part in {**parts, "attributes": self.attributes}.items() if part is not None
        }
        told = content_weights(
            {name: _block(name, features, len(part.weight)) for name, part in made.items()}, vectors
        )
        for name, part in made.items():
            weights = torch.from_numpy(START * told[name])
            part.weight.copy_(weights.T if isinstance(part, nn.Linear) else weights)

    def forward(self, features: ItemFeatures, ids: Tensor | None = None) -> Tensor:
        """``ids`` [items, d]: the id vectors, where the caller has taken them from the table."""
        mask = self._dropped(features.mask) if self.training else features.mask
        x = (self.id(features.known) if ids is None else ids) * mask[:, :1]
        if self.text is not None:
            x = x + self.text(self._noised(features.text)) * mask[:, 1:2]
        if self.image is not None:
            x = x + self.image(self._noised(features.image)) * mask[:, 2:3]
        if self.category is not None:
            x = x + self.category(features.category) * mask[:, 3:4]
        if self.price is not None:
            x = x + self.price(features.price) * mask[:, 4:5]
        if self.attributes is not None:
            bags = self.attributes(features.attribute_ids, features.attribute_offsets[:-1])
            x = x + self._noised(bags) * mask[:, 5:6]
        return functional.normalize(x, dim=-1, eps=1e-6)

    def _noised(self, part: Tensor) -> Tensor:
        return thinned(part, self.config.content_dropout) if self.training else part

    def _dropped(self, mask: Tensor) -> Tensor:
        """The id of some items is left out, where content remains to stand for it; so are parts of the content but for
        the text, where another remains: a new product may come without category and picture."""
        lone = mask[:, 1:].sum(dim=1) == 0
        keep = (torch.rand(len(mask)) >= self.config.id_dropout) | lone
        parts = mask[:, 2:] * (torch.rand(len(mask), mask.shape[1] - 2) >= self.config.part_dropout)
        bare = mask[:, 1] + parts.sum(dim=1) == 0
        parts = torch.where(bare[:, None], mask[:, 2:], parts)
        return torch.cat([mask[:, :1] * keep[:, None], mask[:, 1:2], parts], dim=1)

    @torch.inference_mode()
    def vectors(self, items: Items, *, known: IntArray | None = None) -> FloatArray:
        """float32 [items.count, d]: unit vectors, ``UNMET`` long where no id is known; zeros without any part."""
        self.eval()
        if known is None:
            known = np.full(items.count, -1, dtype=np.int64)
        features = item_features(items, known, self.config)
        if items.count <= PLACED_AT_ONCE:
            found: FloatArray = self(features).numpy()
        else:
            found = np.empty((items.count, self.config.dimension), dtype=np.float32)
            for rows in torch.arange(items.count).split(PLACED_AT_ONCE):
                found[rows[0] : rows[-1] + 1] = self(features.rows(rows)).numpy()
        found[known < 0] *= UNMET
        return found


def _dense(part: FloatArray | None, count: int, width: int) -> FloatArray:
    if part is None or not width:
        return np.full((count, max(1, width)), np.nan, dtype=np.float32)
    if part.shape != (count, width):
        raise ValueError(f"content vectors of shape {part.shape}, expected {(count, width)}")
    return np.ascontiguousarray(part, dtype=np.float32)


def _attributes(items: Items, known: int) -> tuple[IntArray, IntArray]:
    """Attributes beyond those of training are left out."""
    offsets = items.attribute_offsets
    if offsets is None or not known:
        return np.zeros(0, dtype=np.int64), np.zeros(items.count + 1, dtype=np.int64)
    keep = items.attribute_ids < known
    passed = np.concatenate([[0], np.cumsum(keep)])
    return items.attribute_ids[keep].astype(np.int64), passed[offsets].astype(np.int64)


def _block(part: str, features: ItemFeatures, width: int) -> sparse.csr_matrix | FloatArray:
    """What :class:`ItemTower` multiplies the weights of a part by: [items, width], zeros for an item without it."""
    if part in ("text", "image"):
        dense: FloatArray = getattr(features, part).numpy()
        return dense
    has = features.mask[:, PARTS.index(part)].numpy()
    if part == "attributes":
        offsets = features.attribute_offsets.numpy()
        counts = np.diff(offsets)
        shares = np.repeat(1.0 / np.maximum(counts, 1), counts).astype(np.float32)
        return sparse.csr_matrix((shares, features.attribute_ids.numpy(), offsets), shape=(len(has), width))
    rows = np.arange(len(has))
    return sparse.csr_matrix((has, (rows, getattr(features, part).numpy())), shape=(len(has), width))
