"""The transforms of Winograd's F(4×4, 3×3) and F(6×6, 3×3), compiled for the CPU at hand by numba.

A map is cut into tiles of 4×4 or 6×6 outputs; each needs two rows and columns of inputs more, which neighbours share. A
tile, once transformed, is 6×6 or 8×8 numbers a channel: `spectrum[size * i + j, tile, channel]`, so that each of the 36
or 64 is one matrix to multiply. Tiles are counted along rows of tiles, image after image; a call does the rows of tiles
from `start` to `stop`. Maps are (N, H, W, C) and float32; beyond their edges there are zeros.

Each transform is one small matrix applied to the columns of a tile and to its rows, for a whole row of tiles at once:
its pixels lie by their place in a tile, pixel x of tile t from `lines[y, (x * columns + t) * channels]` on, so that
what is added is always a few long vectors. `A` (outputs) and `B` (inputs) are those of Lavin & Gray 2015 (1509.09308),
section 4.3, and for tiles of 6 those of the points 0, ±1, ±2 and ±½.
"""

import numpy as np
from numba import njit

TWO, FOUR, FIVE, EIGHT, SIXTEEN = np.float32(2), np.float32(4), np.float32(5), np.float32(8), np.float32(16)
HALF, QUARTER, EIGHTH = np.float32(1 / 2), np.float32(1 / 4), np.float32(1 / 8)
"""Python's own numbers would turn the arithmetic into float64."""
FAST = {"contract", "reassoc", "nsz"}
"""Sums may be regrouped; what is not finite stays so, because runs watch for it."""


def compiled(function):
    """Compile a function that does not hold the interpreter's lock, and keep it on disk where that can be written."""
    try:
        return njit(nogil=True, fastmath=FAST, cache=True)(function)
    except RuntimeError:  # neither beside this file nor in the user's folder for caches
        return njit(nogil=True, fastmath=FAST)(function)


@njit(inline="always")
def _rows(array, first, size, start, stop):
    """Return a part of each of `size` rows from the first on: always eight, the last again where there are fewer."""
    last = first + size - 1
    return (
        array[first, start:stop],
        array[first + 1, start:stop],
        array[first + 2, start:stop],
        array[first + 3, start:stop],
        array[min(first + 4, last), start:stop],
        array[min(first + 5, last), start:stop],
        array[min(first + 6, last), start:stop],
        array[min(first + 7, last), start:stop],
    )


