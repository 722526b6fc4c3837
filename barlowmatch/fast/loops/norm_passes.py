"""The passes over memory of a batch norm on a CPU, forward and back; `norms` and `pooled_norms` call them.

Those over numbers work on rows `start` to `stop` of matrices (rows: pixels of images, columns: channels), or of maps
(N, H, W, C), of float32, or of bfloat16 seen as uint16: numpy and numba have no such type, the upper half of a float32.
All is computed in float32; what is written is rounded to the nearest number, to the even one of two that are as near,
as torch does. Where a ReLU follows, `floor` is zero, else minus infinity: what lies below it is cut off.
"""

import numpy as np
from numba import types
from numba.extending import overload

from barlowmatch.fast.loops.compiling import compiled

BLOCK = 256
"""Rows summed up in float32, before they are added to sums in float64."""
ZERO = np.float32(0)
HALF, ROUNDING, ONE = np.uint32(16), np.uint32(0x7FFF), np.uint32(1)
NAN = np.uint16(0x7FC0)


def wide(value):
    """Return a matrix's number as float32."""
    raise NotImplementedError  # compiled only


def narrow(value, row):
    """Return a float32 as the numbers of a row are."""
    raise NotImplementedError  # compiled only


def positive(value):
    """Say whether a matrix's number is above zero; here NaN may be."""
    raise NotImplementedError  # compiled only


@overload(wide, inline="always")
def _wide(value):
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << HALF).view(np.float32)
    return lambda value: value


@overload(narrow, inline="always")
def _narrow(value, row):
    def rounded(value, row):
        bits = np.float32(value).view(np.uint32)
        half = np.uint32(bits + ROUNDING + ((bits >> HALF) & ONE)) >> HALF
        return np.uint16(half) if value == value else NAN  # noqa: PLR0124 - NaN alone is not itself

    return rounded if row.dtype == types.uint16 else lambda value, row: np.float32(value)


@overload(positive, inline="always")
def _positive(value):
    if value == types.uint16:
        return lambda value: np.int16(value) > 0
    return lambda value: value > 0


@compiled
def sum_up(x, shift, sums, start, stop):
    """Write the sums of the differences from `shift`, and of their squares, to the two rows of `sums`."""
    columns = x.shape[1]
    total, squares = np.empty(columns, np.float32), np.empty(columns, np.float32)
    sums[:] = 0
    for top in range(start, stop, BLOCK):
        total[:], squares[:] = ZERO, ZERO
        for i in range(top, min(top + BLOCK, stop)):
            row = x[i]
            for c in range(columns):
                value = wide(row[c]) - wide(shift[c])
                total[c] += value
                squares[c] += value * value
        for c in range(columns):  # whole rows cost seconds of compiling what names shapes that differ
            sums[0, c] += total[c]
            sums[1, c] += squares[c]


@compiled
def finish(sums, shift, rows, weight, bias, running_mean, running_var, momentum, eps, coefficients, moments):
    """Turn sums into factor and summand, into mean and 1/deviation, and into running statistics."""
    for c in range(len(shift)):
        offset = sums[0, c] / rows
        variance = sums[1, c] / rows - offset * offset
        variance = 0.0 if variance < 0.0 else variance
        mean, inverse = wide(shift[c]) + offset, 1.0 / np.sqrt(variance + eps)
        factor = weight[c] * inverse
        coefficients[0, c], coefficients[1, c] = factor, bias[c] - mean * factor
        moments[0, c], moments[1, c] = mean, inverse
        running_mean[c] += momentum * (mean - running_mean[c])
        running_var[c] += momentum * (variance * rows / max(rows - 1, 1) - running_var[c])


@compiled
def apply(x, coefficients, floor, y, start, stop):
    """Write max(factor · x + summand, floor) to y."""
    factor, summand = coefficients[0], coefficients[1]
    for i in range(start, stop):
        row, result = x[i], y[i]
        for c in range(len(row)):
            value = wide(row[c]) * factor[c] + summand[c]
            # And not the larger of the two, which hides NaN.
            result[c] = narrow(floor if value < floor else value, result)


@compiled
def apply_and_add(x, added, coefficients, floor, y, start, stop):
    """Write max(factor · x + summand + added, floor) to y."""
    factor, summand = coefficients[0], coefficients[1]
    for i in range(start, stop):
        row, other, result = x[i], added[i], y[i]
        for c in range(len(row)):
            value = wide(row[c]) * factor[c] + summand[c] + wide(other[c])
            result[c] = narrow(floor if value < floor else value, result)


@compiled
def cut(y, floor, start, stop):
    """Write max(y, floor) to y, an array of one dimension."""
    part = y[start:stop]
    for i in range(len(part)):
        value = wide(part[i])
        part[i] = narrow(floor if value < floor else value, part)


@compiled
def add_and_cut(y, added, floor, start, stop):
    """Write max(y + added, floor) to y, both of one dimension."""
    part, other = y[start:stop], added[start:stop]
    for i in range(len(part)):
        value = wide(part[i]) + wide(other[i])
        part[i] = narrow(floor if value < floor else value, part)


