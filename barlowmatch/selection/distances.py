"""Squared Euclidean distances, in blocks; on unit vectors they are 2 − 2·cosine.

Distances are compared after rounding to `TIE_DECIMALS`: what differs by less is a tie, whatever the order of summation
was, and a tie goes to the file whose name sorts first.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from barlowmatch.selection.vectors import Vectors

TIE_DECIMALS = {torch.float64: 10, torch.float32: 6}


Report = Callable[[int], None]


def no_report(count: int) -> None:
    """Tell nobody."""


def rounded(values: Tensor) -> Tensor:
    """Return values such that ties are equal."""
    return torch.round(values, decimals=TIE_DECIMALS[values.dtype])


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Return squared distances (n, m) of two sets of vectors."""
    right_squares = (right * right).sum(1)
    left_squares = (left * left).sum(1)
    return torch.addmm(right_squares[None], left, right.T, alpha=-2).add_(left_squares[:, None]).clamp_(min=0)


def nearest(vectors: Vectors, centres: Tensor, report: Report = no_report) -> tuple[Tensor, Tensor]:
    """Return the squared distance (N,) of each vector to its nearest centre, and which centre (N,) that is."""
    distances = torch.empty(len(vectors), dtype=vectors.dtype)
    owners = torch.empty(len(vectors), dtype=torch.int64)
    half_squares = (centres * centres).sum(1) / 2
    for part, block in vectors.blocks():
        affinity = torch.addmm(half_squares[None], block, centres.T, beta=-1)
        owners[part] = torch.from_numpy(affinity.numpy().argmax(1))  # three times as fast as torch's
        best = affinity.gather(1, owners[part, None]).squeeze(1)
        distances[part] = (vectors.squares[part] - 2 * best).clamp_(min=0)
        report(len(block))
    return distances, owners


def lower_to(minima: Tensor, vectors: Vectors, centres: Tensor) -> None:
    """Lower each vector's squared distance to its nearest centre, in place, for further centres."""
    half_squares = (centres * centres).sum(1) / 2
    for part, block in vectors.blocks():
        affinity = torch.addmm(half_squares[None], block, centres.T, beta=-1).amax(1)
        distances = (vectors.squares[part] - 2 * affinity).clamp_(min=0)
        torch.minimum(minima[part], distances, out=minima[part])


def largest(values: Tensor, count: int) -> tuple[Tensor, float]:
    """Return the places of the `count` largest values, larger ones first, ties by place, and the value left outside.

    The second is an upper bound of all values outside; −inf when none is.
    """
    comparable = rounded(values)
    if count >= len(values):
        return torch.argsort(comparable, descending=True, stable=True), float("-inf")
    threshold = torch.kthvalue(comparable, len(values) - count + 1).values
    above = torch.nonzero(comparable > threshold).squeeze(1)
    level = torch.nonzero(comparable == threshold).squeeze(1)
    places = torch.cat([above, level[: count - len(above)]])
    places = places[torch.argsort(places)]
    order = torch.argsort(comparable[places], descending=True, stable=True)
    outside = comparable.clone()
    outside[places] = float("-inf")
    return places[order], float(outside.max())
