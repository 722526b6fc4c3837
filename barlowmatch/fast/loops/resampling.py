"""Blurring on a CPU: plane after plane, along y and then along x while the processor's cache holds it, in threads."""

import numpy as np
import torch
from torch import Tensor

from barlowmatch.fast.loops.compiling import compiled
from barlowmatch.fast.loops.threads import in_threads

ZERO, ONE = np.float32(0), np.float32(1)


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Return images (B, C, H, W) filtered along y and along x, with mirrored borders, and kept in [0, 1].

    Args:
        images: float32, higher and wider than half of a filter.
        weights: the filters (B, 4n + 1), float32.
    """
    images = images.contiguous()
    result = torch.empty_like(images)
    planes = images.flatten(0, 1).numpy(), result.flatten(0, 1).numpy()
    filters = weights.repeat_interleave(images.shape[1], 0).numpy()
    threads = torch.get_num_threads()
    in_threads(lambda first: _blur(*planes, filters, first, threads), list(range(threads)))
    return result


@compiled
def _blur(planes, result, filters, first, step):
    """Blur every `step`-th plane from the one numbered `first` on."""
    height, width = planes.shape[1:]
    border = filters.shape[1] // 2
    wide = width + 2 * border
    mirrored = np.empty((height + 2 * border, wide), np.float32)
    along_y, along_both = np.empty((height, wide), np.float32), np.zeros((height, wide), np.float32)
    for i in range(first, len(planes), step):
        _mirror(planes[i], border, mirrored)
        _filter(mirrored.ravel(), wide, filters[i], along_y.ravel())
        _filter(along_y.ravel(), 1, filters[i], along_both.ravel()[: -2 * border])
        for y in range(height):
            for x in range(width):
                # A sum of weights may round to a little above 1.
                result[i, y, x] = min(max(along_both[y, x], ZERO), ONE)


@compiled
def _mirror(plane, border, result):
    """Write a plane with borders of its mirror image around it.

    Number by number: for whole rows numba compiles what names the shapes of arrays that differ, for seconds.
    """
    height, width = plane.shape
    for y in range(height):
        row, wide = plane[y], result[border + y]
        for x in range(width):
            wide[border + x] = row[x]
        for x in range(border):
            wide[border - 1 - x] = row[x + 1]
            wide[border + width + x] = row[width - 2 - x]
    for y in range(border):
        for x in range(width + 2 * border):
            result[border - 1 - y, x] = result[border + 1 + y, x]
            result[border + height + y, x] = result[border + height - 2 - y, x]


@compiled
def _filter(source, stride, weights, result):
    """Write sums of numbers that are `stride` apart, times weights, four at a time: more streams make no vectors."""
    last, a = source[(len(weights) - 1) * stride :], weights[-1]
    for p in range(len(result)):
        result[p] = a * last[p]
    for k in range(0, len(weights) - 1, 4):
        one, two = source[k * stride :], source[(k + 1) * stride :]
        three, four = source[(k + 2) * stride :], source[(k + 3) * stride :]
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for p in range(len(result)):
            result[p] += a * one[p] + b * two[p] + c * three[p] + d * four[p]
