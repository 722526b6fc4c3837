"""The three transforms of Winograd's F(4×4, 3×3) between maps and tiles, compiled for the CPU at hand by numba.

A map is cut into tiles of 4×4 outputs; each needs 6×6 inputs, so that neighbours share two rows and columns. A tile,
once transformed, is 36 numbers a channel: `spectrum[6 * i + j, tile, channel]`, so that each of the 36 is one matrix to
multiply. Tiles are counted along rows of tiles, image after image; a call does the rows of tiles from `start` to
`stop`. Maps are (N, H, W, C) and float32; beyond their edges there are zeros.

Each transform is one small matrix applied to the columns of a tile and to its rows; columns are done for a whole row of
tiles at once. `A` (outputs) and `B` (inputs) are those of Lavin & Gray 2015 (1509.09308), section 4.3.
"""

import numpy as np
from numba import njit

from barlowmatch.models.winograd import TILE

TWO, FOUR, FIVE, EIGHT = np.float32(2), np.float32(4), np.float32(5), np.float32(8)
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
def _line(maps, image, row, otherwise):
    """Return a row of pixels, all channels of the first one before those of the next; beyond the map what is given."""
    return maps[image, row].reshape(-1) if 0 <= row < maps.shape[1] else otherwise


@njit(inline="always")
def _apply_b(d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5):
    """Write Bᵀd to s, in two loops: the compiler does not vectorise over twelve arrays that might overlap."""
    for c in range(len(s0)):
        even, odd = d4[c] - FOUR * d2[c], d3[c] - FOUR * d1[c]
        near, far = d4[c] - d2[c], TWO * (d3[c] - d1[c])
        s1[c], s2[c], s3[c], s4[c] = even + odd, even - odd, near + far, near - far
    for c in range(len(s0)):
        s0[c] = FOUR * d0[c] - FIVE * d2[c] + d4[c]
        s5[c] = FOUR * d1[c] - FIVE * d3[c] + d5[c]


@njit(inline="always")
def _apply_a(m0, m1, m2, m3, m4, m5):
    """Return Aᵀm."""
    one, two = m1 + m2, m3 + m4
    less, least = m1 - m2, m3 - m4
    return m0 + one + two, less + TWO * least, one + FOUR * two, less + EIGHT * least + m5


@njit(inline="always")
def _apply_a_back(g0, g1, g2, g3):
    """Return Ag."""
    even, odd = g0 + g2, g1 + g3
    more, most = g0 + FOUR * g2, TWO * g1 + EIGHT * g3
    return g0, even + odd, even - odd, more + most, more - most, g3


@compiled
def transform_inputs(maps, start, stop, spectrum):
    """Write BᵀdB of each tile's 6×6 inputs d, of maps that a 3×3 filter with a margin of one pixel reads."""
    height, width, channels = maps.shape[1:]
    down, across = -(-height // TILE), -(-width // TILE)
    margin = np.zeros(width * channels, np.float32)
    half = np.zeros((6, (across * TILE + 2) * channels), np.float32)
    inner = half[:, channels : (width + 1) * channels]
    for row in range(start, stop):
        image, top = row // down, row % down * TILE - 1
        d0, d1 = _line(maps, image, top, margin), _line(maps, image, top + 1, margin)
        d2, d3 = _line(maps, image, top + 2, margin), _line(maps, image, top + 3, margin)
        d4, d5 = _line(maps, image, top + 4, margin), _line(maps, image, top + 5, margin)
        _apply_b(d0, d1, d2, d3, d4, d5, inner[0], inner[1], inner[2], inner[3], inner[4], inner[5])
        for t in range(across):
            tile = (row - start) * across + t
            for i in range(6):
                line = half[i, t * TILE * channels :]
                d0, d1, d2 = line, line[channels:], line[2 * channels :]
                d3, d4, d5 = line[3 * channels :], line[4 * channels :], line[5 * channels :]
                s0, s1, s2 = spectrum[6 * i, tile], spectrum[6 * i + 1, tile], spectrum[6 * i + 2, tile]
                s3, s4, s5 = spectrum[6 * i + 3, tile], spectrum[6 * i + 4, tile], spectrum[6 * i + 5, tile]
                _apply_b(d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5)


@compiled
def transform_gradients(maps, start, stop, spectrum):
    """Write AgAᵀ of each tile's 4×4 gradients g, which is what goes back through `transform_outputs`."""
    height, width, channels = maps.shape[1:]
    down, across = -(-height // TILE), -(-width // TILE)
    margin = np.zeros(width * channels, np.float32)
    half = np.zeros((6, across * TILE * channels), np.float32)
    h0, h1, h2, h3, h4, h5 = half[0], half[1], half[2], half[3], half[4], half[5]
    for row in range(start, stop):
        image, top = row // down, row % down * TILE
        g0, g1 = _line(maps, image, top, margin), _line(maps, image, top + 1, margin)
        g2, g3 = _line(maps, image, top + 2, margin), _line(maps, image, top + 3, margin)
        for p in range(width * channels):
            h0[p], h1[p], h2[p], h3[p], h4[p], h5[p] = _apply_a_back(g0[p], g1[p], g2[p], g3[p])
        for t in range(across):
            tile = (row - start) * across + t
            for i in range(6):
                g = half[i, t * TILE * channels :]
                s0, s1, s2 = spectrum[6 * i, tile], spectrum[6 * i + 1, tile], spectrum[6 * i + 2, tile]
                s3, s4, s5 = spectrum[6 * i + 3, tile], spectrum[6 * i + 4, tile], spectrum[6 * i + 5, tile]
                for c in range(channels):
                    s0[c], s1[c], s2[c], s3[c], s4[c], s5[c] = _apply_a_back(
                        g[c], g[channels + c], g[2 * channels + c], g[3 * channels + c]
                    )


@compiled
def transform_outputs(spectrum, start, stop, bias, maps):
    """Write AᵀmA plus a bias a channel, the 4×4 outputs of each tile m, where they are within the maps."""
    height, width, channels = maps.shape[1:]
    down, across = -(-height // TILE), -(-width // TILE)
    beyond = np.empty(width * channels, np.float32)
    for_each_pixel = np.empty((width, channels), np.float32)
    for_each_pixel[:] = bias
    b = for_each_pixel.reshape(-1)
    half = np.empty((6, across * TILE * channels), np.float32)
    h0, h1, h2, h3, h4, h5 = half[0], half[1], half[2], half[3], half[4], half[5]
    for row in range(start, stop):
        image, top = row // down, row % down * TILE
        for t in range(across):
            tile = (row - start) * across + t
            for i in range(6):
                o = half[i, t * TILE * channels :]
                m0, m1, m2 = spectrum[6 * i, tile], spectrum[6 * i + 1, tile], spectrum[6 * i + 2, tile]
                m3, m4, m5 = spectrum[6 * i + 3, tile], spectrum[6 * i + 4, tile], spectrum[6 * i + 5, tile]
                for c in range(channels):
                    o[c], o[channels + c], o[2 * channels + c], o[3 * channels + c] = _apply_a(
                        m0[c], m1[c], m2[c], m3[c], m4[c], m5[c]
                    )
        o0, o1 = _line(maps, image, top, beyond), _line(maps, image, top + 1, beyond)
        o2, o3 = _line(maps, image, top + 2, beyond), _line(maps, image, top + 3, beyond)
        for p in range(width * channels):
            a0, a1, a2, a3 = _apply_a(h0[p], h1[p], h2[p], h3[p], h4[p], h5[p])
            o0[p], o1[p], o2[p], o3[p] = a0 + b[p], a1 + b[p], a2 + b[p], a3 + b[p]
