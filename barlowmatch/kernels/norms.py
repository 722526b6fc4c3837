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
import triton.language as tl
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

TILE = 4096
"""Numbers that a program loads at a time."""
PROGRAMS = 528
"""That sum up a matrix side by side: four for each processor of a large GPU."""
SPLITS = 64
"""Partial sums that the last program loads at a time."""
WARPS = 8


def norm_relu(values: Tensor, norm: nn.BatchNorm2d, added: Tensor | None = None, *, relu: bool = True) -> Tensor:
    """Return relu(norm(values) + added), with the norm in training; its running statistics take in the batch.

    Args:
        values: (N, C, H, W), float32 or bfloat16, on a GPU.
        norm: with weight, bias and running statistics in float32.
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
    _sums[(m.splits * m.across,)](
        x, partial, m.rows, m.columns, m.chunk, m.across, m.high, m.wide, num_warps=WARPS
    )  # fmt: skip
    _finish[(triton.cdiv(m.columns, 16),)](
        x, partial, weight, bias, norm.running_mean, norm.running_var, coefficients, moments, m.rows, m.columns,
        m.splits, norm.momentum, norm.eps, SPLITS, 16,
    )  # fmt: skip
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return coefficients, moments


def _apply(x: Tensor, added: Tensor | None, coefficients: Tensor, relu: bool) -> Tensor:
    m = _Matrix.of(x)
    y = torch.empty_like(x)
    _apply_tile[(m.tiles,)](
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
    _sum_gradients_chunk[(m.splits * m.across,)](
        x, y if y is not None else x, gradient, masked if masked is not None else gradient, coefficients, moments,
        partial, m.rows, m.columns, m.chunk, m.across, y is not None, relu, m.high, m.wide, num_warps=WARPS,
    )  # fmt: skip
    _finish_gradients[(triton.cdiv(m.columns, 16),)](
        partial, coefficients, moments, sums, m.rows, m.columns, m.splits, SPLITS, 16
    )
    return sums, masked


def _gradient(x: Tensor, gradient: Tensor, coefficients: Tensor, sums: Tensor, relu: bool) -> Tensor:
    m = _Matrix.of(x)
    by_x = torch.empty_like(x)
    _gradient_tile[(m.tiles,)](
        x, gradient, coefficients, sums, by_x, m.rows, m.columns, m.across, relu, m.high, m.wide, num_warps=WARPS
    )
    return by_x


@triton.jit
def _place(rows, columns, across, first, HIGH: tl.constexpr, WIDE: tl.constexpr):
    """Return the places of a tile's numbers, which are inside, its columns, and which of these are."""
    column = (tl.program_id(0) % across) * WIDE + tl.arange(0, WIDE)
    row = first + tl.arange(0, HIGH)
    there = column < columns
    places = row.to(tl.int64)[:, None] * columns + column[None, :]
    return places, (row < rows)[:, None] & there[None, :], column, there


@triton.jit
def _sums(x, partial, rows, columns, chunk, across, HIGH: tl.constexpr, WIDE: tl.constexpr):
    """Sum up a chunk of rows, and their squares, of the differences from the first row."""
    split = tl.program_id(0) // across
    column = (tl.program_id(0) % across) * WIDE + tl.arange(0, WIDE)
    shift = tl.load(x + column, mask=column < columns, other=0.0).to(tl.float32)
    total = tl.zeros([HIGH, WIDE], tl.float32)
    squares = tl.zeros([HIGH, WIDE], tl.float32)
    for start in range(0, chunk, HIGH):
        places, inside, _, _ = _place(rows, columns, across, split * chunk + start, HIGH, WIDE)
        value = tl.load(x + places, mask=inside, other=0.0).to(tl.float32)
        value = tl.where(inside, value - shift[None, :], 0.0)
        total += value
        squares += value * value
    out = partial + split * 2 * columns + column
    tl.store(out, tl.sum(total, 0), mask=column < columns)
    tl.store(out + columns, tl.sum(squares, 0), mask=column < columns)


@triton.jit
def _both_sums(partial, columns, splits, column, there, SPLITS: tl.constexpr, WIDE: tl.constexpr):
    """Add up the partial sums of all chunks."""
    one = tl.zeros([SPLITS, WIDE], tl.float32)
    other = tl.zeros([SPLITS, WIDE], tl.float32)
    for start in range(0, splits, SPLITS):
        split = start + tl.arange(0, SPLITS)
        inside = (split < splits)[:, None] & there[None, :]
        places = split[:, None] * 2 * columns + column[None, :]
        one += tl.load(partial + places, mask=inside, other=0.0)
        other += tl.load(partial + places + columns, mask=inside, other=0.0)
    return tl.sum(one, 0), tl.sum(other, 0)


