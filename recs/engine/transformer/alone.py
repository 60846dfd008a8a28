"""One history encoded by numpy: the newest state of a tower of one layer.

A shopper waits for one vector, which takes little arithmetic but some sixty small operations, and numpy spends less on
each than torch: half the time of a trace (docs/engine.md has the figures). Batches are torch's. The arrays are views of
the tower's own weights, so what is learnt or loaded later is what it uses.
"""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.special import erf
from torch import Tensor, nn

from recs.engine.interactions import FloatArray, IntArray

_MADE: WeakKeyDictionary[nn.Module, Alone] = WeakKeyDictionary()
SMALLEST = np.float32(1e-12)
"""Length below which torch, too, makes no unit vector of one."""


def alone(tower: Any) -> Alone:
    """What encodes one history as this :class:`UserTower` of one layer does, made once for each."""
    if (made := _MADE.get(tower)) is None:
        made = _MADE[tower] = Alone(tower)
    return made


class Alone:
    """Called, it gives :meth:`UserTower.newest` of one history, to rounding: a unit vector float32 [d] from item
    vectors [n, d] and kind, gap and value [n], n at least 1."""

    def __init__(self, tower: Any) -> None:
        (block,) = tower.blocks
        width, heads, self.head_width = block.width, block.heads, block.head_width
        self.scale, self.cooler = np.float32(math.sqrt(width)), np.float32(self.head_width**-0.5)
        self.position, self.kind, self.gap = map(
            _view, (tower.position.weight, tower.kind.weight, tower.gap.weight)
        )
        self.value = _view(tower.value.weight)[:, 0]
        mix, bias = _view(block.mix.weight), _view(block.mix.bias)
        self.query, self.query_bias = mix[:width], bias[:width]
        _, self.keys, self.values = mix.reshape(3, heads, self.head_width, width)
        self.values_bias = bias[2 * width :]
        self.attention_norm, self.forward_norm, self.norm = map(
            _Norm, (block.attention_norm, block.forward_norm, tower.norm)
        )
        self.out, self.up, self.down = map(_Linear, (block.out, block.up, block.down))

    def __call__(self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray) -> FloatArray:
        x = np.multiply(vectors, self.scale, dtype=np.float32)
        x += self.position[: len(x)][::-1]
        x += self.kind.take(kind, axis=0)
        x += self.gap.take(gap, axis=0)
        x += value[:, None] * self.value
        state = x[-1] + self.out(self._heard(self.attention_norm(x)))
        state += self.down(_gelu(self.up(self.forward_norm(state))))
        found = self.norm(state)
        found /= max(np.sqrt(found @ found), SMALLEST)
        return found

    def _heard(self, offers: FloatArray) -> FloatArray:
        """[d] of ``offers`` [n, d], of which the last asks: as :meth:`Block.asking`."""
        query = self.query @ offers[-1]
        query += self.query_bias
        query *= self.cooler
        asked = np.matmul(query.reshape(-1, 1, self.head_width), self.keys)[:, 0]
        weights = asked @ offers.T
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=1, keepdims=True)
        mixed: FloatArray = np.matmul(self.values, (weights @ offers)[..., None]).reshape(-1)
        mixed += self.values_bias
        return mixed


class _Linear:
    """Of one row [d]."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.bias = _view(layer.weight), _view(layer.bias)

    def __call__(self, x: FloatArray) -> FloatArray:
        found: FloatArray = self.weight @ x
        found += self.bias
        return found


class _Norm:
    """Of the last axis of [..., d]."""

    def __init__(self, layer: nn.LayerNorm) -> None:
        self.weight, self.bias = _view(layer.weight), _view(layer.bias)
        # A product with it is a mean, which numpy takes longer for.
        self.mean, self.least = np.full_like(self.weight, 1 / len(self.weight)), np.float32(layer.eps)

    def __call__(self, x: FloatArray) -> FloatArray:
        x = x - (x @ self.mean)[..., None]
        x /= np.sqrt(np.square(x) @ self.mean + self.least)[..., None]
        x *= self.weight
        x += self.bias
        return x


def _gelu(x: FloatArray) -> FloatArray:
    """Hendrycks and Gimpel 2016, exactly."""
    told: FloatArray = erf(x * np.float32(math.sqrt(0.5)))
    told += np.float32(1)
    told *= x
    told *= np.float32(0.5)
    return told


def _view(weight: Tensor) -> FloatArray:
    seen: FloatArray = weight.detach().numpy()
    return seen
