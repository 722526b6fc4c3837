"""Batch norm, ReLU and the max-pool after them, as the stems of ResNets have them, without a map of the norm's results.

The norm and the ReLU leave the order of a channel's values as it is, or turn it about. So the pool looks for winners
among the values that go in, and all else is done with those, a quarter as many.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from barlowmatch.fast.loops import norm_passes, norms


def norm_relu_pool(norm: nn.BatchNorm2d, values: Tensor) -> Tensor:
    """Return the max-pool, 3×3 with a stride of 2 and a margin of 1, of relu(norm(values)), the norm in training.

    Args:
        norm: with weight, bias and running statistics in float32; the latter take in the batch.
        values: (N, C, H, W), float32 or bfloat16, on the CPU.
    """
    result: Tensor = _NormReluPool.apply(values, norm.weight, norm.bias, norm)
    return result


class _NormReluPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        x = values.contiguous(memory_format=torch.channels_last)
        coefficients, moments = norms.statistics(x, weight, bias, norm)
        winners, taps = _max_pool(x, coefficients)
        ctx.save_for_backward(x, winners, taps, coefficients, moments)
        return norms.apply(winners, None, coefficients, True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, winners, taps, coefficients, moments = ctx.saved_tensors
        gradient = gradients[0].to(x.dtype).contiguous(memory_format=torch.channels_last)
        sums, _ = norms.sum_gradients(winners, None, gradient, coefficients, moments, True)
        sums[3:] *= winners.numel() / x.numel()  # means are those of all values
        alone = sums.clone()
        alone[3:] = 0
        own = norms.gradient(winners, gradient, coefficients, alone, True).float()
        return _gradient(x, own, taps, sums), sums[0], sums[1], None


def _max_pool(x: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Return the winners of windows (N, C, ⌈H / 2⌉, ⌈W / 2⌉) and their places (N, ⌈H / 2⌉, ⌈W / 2⌉, C), from 0 to 8."""
    count, channels, height, width = x.shape
    taps = torch.empty(count, -(-height // 2), -(-width // 2), channels, dtype=torch.uint8)
    winners = torch.empty(taps.shape, dtype=x.dtype).permute(0, 3, 1, 2)
    rows = norms.pieces(count * taps.shape[1], channels * width)
    norms.in_pieces(rows, norm_passes.pool, norms.maps(x), coefficients.numpy(), norms.maps(winners), taps.numpy())
    return winners, taps


def _gradient(x: Tensor, own: Tensor, taps: Tensor, sums: Tensor) -> Tensor:
    """Return the gradient by x: what the norm adds to each, and the winners' own."""
    by_x = torch.empty_like(x)
    rows = norms.pieces(len(x) * x.shape[2], x.shape[1] * x.shape[3])
    norms.in_pieces(
        rows,
        norm_passes.gradient_of_pooled,
        norms.maps(x),
        norms.maps(own),
        taps.numpy(),
        sums.numpy(),
        norms.maps(by_x),
    )
    return by_x
