"""Intervals of shares, torch-free: training, evaluation and the app say how sure a figure is by one formula."""

import math
from collections import Counter
from collections.abc import Sequence

TOO_FEW = 10
"""A class with fewer labels to judge it by than this is not judged."""


NORMAL = 1.959964
"""Standard errors to either side that hold 95 % of a normal distribution."""


def wilson_interval(right: float, count: float, z: float = NORMAL) -> tuple[float, float]:
    """Return the 95 % interval of a share of `right` among `count` (Wilson 1927), both ends in [0, 1].

    Args:
        right: how many are right.
        count: of how many.
        z: standard errors to either side.
    """
    if count == 0:
        return 0.0, 1.0
    share = right / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def grouped_interval(right: Sequence[bool], groups: Sequence[str] | None) -> tuple[float, float]:
    """Return the 95 % interval of the share of images that are right, where images of one group are alike.

    It is Wilson's for as many images as tell as much: their number over the design effect, the variance between groups
    over that of single images (Korn and Graubard 1998). One group alone tells nothing of others.

    Args:
        right: which images are right (n,).
        groups: the group of each (n,), None where each stands alone.
    """
    count, total = len(right), sum(right)
    names = [str(row) for row in range(count)] if groups is None else groups
    sizes = Counter(names)
    if len(sizes) == count:
        return wilson_interval(total, count)
    if len(sizes) == 1:
        return 0.0, 1.0
    from scipy.stats import t

    share = total / count
    hits = Counter(group for group, hit in zip(names, right, strict=True) if hit)
    between = sum((hits[group] - share * size) ** 2 for group, size in sizes.items()) * len(sizes) / (len(sizes) - 1)
    alone = share * (1 - share) * count
    telling = count / max(1.0, between / alone) if alone > 0 else len(sizes)
    return wilson_interval(share * telling, telling, float(t.ppf(0.975, len(sizes) - 1)))
