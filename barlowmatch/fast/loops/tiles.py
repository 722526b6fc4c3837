"""The transforms of Winograd's algorithms, compiled for the CPU at hand by numba.

A map is cut into tiles of m×m outputs; each needs some rows and columns of inputs, which neighbours share. A tile, once
transformed, is `numbers` squared numbers a channel, each of which is a part of one of as many matrices to multiply:
`spectrum[numbers * i + j, tile * channels + channel]`, whose rows may be longer than that. Tiles are counted along rows
of tiles, image after image; a call does the rows of tiles from `start` to `stop`. Maps are (N, H, W, C), float32,
without gaps, of `LANES` channels at least; beyond their edges there are zeros.

Each transform is one small matrix applied to the columns of a tile and then to its rows, for `LANES` channels at a
time. That is written in LLVM's own instructions: of loops over a dozen arrays, any two of which might overlap, the
compiler makes no vectors.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from barlowmatch.fast.loops.compiling import FAST, compiled
from barlowmatch.fast.loops.toom_cook import ALGORITHMS, Algorithm, Matrix

LANES = 16
"""Channels computed at once: a vector of AVX-512, two of AVX; a line of the cache."""
AHEAD = 32
"""So many channels ahead a line is fetched: the processor foresees fewer streams than a tile has numbers."""
ZERO = np.float32(0)
MATRICES: list[Matrix] = [
    matrix for one in ALGORITHMS for matrix in (one.BT, tuple(zip(*one.AT, strict=True)), one.AT)
] + [((1.0,),)]
"""Those of each algorithm, in the order of `Transforms`; the last one copies."""
COPY = len(MATRICES) - 1


class Transforms(NamedTuple):
    """The transforms of one algorithm: of maps and a spectrum, the latter first where it is read, and a range of rows.

    Attributes:
        inputs: writes BᵀdB of each tile's inputs d.
        gradients: writes AgAᵀ of each tile's gradients g, which is what goes back through `outputs`.
        outputs: writes AᵀmA, the outputs of each tile m, where they are within the maps.
    """

    inputs: Callable[..., None]
    gradients: Callable[..., None]
    outputs: Callable[..., None]


def _multiplication(typing, which, source, at, step, target, to, stride):
    """Multiply a matrix, `MATRICES[which]`, by vectors of `LANES` channels.

    Vector k begins at `source[at + k * step]`, and row r of the product is written from `target[to + r * stride]` on.
    Both are one-dimensional.
    """
    matrix = MATRICES[which.literal_value]

    def generate(context, builder, signature, arguments):
        _, source, at, step, target, to, stride = arguments
        read = [
            builder.load(_vector(context, builder, signature.args[1], source, at, step, k), align=4)
            for k in range(len(matrix[0]))
        ]
        for r, value in enumerate(_product(builder, matrix, read)):
            builder.store(value, _vector(context, builder, signature.args[4], target, to, stride, r), align=4)
        return context.get_dummy_value()

    return types.void(which, source, at, step, target, to, stride), generate


_multiply: Any = intrinsic(prefer_literal=True)(_multiplication)


def _vector(context, builder, kind, array, first, step, count):
    """Return the address of the vector that begins at `array[first + step * count]`."""
    place = builder.add(first, builder.mul(step, ir.Constant(step.type, count)))
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), ir.VectorType(ir.FloatType(), LANES).as_pointer())


def _product(builder, matrix: Matrix, vectors: Sequence[Any]) -> list[Any]:
    """Return each row of a matrix times vectors.

    Two rows that differ in some signs alone are S + D and S − D, the sums of where they agree and where they do not.
    """
    found: dict[int, Any] = {}
    for r, o in combinations(range(len(matrix)), 2):
        pairs = list(zip(matrix[r], matrix[o], strict=True))
        same = [one if one == other else 0 for one, other in pairs]
        opposite = [one if one == -other else 0 for one, other in pairs]
        alike = all(abs(one) == abs(other) for one, other in pairs) and any(same) and any(opposite)
        if alike and r not in found and o not in found:
            total, difference = _sum(builder, same, vectors), _sum(builder, opposite, vectors)
            found[r] = builder.fadd(total, difference, flags=FAST)
            found[o] = builder.fsub(total, difference, flags=FAST)
    return [found[r] if r in found else _sum(builder, row, vectors) for r, row in enumerate(matrix)]


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


@cache
def transforms(algorithm: Algorithm) -> Transforms:
    """Return the transforms of an algorithm; each is compiled when it is first called."""
    first = 3 * ALGORITHMS.index(algorithm)
    return Transforms(
        _to_spectrum(first, algorithm.numbers, algorithm.inputs, algorithm.step, algorithm.lead),
        _to_spectrum(first + 1, algorithm.numbers, algorithm.outputs, algorithm.outputs, 0),
        _to_maps(first + 2, algorithm.numbers, algorithm.outputs),
    )


def _to_spectrum(which: int, size: int, reads: int, step: int, lead: int):
    """Return the transform of tiles of `reads` numbers each way, which begin `step` apart and `lead` before the map."""

    def transform(maps, spectrum, start, stop):
        height, width, channels = maps.shape[1:]
        down, across = -(-height // step), -(-width // step)
        strip, half = np.empty((reads, width * channels), np.float32), np.empty(size * reads * LANES, np.float32)
        target, pitch = spectrum.ravel(), spectrum.shape[1]
        for row in range(start, stop):
            source, begin = _rows_of_map(maps, row // down, row % down * step - lead, reads, strip)
            for column in range(across):
                left, at = column * step - lead, ((row - start) * across + column) * channels
                for block in range(0, channels, LANES):
                    channel = min(block, channels - LANES)  # the last block may overlap the one before
                    for j in range(reads):
                        if 0 <= left + j < width:
                            pixel = begin + (left + j) * channels + channel
                            _multiply(which, source, pixel, width * channels, half, j * LANES, reads * LANES)
                        else:
                            _clear(half, j * LANES, reads * LANES, size)
                    to = at + channel
                    for k in range(size * size):
                        _fetch_to_write(target, to + AHEAD + k * pitch)
                    for i in range(size):
                        _multiply(which, half, i * reads * LANES, LANES, target, to + i * size * pitch, pitch)

    return _compiled(transform, which, size, reads, step, lead)


def _to_maps(which: int, size: int, tile: int):
    """Return the transform to tiles of `tile` numbers each way, of which those within the maps are written."""

    def transform(spectrum, maps, start, stop):
        height, width, channels = maps.shape[1:]
        down, across = -(-height // tile), -(-width // tile)
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
                        _multiply(which, source, at + j * pitch, size * pitch, half, j * LANES, size * LANES)
                    for i in range(min(tile, height - top)):
                        to = ((image * height + top + i) * width + left) * channels + channel
                        if left + tile <= width:
                            _multiply(which, half, i * size * LANES, LANES, target, to, channels)
                        else:
                            _multiply(which, half, i * size * LANES, LANES, row_of_tile, 0, LANES)
                            for x in range(width - left):
                                _multiply(COPY, row_of_tile, x * LANES, 0, target, to + x * channels, 0)

    return _compiled(transform, which, size, tile)


def _compiled(transform: Callable[..., None], which: int, *sizes: int) -> Any:
    """Compile a transform; numba keeps it under a name of its own, which changes with the matrix it multiplies by."""
    matrix = crc32(repr(MATRICES[which]).encode())
    transform.__qualname__ = "_".join(map(str, ("transform", *sizes, matrix)))
    return compiled(transform)
