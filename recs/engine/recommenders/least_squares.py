"""Weighted least squares for one side of a factorisation (Hu, Koren, Volinsky 2008), exact, without a system of
its own for each row.

A row with wishes ``i``, extra confidence ``d_i`` (confidence is ``1 + d_i``, 1 for all that was not touched) and
preference ``p_i`` has ``x = (Y'Y + Y'DY + λI)^-1 Y'(1 + D)p``. With ``Y'Y = QΛQ'`` computed once, the rotated
factors ``V = YQ`` of the n wishes, and ``S = (Λ + λ)^-1``, Woodbury's identity makes it a system of n unknowns
instead of k factors: ``x = Q S V'g``, ``(D^-1 + V S V') g = D^-1 (1 + D) p``. Rows longer than k are solved directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from scipy import sparse
from torch import Tensor

AT_ONCE = 1 << 23
"""Numbers of factors that a batch gathers: 32 MB."""
SMALLEST = 1e-6
"""Extra confidence that is still told from none in single precision."""


@dataclass(frozen=True, slots=True)
class Side:
    """The factors that stay fixed: ``factors`` [n, k], rotated so that ``factors' factors = diag(spectrum)``."""

    factors: Tensor
    spectrum: Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of like length, padded: ``index`` which rows [b]; ``columns``, ``extra`` (0: padding), ``preference``
    [b, n]."""

    index: Tensor
    columns: Tensor
    extra: Tensor
    preference: Tensor


def rotated(factors: Tensor) -> Side:
    """All inner products with the other side stay what they are when that is computed from this one."""
    spectrum, basis = torch.linalg.eigh(factors.double().T @ factors.double())
    return Side(factors @ basis.float(), spectrum.clamp(min=0.0).float())


def solve(
    side: Side, extra: sparse.csr_matrix, preference: sparse.csr_matrix | None, penalty: float
) -> Tensor:
    """float32 [rows, k]: the factors of each row in the basis of ``side``; zeros for an empty row.

    ``extra``: D, all entries above 0; ``preference``: of the same structure, None for 1 everywhere.
    """
    result = torch.zeros(extra.shape[0], side.factors.shape[1])
    for rows in _batches(extra, preference, side.factors.shape[1]):
        result[rows.index] = factors_of(side, rows, penalty)
    return result


def factors_of(side: Side, rows: Rows, penalty: float) -> Tensor:
    """float32 [b, k]."""
    vectors = side.factors[rows.columns] * (rows.extra > 0)[..., None]
    scale = 1.0 / (side.spectrum + penalty)
    wanted = (1.0 + rows.extra) * rows.preference * (rows.extra > 0)
    if rows.columns.shape[1] > side.factors.shape[1]:
        system = (vectors * rows.extra[..., None]).transpose(1, 2) @ vectors
        system.diagonal(dim1=1, dim2=2).add_(1.0 / scale)
        right = (vectors * wanted[..., None]).sum(dim=1)
        return torch.cholesky_solve(right[..., None], torch.linalg.cholesky(system))[..., 0]
    inverse = 1.0 / torch.where(rows.extra > 0, rows.extra, 1.0)
    system = (vectors * scale) @ vectors.transpose(1, 2)
    system.diagonal(dim1=1, dim2=2).add_(inverse)
    shares = torch.cholesky_solve((wanted * inverse)[..., None], torch.linalg.cholesky(system))
    return scale * (vectors.transpose(1, 2) @ shares)[..., 0]


def _batches(extra: sparse.csr_matrix, preference: sparse.csr_matrix | None, factors: int) -> Iterator[Rows]:
    """Rows in the order of their length, so that little is padding."""
    starts = torch.from_numpy(extra.indptr.astype("int64"))
    columns = torch.from_numpy(extra.indices.astype("int64"))
    data = torch.from_numpy(extra.data).clamp(min=SMALLEST)
    liking = torch.ones_like(data) if preference is None else torch.from_numpy(preference.data)
    lengths = starts.diff()
    order = torch.argsort(lengths, stable=True)
    first = int((lengths == 0).sum())
    while first < len(order):
        # The batch shrinks as rows grow: its last row decides how far it is padded.
        last = min(len(order), first + max(1, AT_ONCE // (factors * int(lengths[order[first]]))))
        while last - first > 1 and (last - first) * int(lengths[order[last - 1]]) * factors > 2 * AT_ONCE:
            last = first + (last - first) // 2
        index = order[first:last]
        width = torch.arange(int(lengths[index[-1]]))
        inside = width < lengths[index][:, None]
        places = torch.where(inside, starts[index][:, None] + width, 0)
        yield Rows(index, columns[places] * inside, data[places] * inside, liking[places])
        first = last
