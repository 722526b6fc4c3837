"""3×3 convolutions on a CPU by Winograd's algorithm: a quarter of the products (Lavin & Gray 2015, 1509.09308).

In F(4×4, 3×3), sixteen outputs of a 3×3 filter take not 144 multiplications but 36: of 6×6 inputs and a filter
transformed to 6×6 (`tiles.py`), each a part of one of 36 matrix products over all channels. F(6×6, 3×3) takes 64 for 36
outputs, F(3×3, 3×3) 25 for 9. A layer goes by whichever covers its maps with the fewest. Sums of fewer, larger numbers
round a little differently: by some 1e-5 of an output's size instead of 1e-6, where bfloat16 rounds by 4e-3.
"""

import functools
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barlowmatch.loops.cook_toom import ALGORITHMS
from barlowmatch.loops.threads import in_threads

Array = npt.NDArray[np.float32]

WORTHWHILE = 1.15
"""A map is convolved by the algorithm when that takes so many times fewer products."""
LEAST_CHANNELS = 32
"""Below, transforming takes longer than the products save."""
LEAST_PRODUCTS = 2**30
"""Multiplications of a layer, for a batch, below which nothing is gained by threads and tiles: some 10 ms."""
CHUNK = 128
"""Tiles that a thread handles at once: products as large as the processor's cache allows."""
GAP = 16
"""Numbers between the rows of a spectrum, a line of the cache: at even powers of two all would share its places."""


def use_winograd(network: nn.Module) -> list[nn.Conv2d]:
    """Have the wide 3×3 convolutions of a network go by Winograd's algorithm, and return them.

    Only large inputs do; others are computed as before. What is large depends on shapes alone, so that a run that is
    resumed, or repeated on a busy machine, computes the same.
    """
    found = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and _suits(layer)]
    for layer in found:
        layer.forward = partial(_convolved, layer)  # type: ignore[method-assign]
    return found


def _suits(layer: nn.Conv2d) -> bool:
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    plain = shape == ((3, 3), (1, 1), (1, 1), (1, 1)) and layer.padding_mode == "zeros" and layer.groups == 1
    return plain and min(layer.in_channels, layer.out_channels) >= LEAST_CHANNELS


def _convolved(layer: nn.Conv2d, images: Tensor) -> Tensor:
    if images.dtype != torch.float32 or not _is_large(layer, images):
        return F.conv2d(images, layer.weight, layer.bias, padding=1)
    return convolve(images, layer.weight, layer.bias)


def _is_large(layer: nn.Conv2d, images: Tensor) -> bool:
    """Say whether there is enough to save: many products, and maps that do not leave most of a tile empty."""
    count, _, height, width = images.shape
    products = (3 * height - 2) * (3 * width - 2)  # of a map and a filter; those with the margin are none
    enough = count * products * layer.in_channels * layer.out_channels >= LEAST_PRODUCTS
    return enough and products >= WORTHWHILE * _tiling(height, width).products


