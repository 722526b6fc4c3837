"""Shares as text, many at once: formatting them one by one takes longer than computing them on a GPU."""

from collections.abc import Iterator

import numpy as np

from barlowmatch.arrays import AnyFloats

_HIGH = np.array([list(f"{value / 1000:.3f}".encode()) for value in range(1001)], np.uint8)
_LOW = np.array([list(f"{value:03},".encode()) for value in range(1000)], np.uint8)
"""The first three decimals and what stands before them; the last three and a comma."""


def comma_separated(values: AnyFloats) -> Iterator[str]:
    """Yield each row of numbers with six decimals, as `f"{value:.6f}"` writes them, parted by commas.

    Numbers of 24 bits times a million are whole in 53 bits, so they are rounded as printing rounds them.

    Args:
        values: (N, C).
    """
    if values.dtype != np.float32 or not ((values >= 0) & (values <= 1)).all() or np.signbit(values).any():
        for row in values.tolist():
            yield ",".join(f"{value:.6f}" for value in row)
        return
    high, low = np.divmod(np.rint(values.astype(np.float64) * 10**6).astype(np.uint32), 1000)
    text = np.concatenate([_HIGH[high], _LOW[low]], axis=-1)
    for row in text.reshape(len(values), -1):
        yield row[:-1].tobytes().decode("ascii")
