"""Intervals of shares, torch-free: training, evaluation and the app say how sure a figure is by one formula."""

import math

TOO_FEW = 10
"""A class with fewer labels to judge it by than this is not judged."""


def wilson_interval(right: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `right` among `count` (Wilson 1927), both ends in [0, 1]."""
    if count == 0:
        return 0.0, 1.0
    z = 1.959964
    share = right / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)
