"""The transforms of Winograd's F(m×m, 3×3), compiled for the CPU at hand by numba.

A map is cut into tiles of m×m outputs; each needs two rows and columns of inputs more, which neighbours share. A tile,
once transformed, is (m + 2)² numbers a channel, each of which is a part of one of as many matrices to multiply:
`spectrum[size * i + j, tile * channels + channel]`, whose rows may be longer than that. Tiles are counted along rows of
tiles, image after image; a call does the rows of tiles from `start` to `stop`. Maps are (N, H, W, C), float32, without
gaps, of `LANES` channels at least; beyond their edges there are zeros.

Each transform is one small matrix applied to the columns of a tile and then to its rows, for `LANES` channels at a
time. That is written in LLVM's own instructions: of loops over a dozen arrays, any two of which might overlap, the
compiler makes no vectors. It stands here because numba keeps what it compiled until this file changes: touch it when
the matrices change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from barlowmatch.loops.compiling import FAST, compiled
from barlowmatch.loops.cook_toom import ALGORITHMS, Matrix

LANES = 16
"""Channels computed at once: a vector of AVX-512, two of AVX; a line of the cache."""
AHEAD = 32
"""So many channels ahead a line is fetched: the processor foresees fewer streams than a tile has numbers."""
ZERO = np.float32(0)


def multiplication(matrices: Mapping[int, Matrix]):
    """Return what multiplies a matrix by vectors of `LANES` channels, for use in compiled functions.

    It is called with (tile, source, at, step, target, to, stride): `tile` says which matrix, vector k begins at
    `source[at + k * step]`, and row r of the product is written from `target[to + r * stride]` on. Both are
    one-dimensional.
    """

    @intrinsic
    def multiply(typing, tile, source, at, step, target, to, stride):
        def generate(context, builder, signature, arguments):
            tile, source, at, step, target, to, stride = arguments
            for side, matrix in matrices.items():
                with builder.if_then(builder.icmp_signed("==", tile, ir.Constant(tile.type, side))):
                    read = [
                        builder.load(_vector(context, builder, signature.args[1], source, at, step, k), align=4)
                        for k in range(len(matrix[0]))
                    ]
                    for r, value in enumerate(_product(builder, matrix, read)):
                        place = _vector(context, builder, signature.args[4], target, to, stride, r)
                        builder.store(value, place, align=4)
            return context.get_dummy_value()

        return types.void(tile, source, at, step, target, to, stride), generate

    return multiply


def _vector(context, builder, kind, array, first, step, count):
    """Return the address of the vector that begins at `array[first + step * count]`."""
    place = builder.add(first, builder.mul(step, ir.Constant(step.type, count)))
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), ir.VectorType(ir.FloatType(), LANES).as_pointer())


def _product(builder, matrix: Matrix, vectors: Sequence[Any]) -> list[Any]:
    """Return each row of a matrix times vectors.

    Rows come in pairs that are E + O and E − O, of the even and of the odd vectors: each such sum is computed once.
    """
    sums: dict[tuple[float, ...], Any] = {}
    found = []
    for row in matrix:
        total = None
        for parity in (0, 1):
            factors = tuple(factor if place % 2 == parity else 0 for place, factor in enumerate(row))
            opposite = tuple(-factor for factor in factors)
            if opposite in sums and total is not None:
                total = builder.fsub(total, sums[opposite], flags=FAST)
            elif any(factors):
                if factors not in sums:
                    sums[factors] = _sum(builder, factors, vectors)
                total = sums[factors] if total is None else builder.fadd(total, sums[factors], flags=FAST)
        found.append(total)
    return found


def _sum(builder, factors: Sequence[float], vectors: Sequence[Any]) -> Any:
    """Return the sum of vectors, each times its factor."""
    total = None
    for factor, vector in zip(factors, vectors, strict=True):
        if factor == 0:
            continue
        scale = ir.Constant(vector.type, [ir.Constant(vector.type.element, factor)] * LANES)
        term = vector if abs(factor) == 1 else builder.fmul(vector, scale, flags=FAST)
        if total is None:
            total = builder.fneg(term) if factor == -1 else term
        else:
            total = (builder.fsub if factor == -1 else builder.fadd)(total, term, flags=FAST)
    return total


def fetching(write: bool):
    """Return what has the processor fetch the line of an array at a place, to be read or to be written."""

    @intrinsic
    def fetch(typing, array, place):
        def generate(context, builder, signature, arguments):
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            line = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
            builder.call(prefetch, [line, number(int(write)), number(3), number(1)])  # 3: into the nearest cache
            return context.get_dummy_value()

        return types.void(array, place), generate

    return fetch


_apply_bt = multiplication({side: algorithm.BT for side, algorithm in ALGORITHMS.items()})
_apply_at = multiplication({side: algorithm.AT for side, algorithm in ALGORITHMS.items()})
_apply_a = multiplication({side: tuple(zip(*algorithm.AT, strict=True)) for side, algorithm in ALGORITHMS.items()})
_copy = multiplication({1: ((1,),)})
_fetch_to_read, _fetch_to_write = fetching(False), fetching(True)


@njit(inline="always")
def _rows_of_map(maps, image, top, rows, strip):
    """Return an array with rows of a map, and where they begin in it: `strip`, with zeros, where some are beyond it."""
    height, length = maps.shape[1], maps.shape[2] * maps.shape[3]
    if top >= 0 and top + rows <= height:
        return maps.ravel(), (image * height + top) * length
    for i in range(rows):
        to = strip[i]
        if 0 <= top + i < height:
            row = maps[image, top + i].ravel()
            for p in range(length):
                to[p] = row[p]
        else:
            to[:] = ZERO
    return strip.ravel(), 0


@njit(inline="always")
def _clear(target, to, stride, rows):
    for i in range(rows):
        target[to + i * stride : to + i * stride + LANES] = ZERO


@compiled
def transform_inputs(maps, spectrum, tile, start, stop):
    """Write BᵀdB of each tile's inputs d, of maps that a 3×3 filter with a margin of one pixel reads."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    strip, half = np.empty((size, width * channels), np.float32), np.empty(size * size * LANES, np.float32)
    target, pitch = spectrum.ravel(), spectrum.shape[1]
    for row in range(start, stop):
        source, begin = _rows_of_map(maps, row // down, row % down * tile - 1, size, strip)
        for column in range(across):
            left, at = column * tile - 1, ((row - start) * across + column) * channels
            for block in range(0, channels, LANES):
                channel = min(block, channels - LANES)  # the last block may overlap the one before
                for j in range(size):
                    if 0 <= left + j < width:
                        pixel = begin + (left + j) * channels + channel
                        _apply_bt(tile, source, pixel, width * channels, half, j * LANES, size * LANES)
                    else:
                        _clear(half, j * LANES, size * LANES, size)
                to = at + channel
                for k in range(size * size):
                    _fetch_to_write(target, to + AHEAD + k * pitch)
                for i in range(size):
                    _apply_bt(tile, half, i * size * LANES, LANES, target, to + i * size * pitch, pitch)


@compiled
def transform_gradients(maps, spectrum, tile, start, stop):
    """Write AgAᵀ of each tile's gradients g, which is what goes back through `transform_outputs`."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    strip, half = np.empty((tile, width * channels), np.float32), np.empty(size * tile * LANES, np.float32)
    target, pitch = spectrum.ravel(), spectrum.shape[1]
    for row in range(start, stop):
        source, begin = _rows_of_map(maps, row // down, row % down * tile, tile, strip)
        for column in range(across):
            left, at = column * tile, ((row - start) * across + column) * channels
            for block in range(0, channels, LANES):
                channel = min(block, channels - LANES)
                for j in range(tile):
                    if left + j < width:
                        pixel = begin + (left + j) * channels + channel
                        _apply_a(tile, source, pixel, width * channels, half, j * LANES, tile * LANES)
                    else:
                        _clear(half, j * LANES, tile * LANES, size)
                to = at + channel
                for k in range(size * size):
                    _fetch_to_write(target, to + AHEAD + k * pitch)
                for i in range(size):
                    _apply_a(tile, half, i * tile * LANES, LANES, target, to + i * size * pitch, pitch)


@compiled
def transform_outputs(spectrum, maps, tile, start, stop):
    """Write AᵀmA, the outputs of each tile m, where they are within the maps."""
    height, width, channels = maps.shape[1:]
    size, down, across = tile + 2, -(-height // tile), -(-width // tile)
    half, row_of_tile = np.empty(tile * size * LANES, np.float32), np.empty(tile * LANES, np.float32)
    source, pitch, target = spectrum.ravel(), spectrum.shape[1], maps.ravel()
    for row in range(start, stop):
        image, top = row // down, row % down * tile
        for column in range(across):
            left, begin = column * tile, ((row - start) * across + column) * channels
            for block in range(0, channels, LANES):
                channel = min(block, channels - LANES)
                at = begin + channel
                for k in range(size * size):
                    _fetch_to_read(source, at + AHEAD + k * pitch)
                for j in range(size):
                    _apply_at(tile, source, at + j * pitch, size * pitch, half, j * LANES, size * LANES)
                for i in range(min(tile, height - top)):
                    to = ((image * height + top + i) * width + left) * channels + channel
                    if left + tile <= width:
                        _apply_at(tile, half, i * size * LANES, LANES, target, to, channels)
                    else:
                        _apply_at(tile, half, i * size * LANES, LANES, row_of_tile, 0, LANES)
                        for x in range(width - left):
                            _copy(1, row_of_tile, x * LANES, 0, target, to + x * channels, 0)
