"""``u' = f(u, X_u)``: a causal transformer over what a user did; nothing is learnt per user.

After SASRec (Kang and McAuley 2018, arXiv:1808.09781), pre-norm, with two changes: the input is the item
vector that serving searches in, so encoding needs no item table, and each position also says what was done,
how long after the interaction before, and with which value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recs.engine.interactions import FloatArray, IntArray, Kind
from recs.engine.transformer.alone import alone
from recs.engine.transformer.dropout import thinned
from recs.engine.transformer.sequence import GAP_BUCKETS


@dataclass(frozen=True, slots=True)
class UserTowerConfig:
    """``longest``: interactions that count, newest first.

    On a public file of 22,000 users, one seed each: 128 dimensions and a dropout of 0.5 reached a validation NDCG@10
    of .0753 after 12 epochs, 64 and 0.4 .0736 after 20 (two layers). One layer, of which a history has but the newest
    state worked out, is encoded in half the time of two: docs/engine.md has what it costs there and gains elsewhere.
    """

    dimension: int = 128
    layers: int = 1
    heads: int = 2
    longest: int = 50
    dropout: float = 0.5


class Block(nn.Module):
    """Pre-norm attention and feed-forward, causal."""

    def __init__(self, config: UserTowerConfig) -> None:
        super().__init__()
        width = config.dimension
        self.width, self.heads, self.head_width = width, config.heads, width // config.heads
        self.dropout = config.dropout
        self.attention_norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.forward_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        for last in (self.out, self.down):
            # Adds nothing at first: the start of the item vectors is a recommender already.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.mix(self.attention_norm(x)).unflatten(-1, (3, self.heads, self.head_width))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        mixed = (
            self._attended_thinly(query, key, value)
            if self.training
            else functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        )
        return self.fed_forward(x + self._thinned(self.out(mixed.transpose(1, 2).flatten(2))))

    def _attended_thinly(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The same attention with dropout, which torch's own draws number by number."""
        steps = query.shape[-2]
        ahead = torch.full((steps, steps), -torch.inf).triu(1)
        logits = (query * self.head_width**-0.5) @ key.mT + ahead
        return self._thinned(logits.softmax(-1)) @ value

    def newest(self, x: Tensor, last: Tensor | None) -> Tensor:
        """[b, d]: what ``forward`` gives at the places ``last`` [b], None for the last of all, and nowhere else."""
        normed = self.attention_norm(x)
        if last is None:
            return self.asking(x[:, -1], normed[:, -1], normed, None)
        rows = torch.arange(len(x))
        read = torch.arange(x.shape[1]) <= last[:, None]
        return self.asking(x[rows, last], normed[rows, last], normed, read)

    def asking(self, state: Tensor, asks: Tensor, offers: Tensor, read: Tensor | None) -> Tensor:
        """[b, d]: what becomes of one ``state`` [b, d] each, ``asks`` normed, that attends to ``offers`` [b, n, d]
        normed, where ``read`` bool [b, n] (None: everywhere).

        One query needs no keys and values: ``<q, K x + b> = <K' q, x>`` but for what is the same at every place, and
        the mean of ``V x + b`` is ``V`` of the mean.
        """
        width, weight, bias = self.width, self.mix.weight, self.mix.bias
        _, keys, values = weight.view(3, self.heads, self.head_width, width)
        query = functional.linear(asks, weight[:width], bias[:width])
        query = query.unflatten(1, (self.heads, self.head_width))
        asked = torch.bmm(query.transpose(0, 1), keys).transpose(0, 1)
        logits = torch.bmm(asked, offers.mT).mul_(self.head_width**-0.5)
        if read is not None:
            logits.masked_fill_(~read[:, None], -torch.inf)
        heard = torch.bmm(logits.softmax(-1), offers)
        mixed = torch.bmm(heard.transpose(0, 1), values.mT).transpose(0, 1).flatten(1)
        return self.fed_forward(state + self.out(mixed + bias[2 * width :]))

    def fed_forward(self, x: Tensor) -> Tensor:
        """The second half of the block, alike in shape, each state by itself."""
        return x + self._thinned(self.down(functional.gelu(self.up(self.forward_norm(x)))))

    def _thinned(self, x: Tensor) -> Tensor:
        return thinned(x, self.dropout) if self.training else x


