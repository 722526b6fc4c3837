"""The greatest of many values in a row, as a whole sort would find them, without sorting."""

import numpy as np

from barlowmatch.arrays import Floats, Rows


def leading(values: Floats, count: int) -> tuple[Rows, Floats]:
    """Return the columns of the `count` greatest values of each row, and the values; the first of equal ones first.

    Args:
        values: (n, C), none of them NaN.
        count: how many, or C where that is less.
    """
    left = values.copy()
    every = np.arange(len(values))
    columns = np.empty((len(values), min(count, values.shape[1])), np.int64)
    for place in range(columns.shape[1]):
        columns[:, place] = left.argmax(1)
        left[every, columns[:, place]] = -np.inf
    return columns, np.take_along_axis(values, columns, 1)
