"""The network of the second stage: from likenesses to a correction for each kind of answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recs.engine.interactions import Kind
from recs.engine.recommenders.second_stage.answers import HEADS

LONGEST = 20
"""Interactions of a history that are attended to, the newest."""
ATTENTIONS = 2
HIDDEN = 32
DROPOUT = 0.1


class Ranker(nn.Module):
    """Corrections by head, from likenesses."""

    def __init__(self, measures: int, facts: int) -> None:
        super().__init__()
        self.facts = facts
        self.sharpness = nn.Parameter(torch.zeros(()))
        self.attend = nn.Parameter(0.3 * torch.randn(ATTENTIONS, measures))
        self.newness = nn.Parameter((-0.2 * torch.arange(LONGEST)).repeat(ATTENTIONS, 1))
        self.kind = nn.Embedding(max(Kind) + 1, ATTENTIONS)
        width = 1 + facts + measures * (3 + ATTENTIONS)
        last = nn.Linear(HIDDEN, len(HEADS))
        self.mix = nn.Sequential(
            nn.Linear(width, HIDDEN),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            last,
        )
        for zero in (last.weight, last.bias, self.kind.weight):
            nn.init.zeros_(zero)

    def forward(self, likeness: Tensor, kind: Tensor, length: Tensor, about: Tensor) -> Tensor:
        """[b, c, heads] from ``likeness`` [measures, b, c, n], newest first, ``kind`` [b, n], ``length`` [b] and what
        is known of the candidates beside their likeness, ``about`` [b, c, facts]."""
        size = likeness.shape[-1]
        inside = (torch.arange(size) < length[:, None])[:, None]
        count = length.clamp(min=1)[:, None, None]
        parts = [about, length.float().log1p()[:, None, None].expand(*about.shape[:2], 1)]
        parts += [likeness[..., 0].movedim(0, -1)]
        parts += [likeness.masked_fill(~inside, -torch.inf).amax(-1).nan_to_num(neginf=0.0).movedim(0, -1)]
        parts += [likeness.sum(-1).movedim(0, -1) / count]
        for attention in range(ATTENTIONS):
            logits = torch.tensordot(self.attend[attention], likeness, dims=1)
            logits = logits + (self.newness[attention, :size] + self.kind(kind)[..., attention])[:, None]
            weights = logits.masked_fill(~inside, -1e9).softmax(-1)
            parts.append((likeness * weights).sum(-1).movedim(0, -1))
        corrections: Tensor = self.mix(torch.cat(parts, -1)) / self.sharpness.exp()
        return corrections * (length > 0)[:, None, None]
