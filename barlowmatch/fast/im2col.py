"""Convolutions of small maps in bfloat16 on a CPU as matrix products (im2col: Chellapilla et al. 2006, section 3).

What a filter sees of an image becomes a row of a matrix; all its filters are one product with it. oneDNN's convolutions
go through a map row by row, and a row of three or eight pixels leaves most of the processor's matrix unit empty: the
gradient by the weights of 512 filters on maps of 4×4 takes it five times as long as copying the rows and multiplying.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAST_CHANNELS = 64
"""Below, copying the rows takes longer than what it saves."""
SMALL = 64
"""Pixels of a map of outputs, up to which the gradient by the weights is a product."""
TINY = 16
"""The same for outputs and, at a stride of one, the gradient by images, which oneDNN is better at."""
TINY_CHANNELS, TINY_ROWS = 256, 1024
"""What there must be at least of channels, and of pixels in a batch, to make up for arranging the filters anew."""


def use_im2col(network: nn.Module) -> list[nn.Conv2d]:
    """Have convolutions of a network go by matrix products where maps are small, and return them.

    Only in bfloat16 on the CPU; what is small depends on shapes alone, so that a run that is resumed, or repeated on a
    busy machine, computes the same.
    """
    found = [layer for layer in network.modules() if type(layer) is nn.Conv2d and _suits(layer)]
    for layer in found:
        layer.__class__ = Im2colConvolution
    return found


def _suits(layer: nn.Conv2d) -> bool:
    """Say whether a convolution is one of a residual network's: as wide as high, without groups and holes."""
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str) or min(layer.in_channels, layer.out_channels) < LEAST_CHANNELS:
        return False
    return all(pair[0] == pair[1] for pair in (layer.kernel_size, layer.stride, layer.padding))


class Im2colConvolution(nn.Conv2d):
    """A convolution, as wide as high, that goes by matrix products in bfloat16 where its map of outputs is small."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Return the convolution of `input` (N, C, H, W)."""
        side, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        assert isinstance(padding, int)
        if not torch.is_autocast_enabled("cpu") or _pixels(input, side, stride, padding) > SMALL:
            return super().forward(input)
        bias = None if self.bias is None else self.bias.bfloat16()
        return convolve(input.bfloat16(), self.weight.bfloat16(), bias, stride, padding)


def _pixels(images: Tensor, side: int, stride: int, padding: int) -> int:
    """Return how many outputs a map has."""
    height, width = ((length + 2 * padding - side) // stride + 1 for length in images.shape[2:])
    return height * width


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0) -> Tensor:
    """Return the convolution of images, as `torch.nn.functional.conv2d` does; its gradient by the weight is a product.

    Args:
        images: (N, C, H, W), fastest as channels_last.
        weight: (D, C, k, k), of the same type.
        bias: (D,), or None.
        stride: of both directions.
        padding: zeros on each side.

    Returns:
        (N, D, H', W'). Gradients flow to images, weight and bias, once.
    """
    result: Tensor = _Convolution.apply(images, weight, bias, stride, padding)
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        context.save_for_backward(images, weight)
        context.stride, context.padding = stride, padding
        if not _is_tiny(images, weight, stride, padding):
            return F.conv2d(images, weight, bias, stride, padding)
        return _product(images, weight, bias, stride, padding)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = context.saved_tensors
        stride, padding = context.stride, context.padding
        for_images, for_weight, for_bias, *_ = context.needs_input_grad
        return (
            _image_gradient(images, weight, gradient, stride, padding) if for_images else None,
            _weight_gradient(images, weight, gradient, stride, padding) if for_weight else None,
            gradient.sum((0, 2, 3)) if for_bias else None,
            None,
            None,
        )


def _is_tiny(images: Tensor, weight: Tensor, stride: int, padding: int) -> bool:
    """Say whether outputs and gradients by images are faster as products, too."""
    pixels = _pixels(images, weight.shape[2], stride, padding)
    return pixels <= TINY and min(weight.shape[:2]) >= TINY_CHANNELS and len(images) * pixels >= TINY_ROWS


def _image_gradient(images: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int) -> Tensor:
    """Return the gradient by images: where pixels are few, the outputs' convolved with the filters turned about."""
    if stride == 1 and _is_tiny(images, weight, stride, padding):
        return _product(gradient, weight.flip(2, 3).transpose(0, 1), None, 1, weight.shape[2] - 1 - padding)
    by_images: Tensor = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, [True, False, False]
    )[0]
    return by_images


def _weight_gradient(images: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int) -> Tensor:
    """Return the gradient by the weight: the product of the outputs' and what the filters saw."""
    filters, _, side, _ = weight.shape
    by_filter = gradient.permute(0, 2, 3, 1).reshape(-1, filters).T @ _rows(images, side, stride, padding)
    return by_filter.view(filters, side, side, -1).permute(0, 3, 1, 2)


def _product(images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Return the convolution as one product: of what the filters see, and the filters."""
    filters, _, side, _ = weight.shape
    height, width = ((length + 2 * padding - side) // stride + 1 for length in images.shape[2:])
    shape, rows = (len(images), filters, height, width), _rows(images, side, stride, padding)
    # Not a view of the product: what a function of autograd returns may be changed in place only where it is none.
    outputs = torch.empty(shape, dtype=images.dtype, memory_format=torch.channels_last)
    flat, columns = outputs.permute(0, 2, 3, 1).view(-1, filters), weight.permute(0, 2, 3, 1).reshape(filters, -1).T
    if bias is None:
        torch.mm(rows, columns, out=flat)
    else:
        torch.addmm(bias, rows, columns, out=flat)
    return outputs


def _rows(images: Tensor, side: int, stride: int, padding: int) -> Tensor:
    """Return what a filter sees at each place, (N·H'·W', k·k·C)."""
    maps = images.permute(0, 2, 3, 1)
    maps = F.pad(maps, (0, 0, *[padding] * 4)) if padding else maps
    seen = maps.unfold(1, side, stride).unfold(2, side, stride)  # (N, H', W', C, k, k)
    return seen.permute(0, 1, 2, 4, 5, 3).reshape(-1, side * side * images.shape[1])
