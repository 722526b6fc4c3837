"""3×3 convolutions on a CPU by Winograd's algorithm: a quarter of the products (Lavin & Gray 2015, 1509.09308).

In F(4×4, 3×3), sixteen outputs of a 3×3 filter take not 144 multiplications but 36: of 6×6 inputs and a filter
transformed to 6×6 (`loops.tiles`), each a part of one of 36 matrix products over all channels. F(6×6, 3×3) takes
64 for 36 outputs; where a filter moves two steps at a time, 81 do for sixteen. A layer goes by whichever algorithm
covers its maps with the fewest. Sums of fewer, larger numbers round a little differently: by some 1e-5 of an output's
size instead of 1e-6, where bfloat16 rounds by 4e-3.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from barlowmatch.fast.loops.threads import in_threads
from barlowmatch.fast.loops.toom_cook import DOUBLING, HALVING, PLAIN, Algorithm
from barlowmatch.fast.tiling import Array, Tiling, fewest_products

WORTHWHILE = 1.15
"""A map is convolved by the algorithm when that takes so many times fewer products."""
LEAST_CHANNELS = {1: 32, 2: 128}
"""By stride; below, transforming takes longer than the products save."""
LEAST_PRODUCTS = 2**30
"""Multiplications of a layer, for a batch, below which nothing is gained by threads and tiles: some 10 ms."""
GAP = 16
"""Numbers between the rows of a spectrum, a line of the cache: at even powers of two all would share its places."""

FORWARD = {1: PLAIN, 2: HALVING}
BACKWARD = {1: PLAIN, 2: DOUBLING}
"""Algorithms by the stride of a convolution."""


def use_winograd(network: nn.Module) -> list[nn.Conv2d]:
    """Have the wide 3×3 convolutions of a network go by Winograd's algorithm, and return them.

    Only large inputs do; others are computed as before. What is large depends on shapes alone, so that a run that is
    resumed, or repeated on a busy machine, computes the same.
    """
    found = [layer for layer in network.modules() if type(layer) is nn.Conv2d and _suits(layer)]
    for layer in found:
        layer.__class__ = WinogradConvolution
    return found


def _suits(layer: nn.Conv2d) -> bool:
    shape = (layer.kernel_size, layer.padding, layer.dilation)
    plain = shape == ((3, 3), (1, 1), (1, 1)) and layer.padding_mode == "zeros" and layer.groups == 1
    if not plain or layer.stride not in ((1, 1), (2, 2)):
        return False
    return min(layer.in_channels, layer.out_channels) >= LEAST_CHANNELS[layer.stride[0]]


class WinogradConvolution(nn.Conv2d):
    """A wide 3×3 convolution with a margin of one zero, which goes by the algorithm where its input is large."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Return the convolution of `input` (N, C, H, W), (N, D, ⌈H / stride⌉, ⌈W / stride⌉)."""
        if not self.takes(input):
            return super().forward(input)
        return convolve(input, self.weight, self.bias, self.stride[0])

    def takes(self, images: Tensor) -> bool:
        """Say whether images go by the algorithm."""
        return images.dtype == torch.float32 and _is_large(self, images)

    @torch.no_grad()
    def to_the_end(self, images: Tensor, added: Tensor | None, *, relu: bool) -> Tensor:
        """Return relu(layer(images) + added) without gradients; from now on the weight has to stay as it is.

        The filters are transformed once. What is added, and the ReLU, take outputs that the processor's cache still
        holds.

        Args:
            images: such as it `takes`: (N, C, H, W), float32.
            added: like the result, (N, D, ⌈H / stride⌉, ⌈W / stride⌉); None = nothing.
            relu: whether there is one.
        """
        from barlowmatch.fast.loops.norms import finishing

        stride = self.stride[0]
        size = [_outputs(side, stride) for side in images.shape[2:]]
        tiling = fewest_products(FORWARD[stride], *size)
        kept = _KEPT.setdefault(self, {})
        if tiling.algorithm not in kept:
            kept[tiling.algorithm] = _transformed(self.weight.transpose(0, 1), tiling.transform)
        return _convolve(images, tiling, kept[tiling.algorithm], self.bias, size, finishing(added, relu))


