"""One history encoded without Python's share of the time.

Of the 0.94 ms that the tower's newest state of fifty interactions took on one thread, 0.33 were Python between some
eighty small operations; of ten, 0.34 of 0.72. A trace runs the same operations, to the same bit, from C++. It reads the
tower's own weights, so what is learnt or loaded later is what it uses. Batches are not worth it: they share those 0.3.

``torch.jit`` is deprecated in favour of ``torch.compile`` and ``torch.export``, which want a C++ compiler where the
shop runs, or a graph for each length; torch is pinned, and without this module ``newest`` answers alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Newest = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

_TRACES: WeakKeyDictionary[nn.Module, Newest] = WeakKeyDictionary()
_TRACING = Lock()
"""One thread at a time: what ``warnings`` leaves unsaid is the process's, and two of them would bring back what the
other had silenced."""
LENGTH = 3
"""Of the history that is traced; any would do."""


class _OfOne(nn.Module):
    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, vectors: Tensor, kind: Tensor, gap: Tensor, value: Tensor, length: Tensor) -> Tensor:
        newest: Tensor = self.tower.newest(vectors, kind, gap, value, length)
        return newest


def newest_of_one(tower: nn.Module, width: int) -> Newest:
    """``tower.newest`` for a batch of one history without padding, of any length; the tower is in evaluation."""
    if (made := _TRACES.get(tower)) is None:
        with _TRACING:
            if (made := _TRACES.get(tower)) is None:
                made = _TRACES[tower] = _traced(tower, width)
    return made


def _traced(tower: nn.Module, width: int) -> Newest:
    none = torch.zeros(1, LENGTH, dtype=torch.int64)
    example = (torch.zeros(1, LENGTH, width), none, none, torch.zeros(1, LENGTH), torch.tensor([LENGTH]))
    with warnings.catch_warnings():
        # Deprecation, and that the number of histories and the width are taken for constants, which they are.
        warnings.simplefilter("ignore")
        made: Newest = torch.jit.trace(_OfOne(tower).eval(), example, check_trace=False)
    return made