@njit(inline="always")
def _pixels(line, tile, columns, channels, count):
    """Return pixel 0 of each tile in a line, their pixels 1, and so on, as vectors of `count` numbers: always eight.

    What is beyond a tile's last pixel begins the next one.
    """
    p4, p5 = (4 % tile * columns + 4 // tile) * channels, (5 % tile * columns + 5 // tile) * channels
    p6, p7 = (6 % tile * columns + 6 // tile) * channels, (7 % tile * columns + 7 // tile) * channels
    run = columns * channels
    return (
        line[:count],
        line[run : run + count],
        line[2 * run : 2 * run + count],
        line[3 * run : 3 * run + count],
        line[p4 : p4 + count],
        line[p5 : p5 + count],
        line[p6 : p6 + count],
        line[p7 : p7 + count],
    )


@njit(inline="always")
def _gather(maps, image, row, tile, before, columns, line):
    """Copy a row of a map's pixels to a line, by their places in a tile; `before` of them are beyond the left edge."""
    if not 0 <= row < maps.shape[1]:
        line[:] = np.float32(0)
        return
    for x in range(maps.shape[2]):
        pixel = maps[image, row, x]
        place = ((x + before) % tile * columns + (x + before) // tile) * len(pixel)
        to = line[place : place + len(pixel)]
        for c in range(len(pixel)):
            to[c] = pixel[c]


@njit(inline="always")
def _apply_b(tile, d, s):
    """Write Bᵀd to s, in two loops: the compiler does not vectorise over all these arrays, which might overlap."""
    d0, d1, d2, d3, d4, d5, d6, d7 = d
    s0, s1, s2, s3, s4, s5, s6, s7 = s
    if tile == 4:
        for p in range(len(s0)):
            even, odd = d4[p] - FOUR * d2[p], d3[p] - FOUR * d1[p]
            near, far = d4[p] - d2[p], TWO * (d3[p] - d1[p])
            s1[p], s2[p], s3[p], s4[p] = even + odd, even - odd, near + far, near - far
        for p in range(len(s0)):
            s0[p] = FOUR * d0[p] - FIVE * d2[p] + d4[p]
            s5[p] = FOUR * d1[p] - FIVE * d3[p] + d5[p]
        return
    for p in range(len(s0)):
        even = d2[p] + d6[p] - np.float32(4.25) * d4[p]
        odd = d1[p] + d5[p] - np.float32(4.25) * d3[p]
        s1[p], s2[p] = even + odd, even - odd
        near = d6[p] + QUARTER * d2[p] - np.float32(1.25) * d4[p]
        far = HALF * d1[p] - np.float32(2.5) * d3[p] + TWO * d5[p]
        s3[p], s4[p] = near + far, near - far
    for p in range(len(s0)):
        near = d6[p] + FOUR * d2[p] - FIVE * d4[p]
        far = TWO * d1[p] - np.float32(2.5) * d3[p] + HALF * d5[p]
        s5[p], s6[p] = near + far, near - far
        s0[p] = d0[p] - d6[p] + np.float32(5.25) * (d4[p] - d2[p])
        s7[p] = d7[p] - d1[p] + np.float32(5.25) * (d3[p] - d5[p])


@njit(inline="always")
def _apply_a(tile, m, o):
    """Write Aᵀm to o."""
    m0, m1, m2, m3, m4, m5, m6, m7 = m
    o0, o1, o2, o3, o4, o5, _, _ = o
    if tile == 4:
        for p in range(len(o0)):
            one, two = m1[p] + m2[p], m3[p] + m4[p]
            less, least = m1[p] - m2[p], m3[p] - m4[p]
            o0[p], o1[p] = m0[p] + one + two, less + TWO * least
            o2[p], o3[p] = one + FOUR * two, less + EIGHT * least + m5[p]
        return
    for p in range(len(o0)):
        one, two, half = m1[p] + m2[p], m3[p] + m4[p], m5[p] + m6[p]
        o0[p] = m0[p] + one + two + half
        o2[p] = one + FOUR * two + QUARTER * half
        o4[p] = one + SIXTEEN * two + half / SIXTEEN
    for p in range(len(o0)):
        one, two, half = m1[p] - m2[p], m3[p] - m4[p], m5[p] - m6[p]
        o1[p] = one + TWO * two + HALF * half
        o3[p] = one + EIGHT * two + EIGHTH * half
        o5[p] = one + np.float32(32) * two + half / np.float32(32) + m7[p]


@njit(inline="always")
def _apply_a_back(tile, g, s):
    """Write Ag to s."""
    g0, g1, g2, g3, g4, g5, _, _ = g
    s0, s1, s2, s3, s4, s5, s6, s7 = s
    if tile == 4:
        for p in range(len(s0)):
            even, odd = g0[p] + g2[p], g1[p] + g3[p]
            near, far = g0[p] + FOUR * g2[p], TWO * g1[p] + EIGHT * g3[p]
            s0[p], s1[p], s2[p], s3[p], s4[p], s5[p] = g0[p], even + odd, even - odd, near + far, near - far, g3[p]
        return
    for p in range(len(s0)):
        even, odd = g0[p] + g2[p] + g4[p], g1[p] + g3[p] + g5[p]
        s0[p], s1[p], s2[p], s7[p] = g0[p], even + odd, even - odd, g5[p]
    for p in range(len(s0)):
        near = g0[p] + FOUR * g2[p] + SIXTEEN * g4[p]
        far = TWO * g1[p] + EIGHT * g3[p] + np.float32(32) * g5[p]
        s3[p], s4[p] = near + far, near - far
        near = g0[p] + QUARTER * g2[p] + g4[p] / SIXTEEN
        far = HALF * g1[p] + EIGHTH * g3[p] + g5[p] / np.float32(32)
        s5[p], s6[p] = near + far, near - far


@compiled
def transform_inputs(maps, spectrum, tile, start, stop):
    """Write BᵀdB of each tile's inputs d, of maps that a 3×3 filter with a margin of one pixel reads."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    columns = across + 1  # a last tile for the inputs that the last but one needs
    run, whole = across * channels, tile * columns * channels
    lines = np.zeros((size, whole), np.float32)
    half = np.empty_like(lines)
    for row in range(start, stop):
        for i in range(size):
            _gather(maps, row // down, row % down * tile - 1 + i, tile, 1, columns, lines[i])
        _apply_b(tile, _rows(lines, 0, size, 0, whole), _rows(half, 0, size, 0, whole))
        at = (row - start) * run
        for i in range(size):
            d = _pixels(half[i], tile, columns, channels, run)
            _apply_b(tile, d, _rows(spectrum, size * i, size, at, at + run))


@compiled
def transform_gradients(maps, spectrum, tile, start, stop):
    """Write AgAᵀ of each tile's gradients g, which is what goes back through `transform_outputs`."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    run, whole = across * channels, tile * across * channels
    lines = np.zeros((tile, whole), np.float32)
    half = np.empty((size, whole), np.float32)
    for row in range(start, stop):
        for i in range(tile):
            _gather(maps, row // down, row % down * tile + i, tile, 0, across, lines[i])
        _apply_a_back(tile, _rows(lines, 0, tile, 0, whole), _rows(half, 0, size, 0, whole))
        at = (row - start) * run
        for i in range(size):
            g = _pixels(half[i], tile, across, channels, run)
            _apply_a_back(tile, g, _rows(spectrum, size * i, size, at, at + run))


@compiled
def transform_outputs(spectrum, bias, maps, tile, start, stop):
    """Write AᵀmA plus a bias a channel, the outputs of each tile m, where they are within the maps."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    run, whole = across * channels, tile * across * channels
    half = np.empty((size, whole), np.float32)
    lines = np.empty((tile, whole), np.float32)
    for row in range(start, stop):
        at = (row - start) * run
        for i in range(size):
            m = _rows(spectrum, size * i, size, at, at + run)
            _apply_a(tile, m, _pixels(half[i], tile, across, channels, run))
        _apply_a(tile, _rows(half, 0, size, 0, whole), _rows(lines, 0, tile, 0, whole))
        top = row % down * tile
        for i in range(min(tile, height - top)):
            for x in range(width):
                place = (x % tile * across + x // tile) * channels
                pixel, to = lines[i, place : place + channels], maps[row // down, top + i, x]
                for c in range(channels):
                    to[c] = pixel[c] + bias[c]