@triton.jit
def _finish(
    x, partial, weight, bias, running_mean, running_var, coefficients, moments, rows, columns, splits, momentum, eps,
    SPLITS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Turn sums into mean and 1/deviation, into factor and summand, and into running statistics."""
    column = tl.program_id(0) * WIDE + tl.arange(0, WIDE)
    there = column < columns
    total, squares = _both_sums(partial, columns, splits, column, there, SPLITS, WIDE)
    offset = total / rows
    variance = squares / rows - offset * offset
    variance = tl.where(variance < 0.0, 0.0, variance)  # and not the larger of the two, which hides NaN
    mean = tl.load(x + column, mask=there, other=0.0).to(tl.float32) + offset
    inverse = 1.0 / tl.sqrt(variance + eps)
    factor = tl.load(weight + column, mask=there, other=0.0) * inverse
    tl.store(coefficients + column, factor, mask=there)
    tl.store(coefficients + columns + column, tl.load(bias + column, mask=there, other=0.0) - mean * factor, mask=there)
    tl.store(moments + column, mean, mask=there)
    tl.store(moments + columns + column, inverse, mask=there)
    old = tl.load(running_mean + column, mask=there, other=0.0)
    tl.store(running_mean + column, old + momentum * (mean - old), mask=there)
    old = tl.load(running_var + column, mask=there, other=0.0)
    tl.store(running_var + column, old + momentum * (variance * (rows / tl.maximum(rows - 1, 1)) - old), mask=there)


@triton.jit
def _apply_tile(
    x, added, coefficients, y, rows, columns, across, ADDS: tl.constexpr, RELU: tl.constexpr, HIGH: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    first = (tl.program_id(0) // across) * HIGH
    places, inside, column, there = _place(rows, columns, across, first, HIGH, WIDE)
    factor = tl.load(coefficients + column, mask=there, other=0.0)
    summand = tl.load(coefficients + columns + column, mask=there, other=0.0)
    value = tl.load(x + places, mask=inside, other=0.0).to(tl.float32) * factor[None, :] + summand[None, :]
    if ADDS:
        value += tl.load(added + places, mask=inside, other=0.0).to(tl.float32)
    if RELU:
        value = tl.where(value < 0.0, 0.0, value)
    tl.store(y + places, value, mask=inside)


@triton.jit
def _sum_gradients_chunk(
    x, y, gradient, masked, coefficients, moments, partial, rows, columns, chunk, across, BY_RESULT: tl.constexpr,
    RELU: tl.constexpr, HIGH: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Sum up a chunk's gradients that pass the ReLU, and these times the normalised values."""
    split = tl.program_id(0) // across
    column = (tl.program_id(0) % across) * WIDE + tl.arange(0, WIDE)
    there = column < columns
    factor = tl.load(coefficients + column, mask=there, other=0.0)
    summand = tl.load(coefficients + columns + column, mask=there, other=0.0)
    mean = tl.load(moments + column, mask=there, other=0.0)
    inverse = tl.load(moments + columns + column, mask=there, other=0.0)
    total = tl.zeros([HIGH, WIDE], tl.float32)
    products = tl.zeros([HIGH, WIDE], tl.float32)
    for start in range(0, chunk, HIGH):
        places, inside, _, _ = _place(rows, columns, across, split * chunk + start, HIGH, WIDE)
        value = tl.load(x + places, mask=inside, other=0.0).to(tl.float32)
        slope = tl.load(gradient + places, mask=inside, other=0.0).to(tl.float32)
        if BY_RESULT:
            slope = tl.where(tl.load(y + places, mask=inside, other=0.0).to(tl.float32) > 0.0, slope, 0.0)
            tl.store(masked + places, slope, mask=inside)
        elif RELU:
            slope = tl.where(value * factor[None, :] + summand[None, :] > 0.0, slope, 0.0)
        total += slope
        products += slope * ((value - mean[None, :]) * inverse[None, :])
    out = partial + split * 2 * columns + column
    tl.store(out, tl.sum(products, 0), mask=there)
    tl.store(out + columns, tl.sum(total, 0), mask=there)


@triton.jit
def _finish_gradients(
    partial, coefficients, moments, sums, rows, columns, splits, SPLITS: tl.constexpr, WIDE: tl.constexpr
):
    """Turn sums into the gradients by weight and bias, and by x: factor · gradient + slope · x + summand."""
    column = tl.program_id(0) * WIDE + tl.arange(0, WIDE)
    there = column < columns
    by_weight, by_bias = _both_sums(partial, columns, splits, column, there, SPLITS, WIDE)
    factor = tl.load(coefficients + column, mask=there, other=0.0)
    mean = tl.load(moments + column, mask=there, other=0.0)
    inverse = tl.load(moments + columns + column, mask=there, other=0.0)
    slope = -factor * inverse * by_weight / rows
    tl.store(sums + column, by_weight, mask=there)
    tl.store(sums + columns + column, by_bias, mask=there)
    tl.store(sums + 2 * columns + column, factor, mask=there)
    tl.store(sums + 3 * columns + column, slope, mask=there)
    tl.store(sums + 4 * columns + column, -factor * by_bias / rows - slope * mean, mask=there)


@triton.jit
def _gradient_tile(
    x, gradient, coefficients, sums, by_x, rows, columns, across, RELU: tl.constexpr, HIGH: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    first = (tl.program_id(0) // across) * HIGH
    places, inside, column, there = _place(rows, columns, across, first, HIGH, WIDE)
    factor = tl.load(sums + 2 * columns + column, mask=there, other=0.0)
    slope = tl.load(sums + 3 * columns + column, mask=there, other=0.0)
    summand = tl.load(sums + 4 * columns + column, mask=there, other=0.0)
    value = tl.load(x + places, mask=inside, other=0.0).to(tl.float32)
    own = tl.load(gradient + places, mask=inside, other=0.0).to(tl.float32)
    if RELU:
        shift = tl.load(coefficients + columns + column, mask=there, other=0.0)
        own = tl.where(value * factor[None, :] + shift[None, :] > 0.0, own, 0.0)
    result = own * factor[None, :] + value * slope[None, :] + summand[None, :]
    tl.store(by_x + places, result, mask=inside)
