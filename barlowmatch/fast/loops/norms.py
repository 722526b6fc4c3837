"""The passes of `barlowmatch.fast.norms` on a CPU: loops compiled by numba (`norm_passes.py`), in threads.

Where there are few channels, a row of a matrix holds several pixels: a loop over few columns has hardly begun when it
ends. Rows are cut into pieces by their number alone, and the sums of the pieces are added up in their order, so that
runs can be repeated to the bit, whatever the number of threads.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from barlowmatch.fast.loops import norm_passes
from barlowmatch.fast.loops.threads import in_threads

PIECE = 2**18
"""Numbers that a thread handles at once."""
WIDTH = 1024
"""Columns of a matrix, up to which pixels are put side by side."""

Array = npt.NDArray[np.float32 | np.uint16]


def statistics(x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return factor and summand of each channel, mean and 1/deviation, (2, C) each; keep running statistics."""
    rows, columns, first = _rows(x), x.shape[1], _pixels(x)[0]
    shift = _side_by_side(first, rows)
    sums = _sums(rows, columns, lambda *piece: norm_passes.sum_up(rows, shift, *piece))
    coefficients, moments = torch.empty(2, columns), torch.empty(2, columns)
    norm_passes.finish(
        sums, first, x.numel() // columns, *_arrays(weight, bias, norm.running_mean, norm.running_var),
        norm.momentum, norm.eps, *_arrays(coefficients, moments),
    )  # fmt: skip
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return coefficients, moments


def apply(x: Tensor, added: Tensor | None, coefficients: Tensor, relu: bool) -> Tensor:
    """Return relu(factor · x + summand + added)."""
    y = torch.empty_like(x)
    rows, floor = _rows(x), _floor(relu)
    factors = _side_by_side(coefficients.numpy(), rows)
    if added is None:
        in_pieces(pieces(*rows.shape), norm_passes.apply, rows, factors, floor, _rows(y))
    else:
        in_pieces(pieces(*rows.shape), norm_passes.apply_and_add, rows, _rows(added), factors, floor, _rows(y))
    return y


def add_and_cut(y: Tensor, added: Tensor | None, relu: bool) -> Tensor:
    """Return relu(y + added), which is written to y where that is channels_last."""
    y = y.contiguous(memory_format=torch.channels_last)
    numbers, loop = flat(y), finishing(added, relu)
    if loop is not None:
        in_pieces(pieces(len(numbers), 1), loop, numbers)
    return y


def finishing(added: Tensor | None, relu: bool) -> Callable[[Array, int, int], None] | None:
    """Return what writes relu(y + added) to a range of `flat(y)`, None where there is nothing to do."""
    floor = _floor(relu)
    if added is not None:
        others = flat(added.contiguous(memory_format=torch.channels_last))
        return lambda y, start, stop: norm_passes.add_and_cut(y, others, floor, start, stop)
    return (lambda y, start, stop: norm_passes.cut(y, floor, start, stop)) if relu else None


def sum_gradients(
    x: Tensor, y: Tensor | None, gradient: Tensor, coefficients: Tensor, moments: Tensor, relu: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients by weight and bias and the coefficients of the gradient by x (5, C).

    With `y`, the result, also the gradient that passed the ReLU.
    """
    rows, slopes, columns, masked = _rows(x), _rows(gradient), x.shape[1], None
    mean = _side_by_side(moments[0].numpy(), rows)
    if y is None:
        factors, floor = _side_by_side(coefficients.numpy(), rows), _floor(relu)
        sums = _sums(rows, columns, lambda *a: norm_passes.sum_gradients(rows, slopes, factors, mean, floor, *a))
    else:
        masked = torch.empty_like(gradient)
        results, passed = _rows(y), _rows(masked)
        loop = norm_passes.mask_and_sum_gradients
        sums = _sums(rows, columns, lambda *a: loop(rows, results, slopes, mean, passed, *a))
    result = torch.empty(5, columns)
    norm_passes.finish_gradients(sums, *_arrays(coefficients, moments), x.numel() // columns, result.numpy())
    return result, masked


def gradient(x: Tensor, gradient: Tensor, coefficients: Tensor, sums: Tensor, relu: bool) -> Tensor:
    """Return the gradient by x; `relu` says whether the gradient has yet to pass it."""
    by_x = torch.empty_like(x)
    rows = _rows(x)
    factors, summands = (_side_by_side(values.numpy(), rows) for values in (coefficients, sums))
    in_pieces(
        pieces(*rows.shape), norm_passes.gradient, rows, _rows(gradient), factors, summands, _floor(relu), _rows(by_x)
    )
    return by_x


def _rows(values: Tensor) -> Array:
    """Return a tensor (N, C, H, W), channels_last, as a matrix (N · H · W / k, k · C) of the same memory."""
    pixels = _pixels(values)
    count, columns = pixels.shape
    together = 1
    while count % (2 * together) == 0 and 2 * together * columns <= WIDTH:
        together *= 2
    return pixels.reshape(-1, together * columns)


def flat(values: Tensor) -> Array:
    """Return a tensor (N, C, H, W), channels_last, as an array of one dimension of the same memory."""
    return maps(values).reshape(-1)


def _pixels(values: Tensor) -> Array:
    """Return a tensor (N, C, H, W), channels_last, as a matrix (N · H · W, C) of the same memory."""
    return maps(values).reshape(-1, values.shape[1])


def _side_by_side(by_channel: Array, rows: Array) -> Array:
    """Return numbers of each channel (…, C) as often as a row of a matrix has pixels (…, k · C)."""
    return np.tile(by_channel, rows.shape[1] // by_channel.shape[-1])


def maps(values: Tensor) -> Array:
    """Return a tensor (N, C, H, W), channels_last, as an array (N, H, W, C) of the same memory; bfloat16 as uint16."""
    seen = values.detach().permute(0, 2, 3, 1)
    return (seen.view(torch.uint16) if seen.dtype == torch.bfloat16 else seen).numpy()


def _arrays(*tensors: Tensor | None) -> list[Array]:
    return [tensor.detach().numpy() for tensor in tensors if tensor is not None]


def _floor(relu: bool) -> np.float32:
    return np.float32(0 if relu else -np.inf)


def pieces(count: int, numbers: int) -> list[tuple[int, int]]:
    """Cut so many rows, of so many numbers each, into pieces that a thread handles at once."""
    step = -(-PIECE // numbers)
    return [(start, min(start + step, count)) for start in range(0, count, step)]


def in_pieces(rows: list[tuple[int, int]], loop: Callable[..., None], *arguments: object) -> None:
    """Call a loop for each piece of the rows, in threads, of which one that shares its core takes fewer."""

    def take(shared: Iterator[tuple[int, int]]) -> None:
        for start, stop in shared:
            loop(*arguments, start, stop)

    in_threads(take, [iter(rows)] * torch.get_num_threads())


def _sums(rows: Array, columns: int, loop: Callable[..., None]) -> npt.NDArray[np.float64]:
    """Return the two rows of sums (2, k · C) that a loop writes for each piece, added up to (2, C)."""
    numbered = list(enumerate(pieces(*rows.shape)))
    sums = np.empty((len(numbered), 2, rows.shape[1]))

    def take(shared: Iterator[tuple[int, tuple[int, int]]]) -> None:
        for number, (start, stop) in shared:
            loop(sums[number], start, stop)

    in_threads(take, [iter(numbered)] * torch.get_num_threads())
    total: npt.NDArray[np.float64] = sums.sum(0).reshape(2, -1, columns).sum(1)
    return total