_KEPT: WeakKeyDictionary[WinogradConvolution, dict[Algorithm, Tensor]] = WeakKeyDictionary()
"""The transformed filters of layers whose weights stay as they are; a copy of one may be trained on."""


def _is_large(layer: nn.Conv2d, images: Tensor) -> bool:
    """Say whether there is enough to save: many products, and maps that do not leave most of a tile empty."""
    count, _, *size = images.shape
    stride = layer.stride[0]
    height, width = (_outputs(side, stride) for side in size)
    products = _taps(size[0], stride) * _taps(size[1], stride)
    enough = count * products * layer.in_channels * layer.out_channels >= LEAST_PRODUCTS
    return enough and products >= WORTHWHILE * fewest_products(FORWARD[stride], height, width).products


def _outputs(side: int, stride: int) -> int:
    """Return how many outputs there are along a side of a map."""
    return -(-side // stride)


def _taps(side: int, stride: int) -> int:
    """Return how many products there are along a side of a map; those with the margin are none."""
    return sum(0 <= stride * i + k < side for i in range(_outputs(side, stride)) for k in (-1, 0, 1))


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return the 3×3 convolution of images with a margin of one zero, as `torch.nn.functional.conv2d` does.

    Args:
        images: (N, C, H, W), float32, on the CPU; fastest as channels_last. C and D are `tiles.LANES` at least.
        weight: (D, C, 3, 3).
        bias: (D,), or None.
        stride: 1 or 2.

    Returns:
        (N, D, ⌈H / stride⌉, ⌈W / stride⌉), channels_last. Gradients flow to images, weight and bias, once.

    Raises:
        ValueError: fewer channels.
    """
    from barlowmatch.fast.loops.tiles import LANES

    if min(weight.shape[:2]) < LANES:
        raise ValueError(f"{weight.shape[1]} to {weight.shape[0]} channels; there must be {LANES} at least")
    result: Tensor = _Convolution.apply(images, weight, bias, stride)
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        context.save_for_backward(images, weight)
        height, width = (_outputs(side, stride) for side in images.shape[2:])
        context.stride, context.tiling = stride, fewest_products(FORWARD[stride], height, width)
        filters = _transformed(weight.transpose(0, 1), context.tiling.transform)
        return _convolve(images, context.tiling, filters, bias, (height, width))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = context.saved_tensors
        for_images, for_weight, for_bias, _ = context.needs_input_grad
        return (
            _image_gradient(gradient, weight, context.stride, images.shape[2:]) if for_images else None,
            _weight_gradient(images, gradient, context.tiling) if for_weight else None,
            gradient.sum((0, 2, 3)) if for_bias else None,
            None,
        )


def _image_gradient(gradient: Tensor, weight: Tensor, stride: int, size: torch.Size) -> Tensor:
    """Return the gradient by images of a size: the convolution of the outputs' with each filter turned about."""
    tiling = fewest_products(BACKWARD[stride], *size)
    return _convolve(gradient, tiling, _transformed(weight, tiling.transform.flip(1)), None, size)


def _convolve(
    images: Tensor, tiling: Tiling, filters: Tensor, bias: Tensor | None, size: Sequence[int],
    finish: Callable[[Array, int, int], None] | None = None,
) -> Tensor:  # fmt: skip
    """Return the convolution of images (N, C, H, W) with transformed filters (numbers, C, D), plus a bias (D,).

    What comes after is for `finish` to do, to a range of the outputs, of one dimension, while they are in the cache.
    """
    from barlowmatch.fast.loops.tiles import transforms

    transform, inputs = transforms(tiling.algorithm), _channels_last(images)
    channels, out_channels = filters.shape[1:]
    # Not a view of (N, H, W, C): what a function of autograd returns may be changed in place only where it is none.
    outputs = torch.empty(len(inputs), out_channels, *size, memory_format=torch.channels_last)
    maps, results = inputs.numpy(), outputs.permute(0, 2, 3, 1).numpy()

    def convolve_rows(pieces: Iterator[tuple[int, int]]) -> None:
        @functools.cache  # arrays are made once: what holds the interpreter's lock holds up the other threads
        def room(rows: int) -> tuple[Tensor, Array, Tensor, Array, Tensor]:
            products = torch.empty(tiling.numbers, rows * tiling.across, out_channels)
            return *_spectrum(tiling, rows, channels), products, products.flatten(1).numpy(), products[tiling.ones]

        for start, stop in pieces:
            spectrum, numbers, products, transformed, ones = room(stop - start)
            transform.inputs(maps, numbers, start, stop)
            torch.bmm(spectrum, filters, out=products)
            if bias is not None:
                ones.add_(bias.detach())
            transform.outputs(transformed, results, start, stop)
            if finish is not None:
                finish(results.reshape(-1), *(tiling.first_output(row, results) for row in (start, stop)))

    rows, threads = len(inputs) * tiling.down, torch.get_num_threads()
    pieces = iter(tiling.chunks(0, rows, -(-rows // threads), channels))
    in_threads(convolve_rows, [pieces] * threads)  # who shares a core with others takes fewer
    return outputs


def _weight_gradient(images: Tensor, gradient: Tensor, tiling: Tiling) -> Tensor:
    """Return the gradient by the weight (D, C, 3, 3) for images (N, C, H, W) and the outputs' gradient (N, D, …)."""
    from barlowmatch.fast.loops.tiles import transforms

    transform = transforms(tiling.algorithm)
    inputs, gradients = _channels_last(images), _channels_last(gradient)
    channels, out_channels = inputs.shape[3], gradients.shape[3]
    maps, behind = inputs.numpy(), gradients.numpy()

    def sum_rows(pieces: list[tuple[int, int]]) -> Tensor:
        room = functools.cache(lambda rows: (_spectrum(tiling, rows, channels), _spectrum(tiling, rows, out_channels)))
        total = torch.zeros(tiling.numbers, out_channels, channels)
        for start, stop in pieces:
            (spectrum, numbers), (spectrum_behind, numbers_behind) = room(stop - start)
            transform.inputs(maps, numbers, start, stop)
            transform.gradients(behind, numbers_behind, start, stop)
            total.baddbmm_(spectrum_behind.transpose(1, 2), spectrum)
        return total

    # Which thread sums what depends on nothing but their number, so that runs can be repeated to the bit.
    rows = len(inputs) * tiling.down
    share = -(-rows // torch.get_num_threads())
    shares = [(start, min(start + share, rows)) for start in range(0, rows, share)]
    sums = in_threads(sum_rows, [tiling.chunks(first, last, last - first, channels) for first, last in shares])
    total = functools.reduce(Tensor.add_, sums)
    back = torch.kron(tiling.transform, tiling.transform).T @ total.flatten(1)
    return back.view(3, 3, out_channels, channels).permute(2, 3, 0, 1)


def _spectrum(tiling: Tiling, rows: int, channels: int) -> tuple[Tensor, Array]:
    """Return room for rows of tiles transformed: as matrices (numbers, tiles, C), and as the transforms take it."""
    tiles = rows * tiling.across
    numbers = torch.empty(tiling.numbers, tiles * channels + GAP)
    return numbers[:, :-GAP].view(tiling.numbers, tiles, channels), numbers.numpy()


def _channels_last(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as (N, H, W, C) without gaps."""
    return images.detach().permute(0, 2, 3, 1).contiguous()


def _transformed(weight: Tensor, transform: Tensor) -> Tensor:
    """Return GgGᵀ of each filter g of a weight (D, C, 3, 3), with the transform as G, as (numbers, D, C)."""
    numbers = weight.detach().permute(2, 3, 0, 1).reshape(9, -1)
    return (torch.kron(transform, transform) @ numbers).view(-1, *weight.shape[:2])