@compiled
def sum_gradients(x, gradient, coefficients, mean, floor, sums, start, stop):
    """Write the sums of the gradients that pass the ReLU, times (x − mean) and alone, to the two rows of `sums`."""
    columns = x.shape[1]
    factor, summand = coefficients[0], coefficients[1]
    products, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    sums[:] = 0
    for top in range(start, stop, BLOCK):
        products[:], total[:] = ZERO, ZERO
        for i in range(top, min(top + BLOCK, stop)):
            row, slopes = x[i], gradient[i]
            for c in range(columns):
                value = wide(row[c])
                slope = wide(slopes[c]) if value * factor[c] + summand[c] > floor else ZERO
                products[c] += slope * (value - mean[c])
                total[c] += slope
        for c in range(columns):
            sums[0, c] += products[c]
            sums[1, c] += total[c]


@compiled
def mask_and_sum_gradients(x, y, gradient, mean, masked, sums, start, stop):
    """Write the gradients that passed the ReLU, by its result y, to `masked`, and sum them up as `sum_gradients`."""
    columns = x.shape[1]
    products, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    nothing = narrow(ZERO, masked[start])
    sums[:] = 0
    for top in range(start, stop, BLOCK):
        products[:], total[:] = ZERO, ZERO
        for i in range(top, min(top + BLOCK, stop)):
            row, result, slopes, passed = x[i], y[i], gradient[i], masked[i]
            for c in range(columns):
                passed[c] = slopes[c] if positive(result[c]) else nothing
            for c in range(columns):
                slope = wide(passed[c])
                products[c] += slope * (wide(row[c]) - mean[c])
                total[c] += slope
        for c in range(columns):
            sums[0, c] += products[c]
            sums[1, c] += total[c]


@compiled
def finish_gradients(sums, coefficients, moments, rows, result):
    """Turn sums into the gradients by weight and bias, and into the coefficients of the one by x."""
    for c in range(sums.shape[1]):
        factor, mean, inverse = coefficients[0, c], moments[0, c], moments[1, c]
        by_weight, by_bias = sums[0, c] * inverse, sums[1, c]
        slope = -factor * inverse * by_weight / rows
        result[0, c], result[1, c], result[2, c], result[3, c] = by_weight, by_bias, factor, slope
        result[4, c] = -factor * by_bias / rows - slope * mean


@compiled
def gradient(x, gradient, coefficients, sums, floor, by_x, start, stop):
    """Write factor · gradient + slope · x + summand, with the gradients that pass the ReLU, to by_x."""
    factor, shift, slope, summand = coefficients[0], coefficients[1], sums[3], sums[4]
    for i in range(start, stop):
        row, slopes, result = x[i], gradient[i], by_x[i]
        for c in range(len(row)):
            value = wide(row[c])
            own = wide(slopes[c]) * factor[c] if value * factor[c] + shift[c] > floor else ZERO
            result[c] = narrow(own + value * slope[c] + summand[c], result)


@compiled
def pool(x, coefficients, winners, taps, start, stop):
    """Write the value of x that has the largest factor · x of each 3×3 window, and its place in it, 0 to 8.

    Windows lie two pixels apart and one before the map; `start` and `stop` count their rows, image after image.
    """
    height, width, columns = x.shape[1:]
    down, across = winners.shape[1:3]
    factor = coefficients[0]
    largest, value, tap = np.empty(columns, np.float32), np.empty(columns, np.float32), np.empty(columns, np.float32)
    for place in range(start, stop):
        image, i = place // down, place % down
        for j in range(across):
            largest[:] = -np.inf
            for t in range(9):
                row, column = 2 * i + t // 3 - 1, 2 * j + t % 3 - 1
                if row < 0 or row >= height or column < 0 or column >= width:
                    continue
                pixel, this = x[image, row, column], np.float32(t)
                for c in range(columns):
                    this_value = wide(pixel[c])
                    size = this_value * factor[c]
                    wins = not size <= largest[c]  # of NaN the last, so that there is always one
                    largest[c] = size if wins else largest[c]
                    value[c] = this_value if wins else value[c]
                    tap[c] = this if wins else tap[c]
            winner, its_tap = winners[image, i, j], taps[image, i, j]
            for c in range(columns):
                winner[c] = narrow(value[c], winner)
                its_tap[c] = tap[c]


@compiled
def gradient_of_pooled(x, own, taps, sums, by_x, start, stop):
    """Write slope · x + summand, plus the gradients `own` (float32) of the windows that each pixel won, to by_x.

    `start` and `stop` count rows of pixels, image after image.
    """
    height, width, columns = x.shape[1:]
    down, across = own.shape[1:3]
    slope, summand = sums[3], sums[4]
    line = np.empty((width, columns), np.float32)
    for place in range(start, stop):
        image, row = place // height, place % height
        for column in range(width):
            pixel, total = x[image, row, column], line[column]
            for c in range(columns):
                total[c] = wide(pixel[c]) * slope[c] + summand[c]
        for i in range(row // 2, min((row + 1) // 2 + 1, down)):
            for j in range(across):
                gradients, winners = own[image, i, j], taps[image, i, j]
                for column in range(max(2 * j - 1, 0), min(2 * j + 2, width)):
                    tap = np.uint8(3 * (row - 2 * i + 1) + column - 2 * j + 1)
                    total = line[column]
                    for c in range(columns):
                        total[c] += gradients[c] if winners[c] == tap else ZERO
        for column in range(width):
            total, result = line[column], by_x[image, row, column]
            for c in range(columns):
                result[c] = narrow(total[c], result)
