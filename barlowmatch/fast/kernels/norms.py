"""The passes of `barlowmatch.fast.norms` on a GPU: Triton's kernels (`norm_passes.py`), launched."""

from dataclasses import dataclass

import torch
import triton
from torch import Tensor, nn

from barlowmatch.fast.kernels import norm_passes

TILE = 4096
"""Numbers that a program loads at a time."""
PROGRAMS = 528
"""That sum up a matrix side by side: four for each processor of a large GPU."""
SPLITS = 64
"""Partial sums that the last program loads at a time."""
WARPS = 8


@dataclass(frozen=True)
class _Matrix:
    """How a tensor (N, C, H, W) is cut into tiles.

    Attributes:
        rows: N · H · W.
        columns: C.
        wide: columns of a tile.
        high: rows of a tile.
    """

    rows: int
    columns: int
    wide: int
    high: int

    @classmethod
    def of(cls, values: Tensor) -> "_Matrix":
        columns = values.shape[1]
        wide = min(128, triton.next_power_of_2(columns))
        return cls(values.numel() // columns, columns, wide, TILE // wide)

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return int(triton.cdiv(self.columns, self.wide))

    @property
    def tiles(self) -> int:
        """All tiles."""
        return int(triton.cdiv(self.rows, self.high)) * self.across

    @property
    def chunk(self) -> int:
        """Rows that one program sums up, whole tiles."""
        splits = max(1, PROGRAMS // self.across)
        return int(triton.cdiv(triton.cdiv(self.rows, splits), self.high)) * self.high

    @property
    def splits(self) -> int:
        """Programs that share the rows of a column."""
        return int(triton.cdiv(self.rows, self.chunk))


def statistics(x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return factor and summand of each channel (2, C), and mean and 1/deviation (2, C); keep running statistics."""
    m = _Matrix.of(x)
    partial = torch.empty(m.splits, 2, m.columns, device=x.device)
    coefficients, moments = (torch.empty(2, m.columns, device=x.device) for _ in range(2))
    norm_passes.sum_up[(m.splits * m.across,)](
        x, partial, m.rows, m.columns, m.chunk, m.across, m.high, m.wide, num_warps=WARPS
    )  # fmt: skip
    norm_passes.finish[(triton.cdiv(m.columns, 16),)](
        x, partial, weight, bias, norm.running_mean, norm.running_var, coefficients, moments, m.rows, m.columns,
        m.splits, norm.momentum, norm.eps, SPLITS, 16,
    )  # fmt: skip
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return coefficients, moments


def apply(x: Tensor, added: Tensor | None, coefficients: Tensor, relu: bool) -> Tensor:
    """Return relu(factor · x + summand + added)."""
    m = _Matrix.of(x)
    y = torch.empty_like(x)
    norm_passes.apply[(m.tiles,)](
        x, added if added is not None else x, coefficients, y, m.rows, m.columns, m.across, added is not None, relu,
        m.high, m.wide, num_warps=WARPS,
    )  # fmt: skip
    return y


def sum_gradients(
    x: Tensor, y: Tensor | None, gradient: Tensor, coefficients: Tensor, moments: Tensor, relu: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients by weight and bias and the coefficients of the gradient by x (5, C).

    With `y`, the result, also the gradient that passed the ReLU.
    """
    m = _Matrix.of(x)
    partial = torch.empty(m.splits, 2, m.columns, device=x.device)
    sums = torch.empty(5, m.columns, device=x.device)
    masked = None if y is None else torch.empty_like(gradient)
    norm_passes.sum_gradients[(m.splits * m.across,)](
        x, y if y is not None else x, gradient, masked if masked is not None else gradient, coefficients, moments,
        partial, m.rows, m.columns, m.chunk, m.across, y is not None, relu, m.high, m.wide, num_warps=WARPS,
    )  # fmt: skip
    norm_passes.finish_gradients[(triton.cdiv(m.columns, 16),)](
        partial, coefficients, moments, sums, m.rows, m.columns, m.splits, SPLITS, 16
    )
    return sums, masked


def gradient(x: Tensor, gradient: Tensor, coefficients: Tensor, sums: Tensor, relu: bool) -> Tensor:
    """Return the gradient by x; `relu` says whether the gradient has yet to pass it."""
    m = _Matrix.of(x)
    by_x = torch.empty_like(x)
    norm_passes.gradient[(m.tiles,)](
        x, gradient, coefficients, sums, by_x, m.rows, m.columns, m.across, relu, m.high, m.wide, num_warps=WARPS
    )
    return by_x