class UserTower(nn.Module):
    """Item vectors of a history → unit vectors of the user after each of its interactions."""

    def __init__(self, config: UserTowerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.dimension
        self.position = nn.Embedding(config.longest, width)
        self.kind = nn.Embedding(max(Kind) + 1, width)
        self.gap = nn.Embedding(GAP_BUCKETS, width)
        self.value = nn.Linear(1, width, bias=False)
        for part in (self.kind, self.gap, self.value, self.position):
            nn.init.normal_(part.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor, kind: Tensor, gap: Tensor, value: Tensor, length: Tensor) -> Tensor:
        """Unit vectors [b, n, d]; rows are padded on the right, ``length`` [b].

        Positions count from the newest, so that "the last one" means the same whatever came before.
        """
        x = self._read(vectors, kind, gap, value, length)
        for block in self.blocks:
            x = block(x)
        return functional.normalize(self.norm(x).float(), dim=-1)

    def newest(self, vectors: Tensor, kind: Tensor, gap: Tensor, value: Tensor, length: Tensor) -> Tensor:
        """Unit vectors [b, d]: what ``forward`` gives at the last interaction of each history.

        Nothing but the newest state of the last block is worked out: of a single one that is next to all.
        """
        x = self._read(vectors, kind, gap, value, length)
        for block in self.blocks[:-1]:
            x = block(x)
        last = None if bool((length == vectors.shape[1]).all()) else (length - 1).clamp(min=0)
        state = cast("Block", self.blocks[-1]).newest(x, last)
        return functional.normalize(self.norm(state).float(), dim=-1)

    def _read(self, vectors: Tensor, kind: Tensor, gap: Tensor, value: Tensor, length: Tensor) -> Tensor:
        steps = torch.arange(vectors.shape[1], device=vectors.device)
        position = (length[:, None] - 1 - steps).clamp(0, self.config.longest - 1)
        # A unit vector's components are 1/sqrt(d) large: brought to about 1.
        x = torch.add(self.position(position), vectors, alpha=math.sqrt(self.config.dimension))
        x = x.add_(self.kind(kind)).add_(self.gap(gap)).addcmul_(value[..., None], self.value.weight[:, 0])
        return thinned(x, self.config.dropout) if self.training else x

    @torch.no_grad()
    def begin_with(self, whole: float) -> None:
        """Has an untrained tower begin by adding ``whole`` times the mean of what was read so far to each place.

        Its first block's attention, which is nearly even at first, passes on what it hears. Of 0, a place says itself
        alone.
        """
        if not whole:
            return
        block = cast("Block", self.blocks[0])
        alike = torch.eye(block.width)
        block.mix.weight[2 * block.width :] = alike
        block.mix.bias[2 * block.width :] = 0.0
        block.out.weight.copy_(whole * alike)

    @torch.no_grad()
    def adopt_unseen(self, *, kinds: IntArray, gaps: IntArray, longest: int) -> None:
        """Gives a meaning to what training has not shown; the arguments are what it has.

        A kind (a shop's first history may be purchases alone) means "something", as the rows do whose context
        was dropped; a gap means what the nearest gap seen does; a position what the furthest one does.
        """
        unseen = np.setdiff1d(np.arange(len(self.kind.weight)), kinds)
        self.kind.weight[unseen] = self.kind.weight[0].clone()
        if len(known := np.unique(gaps[gaps > 0])):
            for bucket in np.setdiff1d(np.arange(1, GAP_BUCKETS), known):
                nearest = int(known[np.abs(known - bucket).argmin()])
                self.gap.weight[int(bucket)] = self.gap.weight[nearest].clone()
        self.position.weight[longest:] = self.position.weight[max(0, longest - 1)].clone()

    @torch.inference_mode()
    def last_states(
        self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """float32 [b, d] from item vectors [b, n, d] padded on the right; a history of length 0 gives zeros."""
        if not lengths.any():
            return np.zeros((len(lengths), self.config.dimension), dtype=np.float32)
        if self.training:
            self.eval()
        if len(lengths) == 1 and lengths[0] == vectors.shape[1] and len(self.blocks) == 1:
            return alone(self)(vectors[0], kind[0], gap[0], value[0])[None]
        found: FloatArray = self.newest(*_tensors(vectors, kind, gap, value, lengths)).numpy()
        found[lengths == 0] = 0.0
        return found

    @torch.inference_mode()
    def states(
        self, vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
    ) -> FloatArray:
        """float32 [b, n, d]: the user after each interaction; rows of padding mean nothing."""
        if self.training:
            self.eval()
        found: FloatArray = self(*_tensors(vectors, kind, gap, value, lengths)).numpy()
        return found


def _tensors(
    vectors: FloatArray, kind: IntArray, gap: IntArray, value: FloatArray, lengths: IntArray
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(kind)),
        torch.from_numpy(gap),
        torch.from_numpy(value),
        torch.from_numpy(np.ascontiguousarray(lengths)),
    )
