"""Leave one out: where the user would stand without some of their interactions, exactly, in one pass.

Encoding n histories of n - 1 interactions apart does the same work over and over. The tower is causal and counts
positions from the newest, so what stands before the first interaction left out is the same in all histories of one
length: such states are computed once. And only the newest state is asked for, so the last block computes no other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recs.engine.interactions import FloatArray, IntArray
from recs.engine.transformer.sequence import GAP_BUCKETS, gap_bucket, scaled_value
from recs.engine.transformer.user_tower import Block, UserTower


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A user with and without each of their items: ``whole`` float32 [d], ``without`` float32 [items, d].

    ``items`` int64, each once, that of the newest interaction first. The interactions with one item are one cause:
    they are left out together. ``whole`` comes from the same pass; both are rounded to halves, as what serves is.
    """

    items: IntArray
    whole: FloatArray
    without: FloatArray


@dataclass(frozen=True, slots=True)
class Shared:
    """Histories over a set of states, each computed once; and a state's input, which many of them have in common.

    ``row``, ``position`` and ``gap`` [inputs] are the interaction of an input, its position from the newest and its
    bucket of time. ``input`` [states]: the one that a state starts from. ``state`` [histories, width]: which state
    stands where, on the right of ``length`` [histories] any; ``first`` [states]: where, in that array laid flat, a
    state stands first.
    """

    row: IntArray
    position: IntArray
    gap: IntArray
    input: IntArray
    state: IntArray
    first: IntArray
    length: IntArray


def shared_states(time: IntArray, left_out: Sequence[IntArray]) -> Shared:
    """``time`` int64 [n] in seconds; ``left_out[i]`` are the places that history i lacks, at least one history."""
    count = len(time)
    kept = np.ones((len(left_out), count), dtype=bool)
    for history, places in enumerate(left_out):
        kept[history, places] = False
    length = kept.sum(axis=1)
    width = max(1, int(length.max()))
    row = np.argsort(~kept, axis=1, kind="stable")[:, :width]
    column = np.arange(width)
    # Before the first place left out, a state is told by the history's length and its place alone.
    untouched = np.where(kept.all(axis=1), count, kept.argmin(axis=1))
    whose = np.where(column < untouched[:, None], length[:, None], count + 1 + np.arange(len(kept))[:, None])
    inside = column < length[:, None]
    name = np.where(inside, whose * width + column, -1)
    _, first, state = np.unique(name, return_index=True, return_inverse=True)
    row, gap = row.ravel()[first], gap_bucket(time[row]).ravel()[first]
    position = np.maximum(length[:, None] - 1 - column, 0).ravel()[first]
    _, one, source = np.unique(
        (row * (count + 1) + position) * GAP_BUCKETS + gap, return_index=True, return_inverse=True
    )
    return Shared(
        row=row[one],
        position=position[one],
        gap=gap[one],
        input=source,
        state=state.reshape(name.shape),
        first=first,
        length=length,
    )


def places_by_item(item: IntArray) -> tuple[IntArray, list[IntArray]]:
    """Each item once, that of the newest interaction first, and the places of its interactions."""
    newest_first = dict.fromkeys(item[::-1].tolist())
    return np.array(list(newest_first), dtype=np.int64), [np.flatnonzero(item == one) for one in newest_first]


@torch.inference_mode()
def last_states_without(
    tower: UserTower,
    vectors: FloatArray,
    kind: IntArray,
    time: IntArray,
    value: FloatArray,
    left_out: Sequence[IntArray],
) -> FloatArray:
    """float32 [histories, d] from one history [n, d] and what each of the histories lacks of it.

    The same as encoding each history by itself, to rounding; zeros where nothing is left.
    """
    tower.eval()
    shared = shared_states(time, left_out)
    state, first, source = (torch.from_numpy(part) for part in (shared.state, shared.first, shared.input))
    length = torch.from_numpy(shared.length)
    x = _inputs(tower, shared, vectors, kind, value)
    *inner, last = (block for block in tower.blocks if isinstance(block, Block))
    for block in inner:
        x = _block(block, x, source, state, first)
        source = torch.arange(len(x))
    x = _last_block(last, x, source, state, length)
    return (functional.normalize(tower.norm(x), dim=-1) * (length > 0)[:, None]).numpy()


def _inputs(
    tower: UserTower, shared: Shared, vectors: FloatArray, kind: IntArray, value: FloatArray
) -> Tensor:
    """[inputs, d], as :meth:`UserTower.forward` begins."""
    x = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)) * math.sqrt(vectors.shape[1])
    x = x + tower.kind(torch.from_numpy(np.ascontiguousarray(kind)))
    x = x + tower.value(torch.from_numpy(scaled_value(value))[:, None])
    position, gap = torch.from_numpy(shared.position), torch.from_numpy(shared.gap)
    return x[torch.from_numpy(shared.row)] + tower.position(position) + tower.gap(gap)


def _block(block: Block, x: Tensor, source: Tensor, state: Tensor, first: Tensor) -> Tensor:
    """[inputs, d] → [states, d]: attention along each history, the rest once per state."""
    query, key, value = (
        _heads(part[state], block.heads)
        for part in block.mix(block.attention_norm(x))[source].chunk(3, dim=-1)
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    mixed = mixed.transpose(1, 2).reshape(-1, x.shape[1])[first]
    return block.fed_forward(x[source] + block.out(mixed))


def _last_block(block: Block, x: Tensor, source: Tensor, state: Tensor, length: Tensor) -> Tensor:
    """[inputs, d] → [histories, d]: of each history the newest state alone asks."""
    stands = source[state]
    newest = stands[torch.arange(len(length)), (length - 1).clamp(min=0)]
    normed = block.attention_norm(x)
    there = torch.arange(state.shape[1]) < length.clamp(min=1)[:, None]
    return block.asking(x[newest], normed[newest], normed[stands], there)


def _heads(x: Tensor, heads: int) -> Tensor:
    """[b, n, d] → [b, heads, n, d / heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
