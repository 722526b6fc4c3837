"""Batch norm, what is added to it, and the ReLU after it, as few passes over memory as they can be.

Tensors are seen as matrices: a row for each pixel of each image, a column for each channel, which is how channels-last
memory holds them. Forward: a pass that reads x and sums it up, and one that reads x (and what is added) and writes the
result. Back: one that sums up gradients, and one that writes them. Torch takes a pass for each operation.

Sums are of the differences from the first row, so that a mean far from zero costs no digits, and are added up in an
order that is always the same.
"""

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from barlowmatch.kernels import norm_passes

TILE = 4096
"""Numbers that a program loads at a time."""
PROGRAMS = 528
"""That sum up a matrix side by side: four for each processor of a large GPU."""
SPLITS = 64
"""Partial sums that the last program loads at a time."""
WARPS = 8


def norm_relu(norm: nn.BatchNorm2d, values: Tensor, added: Tensor | None = None, *, relu: bool = True) -> Tensor:
    """Return relu(norm(values) + added), with the norm in training; its running statistics take in the batch.

    Args:
        norm: with weight, bias and running statistics in float32.
        values: (N, C, H, W), float32 or bfloat16, on a GPU.
        added: of the same shape; None = nothing.
        relu: whether there is one.
    """
    result: Tensor = _NormRelu.apply(values, added, norm.weight, norm.bias, norm, relu)
    return result


class _NormRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, added: Tensor | None, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d, relu: bool
    ) -> Tensor:
        x = _channels_last(values)
        other = None if added is None else _channels_last(added.to(x.dtype))
        coefficients, moments = _statistics(x, weight, bias, norm)
        y = _apply(x, other, coefficients, relu)
        # Where nothing was added, x tells which outputs were positive.
        ctx.save_for_backward(x, y if relu and other is not None else None, coefficients, moments)
        ctx.relu, ctx.adds = relu, other is not None
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, y, coefficients, moments = ctx.saved_tensors
        gradient = _channels_last(gradients[0].to(x.dtype))
        sums, masked = _sum_gradients(x, y, gradient, coefficients, moments, ctx.relu)
        by_x = _gradient(x, masked if masked is not None else gradient, coefficients, sums, ctx.relu and masked is None)
        added = (gradient if masked is None else masked) if ctx.adds else None
        return by_x, added, sums[0], sums[1], None, None


def _channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last)


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


def _statistics(x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
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


def _apply(x: Tensor, added: Tensor | None, coefficients: Tensor, relu: bool) -> Tensor:
    m = _Matrix.of(x)
    y = torch.empty_like(x)
    norm_passes.apply[(m.tiles,)](
        x, added if added is not None else x, coefficients, y, m.rows, m.columns, m.across, added is not None, relu,
        m.high, m.wide, num_warps=WARPS,
    )  # fmt: skip
    return y


def _sum_gradients(
    x: Tensor, y: Tensor | None, gradient: Tensor, coefficients: Tensor, moments: Tensor, relu: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients by weight and bias and what the gradient by x is made of (5, C).

    With `y`, also the gradient that passed the ReLU.
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


def _gradient(x: Tensor, gradient: Tensor, coefficients: Tensor, sums: Tensor, relu: bool) -> Tensor:
    m = _Matrix.of(x)
    by_x = torch.empty_like(x)
    norm_passes.gradient[(m.tiles,)](
        x, gradient, coefficients, sums, by_x, m.rows, m.columns, m.across, relu, m.high, m.wide, num_warps=WARPS
    )
    return by_x
