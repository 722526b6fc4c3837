"""The passes over memory of a batch norm, forward and back; `norms` launches them.

Each works on a matrix (rows: pixels of images, columns: channels) cut into tiles of HIGH rows and WIDE columns. The two
that sum up take a chunk of rows each and leave partial sums, which a third one adds up.
"""

import triton
import triton.language as tl


@triton.jit
def _place(rows, columns, across, first, HIGH: tl.constexpr, WIDE: tl.constexpr):
    """Return the places of a tile's numbers, which are inside, its columns, and which of these are."""
    column = (tl.program_id(0) % across) * WIDE + tl.arange(0, WIDE)
    row = first + tl.arange(0, HIGH)
    there = column < columns
    places = row.to(tl.int64)[:, None] * columns + column[None, :]
    return places, (row < rows)[:, None] & there[None, :], column, there


@triton.jit
def sum_up(x, partial, rows, columns, chunk, across, HIGH: tl.constexpr, WIDE: tl.constexpr):
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
def finish(
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
def apply(
    x, added, coefficients, y, rows, columns, across, ADDS: tl.constexpr, RELU: tl.constexpr, HIGH: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    """Write a tile of relu(factor · x + summand + added)."""
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
def sum_gradients(
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
def finish_gradients(
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
def gradient(
    x, gradient, coefficients, sums, by_x, rows, columns, across, RELU: tl.constexpr, HIGH: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    """Write a tile of the gradient by x: factor · gradient + slope · x + summand."""
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
