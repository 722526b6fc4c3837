"""Numbers of matrices that are float32, or bfloat16 seen as uint16: numpy and numba have no such type.

bfloat16 is the upper half of a float32. All is computed in float32; what is written is rounded to the nearest number,
to the even one of two that are as near, as torch does.
"""

import numpy as np
from numba import types
from numba.extending import overload

HALF, ROUNDING, ONE = np.uint32(16), np.uint32(0x7FFF), np.uint32(1)
NAN = np.uint16(0x7FC0)


def wide(value):
    """Return a matrix's number as float32."""
    raise NotImplementedError  # compiled only


def narrow(value, row):
    """Return a float32 as the numbers of a row are."""
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


def positive(value):
    """Say whether a matrix's number is above zero; here NaN may be."""
    raise NotImplementedError  # compiled only


@overload(positive, inline="always")
def _positive(value):
    if value == types.uint16:
        return lambda value: np.int16(value) > 0
    return lambda value: value > 0
