"""Batch norm, what is added to it, and the ReLU after it, as few passes over memory as they can be.

Tensors are seen as matrices: a row for each pixel of each image, a column for each channel, which is how channels-last
memory holds them. Forward: a pass that reads x and sums it up, and one that reads x (and what is added) and writes the
result. Back: one that sums up gradients, and one that writes them. Torch takes a pass for each operation.

Sums are of the differences from the first row, so that a mean far from zero costs no digits, and are added up in an
order that is always the same.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Passes(Protocol):
    """The passes on one kind of device; matrices are tensors (N, C, H, W), channels_last."""

    def statistics(self, x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        """Return factor and summand of each channel, mean and 1/deviation, (2, C) each; keep running statistics."""

    def apply(self, x: Tensor, added: Tensor | None, coefficients: Tensor, relu: bool) -> Tensor:
        """Return relu(factor · x + summand + added)."""

    def sum_gradients(
        self, x: Tensor, y: Tensor | None, gradient: Tensor, coefficients: Tensor, moments: Tensor, relu: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the gradients by weight and bias and the coefficients of the gradient by x (5, C).

        With `y`, the result, also the gradient that passed the ReLU.
        """

    def gradient(self, x: Tensor, gradient: Tensor, coefficients: Tensor, sums: Tensor, relu: bool) -> Tensor:
        """Return the gradient by x; `relu` says whether the gradient has yet to pass it."""


def norm_relu(
    passes: Passes, norm: nn.BatchNorm2d, values: Tensor, added: Tensor | None = None, *, relu: bool = True
) -> Tensor:
    """Return relu(norm(values) + added), with the norm in training; its running statistics take in the batch.

    Args:
        passes: those of the values' device.
        norm: with weight, bias and running statistics in float32.
        values: (N, C, H, W), of a type that the passes know.
        added: of the same shape; None = nothing.
        relu: whether there is one.
    """
    result: Tensor = _NormRelu.apply(values, added, norm.weight, norm.bias, passes, norm, relu)
    return result


class _NormRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, added: Tensor | None, weight: Tensor, bias: Tensor, passes: Passes,
        norm: nn.BatchNorm2d, relu: bool,
    ) -> Tensor:  # fmt: skip
        x = _channels_last(values)
        other = None if added is None else _channels_last(added.to(x.dtype))
        coefficients, moments = passes.statistics(x, weight, bias, norm)
        y = passes.apply(x, other, coefficients, relu)
        # Where nothing was added, x tells which outputs were positive.
        ctx.save_for_backward(x, y if relu and other is not None else None, coefficients, moments)
        ctx.passes, ctx.relu, ctx.adds = passes, relu, other is not None
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, y, coefficients, moments = ctx.saved_tensors
        gradient = _channels_last(gradients[0].to(x.dtype))
        sums, masked = ctx.passes.sum_gradients(x, y, gradient, coefficients, moments, ctx.relu)
        own = gradient if masked is None else masked
        by_x = ctx.passes.gradient(x, own, coefficients, sums, ctx.relu and masked is None)
        return by_x, own if ctx.adds else None, sums[0], sums[1], None, None, None


def _channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last)