class _Tiling(NamedTuple):
    """How a map is cut into tiles: the side of a tile's outputs, and the number of tiles in each direction."""

    side: int
    down: int
    across: int

    @property
    def transform(self) -> Tensor:
        """`G`, which makes of three numbers of a filter as many as a tile has inputs."""
        return torch.tensor(ALGORITHMS[self.side].G)

    @property
    def numbers(self) -> int:
        """How many numbers a tile is once transformed."""
        return (self.side + 2) ** 2

    @property
    def ones(self) -> int:
        """Which of a tile's transformed numbers adds one to each of its outputs: that of the point 1."""
        return self.side + 3

    @property
    def products(self) -> int:
        """How many multiplications a map takes, for each pair of channels."""
        return self.numbers * self.down * self.across

    def chunks(self, first: int, last: int, most: int) -> list[tuple[int, int]]:
        """Cut rows of tiles into pieces that a thread handles at once, of at most so many rows."""
        step = max(1, min(most, CHUNK // self.across))
        return [(start, min(start + step, last)) for start in range(first, last, step)]


def _tiling(height: int, width: int) -> _Tiling:
    """Return the tiles that take the fewest products; of those that take as many the smaller, which round less."""
    tilings = [_Tiling(side, -(-height // side), -(-width // side)) for side in ALGORITHMS]
    return min(tilings, key=lambda tiling: tiling.products)


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the 3×3 convolution of images with a margin of one zero, as `torch.nn.functional.conv2d` does.

    Args:
        images: (N, C, H, W), float32, on the CPU; fastest as channels_last. C and D are `tiles.LANES` at least.
        weight: (D, C, 3, 3).
        bias: (D,), or None.

    Returns:
        (N, D, H, W), channels_last. Gradients flow to images, weight and bias, once.

    Raises:
        ValueError: fewer channels.
    """
    from barlowmatch.loops.tiles import LANES

    if min(weight.shape[:2]) < LANES:
        raise ValueError(f"{weight.shape[1]} to {weight.shape[0]} channels; there must be {LANES} at least")
    result: Tensor = _Convolution.apply(images, weight, bias)
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(images, weight)
        tiling = _tiling(*images.shape[2:])
        return _convolve(images, tiling, _transformed(weight.transpose(0, 1), tiling.transform), bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        images, weight = context.saved_tensors
        tiling = _tiling(*images.shape[2:])
        for_images, for_weight, for_bias = context.needs_input_grad
        return (
            # The gradient by the images is the convolution of the outputs' with each filter turned about.
            _convolve(gradient, tiling, _transformed(weight, tiling.transform.flip(1)), None) if for_images else None,
            _weight_gradient(images, gradient, tiling) if for_weight else None,
            gradient.sum((0, 2, 3)) if for_bias else None,
        )


def _convolve(images: Tensor, tiling: _Tiling, filters: Tensor, bias: Tensor | None) -> Tensor:
    """Return the convolution of images (N, C, H, W) with transformed filters (25 to 64, C, D), plus a bias (D,)."""
    from barlowmatch.loops import tiles

    inputs = _channels_last(images)
    channels, out_channels = filters.shape[1:]
    outputs = torch.empty(*inputs.shape[:3], out_channels)
    maps, results = inputs.numpy(), outputs.numpy()

    def convolve_rows(pieces: Iterator[tuple[int, int]]) -> None:
        @functools.cache  # arrays are made once: what holds the interpreter's lock holds up the other threads
        def room(rows: int) -> tuple[Tensor, Array, Tensor, Array]:
            products = torch.empty(tiling.numbers, rows * tiling.across, out_channels)
            return *_spectrum(tiling, rows, channels), products, products.flatten(1).numpy()

        for start, stop in pieces:
            spectrum, numbers, products, transformed = room(stop - start)
            tiles.transform_inputs(maps, numbers, tiling.side, start, stop)
            torch.bmm(spectrum, filters, out=products)
            if bias is not None:
                products[tiling.ones] += bias.detach()
            tiles.transform_outputs(transformed, results, tiling.side, start, stop)

    rows, threads = len(inputs) * tiling.down, torch.get_num_threads()
    pieces = iter(tiling.chunks(0, rows, -(-rows // threads)))
    in_threads(convolve_rows, [pieces] * threads)  # who shares a core with others takes fewer
    return outputs.permute(0, 3, 1, 2)


def _weight_gradient(images: Tensor, gradient: Tensor, tiling: _Tiling) -> Tensor:
    """Return the gradient by the weight (D, C, 3, 3) for images (N, C, H, W) and the outputs' gradient (N, D, H, W)."""
    from barlowmatch.loops import tiles

    inputs, gradients = _channels_last(images), _channels_last(gradient)
    channels, out_channels = inputs.shape[3], gradients.shape[3]
    maps, behind = inputs.numpy(), gradients.numpy()

    def sum_rows(pieces: list[tuple[int, int]]) -> Tensor:
        room = functools.cache(lambda rows: (_spectrum(tiling, rows, channels), _spectrum(tiling, rows, out_channels)))
        total = torch.zeros(tiling.numbers, out_channels, channels)
        for start, stop in pieces:
            (spectrum, numbers), (spectrum_behind, numbers_behind) = room(stop - start)
            tiles.transform_inputs(maps, numbers, tiling.side, start, stop)
            tiles.transform_gradients(behind, numbers_behind, tiling.side, start, stop)
            total.baddbmm_(spectrum_behind.transpose(1, 2), spectrum)
        return total

    # Which thread sums what depends on nothing but their number, so that runs can be repeated to the bit.
    rows = len(inputs) * tiling.down
    share = -(-rows // torch.get_num_threads())
    shares = [(start, min(start + share, rows)) for start in range(0, rows, share)]
    sums = in_threads(sum_rows, [tiling.chunks(first, last, last - first) for first, last in shares])
    total = functools.reduce(Tensor.add_, sums)
    back = torch.kron(tiling.transform, tiling.transform).T @ total.flatten(1)
    return back.view(3, 3, out_channels, channels).permute(2, 3, 0, 1)


def _spectrum(tiling: _Tiling, rows: int, channels: int) -> tuple[Tensor, Array]:
    """Return room for rows of tiles transformed: as matrices (25 to 64, tiles, C), and as the transforms take it."""
    tiles = rows * tiling.across
    numbers = torch.empty(tiling.numbers, tiles * channels + GAP)
    return numbers[:, :-GAP].view(tiling.numbers, tiles, channels), numbers.numpy()


def _channels_last(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as (N, H, W, C) without gaps."""
    return images.detach().permute(0, 2, 3, 1).contiguous()


def _transformed(weight: Tensor, transform: Tensor) -> Tensor:
    """Return GgGᵀ of each filter g of a weight (D, C, 3, 3), with the transform as G, as (25 to 64, D, C)."""
    numbers = weight.detach().permute(2, 3, 0, 1).reshape(9, -1)
    return (torch.kron(transform, transform) @ numbers).view(-1, *weight.shape[:2])
