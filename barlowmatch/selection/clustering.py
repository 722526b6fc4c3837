"""k-means: D² seeding, Lloyd's passes, and bounds that spare most distances (Hamerly 2010). Exact, not approximate."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from barlowmatch.selection.d2_sampling import d2_sample
from barlowmatch.selection.distances import Report, nearest, no_report, squared_distances
from barlowmatch.selection.spaces import Euclidean
from barlowmatch.selection.vectors import Vectors

FEW = 4096
"""Up to so many points the seeding compares several draws for each centre."""
ROOM = 2
"""With more points, so many draws a centre are reduced to the centres by that comparison."""
TOLERANCE = 1e-4
"""Lloyd's passes end when the centres move by less than this share of the mean variance of a feature."""


@dataclass(frozen=True, eq=False)
class Clustering:
    """Centres and who belongs to them.

    Attributes:
        centres: (k, D).
        owners: nearest centre of each vector (N,).
        passes: of Lloyd's algorithm.
    """

    centres: Tensor
    owners: Tensor
    passes: int

    def inertia(self, vectors: Vectors) -> float:
        """Return the sum of the squared distances of the vectors that were clustered to their centres."""
        return sum(
            float((block - self.centres[self.owners[part]]).square_().sum(dtype=torch.float64))
            for part, block in vectors.blocks()
        )


def kmeans(
    vectors: Vectors,
    clusters: int,
    random: np.random.Generator,
    iterations: int = 100,
    report: Report = no_report,
) -> Clustering:
    """Cluster vectors.

    Args:
        vectors: the points; `clusters` at most as many.
        clusters: k.
        random: where the seeding's chance comes from.
        iterations: passes at most.
        report: is told of each pass.
    """
    return lloyd(vectors, seed_centres(vectors, clusters, random), iterations, report)


def seed_centres(vectors: Vectors, clusters: int, random: np.random.Generator) -> Tensor:
    """Return k vectors (k, D) to start from."""
    count = len(vectors)
    if count <= FEW:
        points = vectors.whole()
        return points[_greedy_seeds(points, torch.ones(count, dtype=points.dtype), clusters, random)]
    draws = min(count, clusters * ROOM if clusters * ROOM <= FEW else clusters)
    start = torch.from_numpy(random.integers(count, size=1))
    minima = torch.full((count,), torch.inf, dtype=vectors.dtype)
    space = Owned(vectors)
    space.lower(minima, start)
    minima[start] = 0
    drawn, _ = d2_sample(space, minima, draws - 1, random)
    points = vectors.take(torch.cat([start, drawn]))
    if len(points) < clusters:  # the rest are copies of those drawn
        return torch.cat([points, points[torch.arange(clusters - len(points)) % len(points)]])
    if len(points) == clusters:
        return points
    weights = torch.bincount(space.owners, minlength=len(points)).to(points.dtype)
    return points[_greedy_seeds(points, weights, clusters, random)]


class Owned(Euclidean):
    """Vectors that know their nearest chosen point, by the order in which points were chosen.

    Attributes:
        owners: the nearest chosen point of each vector (N,).
    """

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        self.owners = torch.zeros(len(vectors), dtype=torch.int64)
        self._chosen = 0

    def lower(self, minima: Tensor, places: Tensor) -> None:
        """Lower `minima` (N,) for further chosen vectors, and note whose the vectors are now."""
        distances, owners = nearest(self.vectors, self.vectors.take(places))
        torch.where(distances < minima, owners + self._chosen, self.owners, out=self.owners)
        torch.minimum(distances, minima, out=minima)
        self._chosen += len(places)


def _greedy_seeds(points: Tensor, weights: Tensor, clusters: int, random: np.random.Generator) -> Tensor:
    """Choose k of some weighted points (m, D): of a few D² draws a centre the one that lowers the inertia most.

    The steps are many and small: in NumPy, as torch's threads would take longer to meet than to compute.
    """
    among = squared_distances(points, points).fill_diagonal_(0).numpy()
    importance = weights.numpy()
    trials = 4 * (2 + int(math.log(clusters)))  # four times scikit-learn's: costs nothing here, and the inertia falls
    chosen = [int(random.choice(len(points), p=importance / importance.sum(dtype=np.float64)))]
    minima = among[chosen[0]]
    lowered = np.empty((trials, len(points)), among.dtype)
    taken = np.zeros(len(points), np.bool_)
    taken[chosen[0]] = True
    for _ in range(clusters - 1):
        edges = np.cumsum(minima * importance, dtype=np.float64)
        if edges[-1] > 0:
            dice = random.random(trials) * edges[-1]
            draws = np.searchsorted(edges, dice, side="right").clip(max=len(points) - 1)
            np.minimum(minima, among[draws], out=lowered)
            best = int((lowered @ importance).argmin())
            chosen.append(int(draws[best]))
            minima = lowered[best].copy()
        else:  # copies of chosen points only
            chosen.append(int(taken.argmin()))
        taken[chosen[-1]] = True
    return torch.tensor(chosen)


def lloyd(vectors: Vectors, centres: Tensor, iterations: int, report: Report = no_report) -> Clustering:
    """Move centres to the means of their vectors until they rest.

    A centre that loses all its vectors starts anew at the vector farthest from its centre. Distances of a vector are
    computed again only where the bounds, moved as far as the centres moved, allow that another centre is the nearest.
    """
    centres = centres.clone()
    owners, upper, lower = _two_nearest(vectors, centres)
    sums, counts = _sums(vectors, owners, len(centres))
    limit = TOLERANCE * _mean_variance(vectors, sums)
    passes = 0
    while passes < iterations:
        passes += 1
        moved = _means(vectors, centres, sums, counts, upper)
        shifts = (moved - centres).norm(dim=1)
        report(1)
        if float(shifts.square().sum()) <= limit:
            break  # where the centres are, their vectors are known
        centres = moved
        upper += shifts[owners]
        lower -= shifts.max()
        halves = half_gaps(centres)
        stale = torch.nonzero(upper + _SLACK[upper.dtype] > torch.maximum(lower, halves[owners])).squeeze(1)
        if 2 * len(stale) > len(vectors):  # to copy most of them costs more than to look at the rest as well
            stale, part = torch.arange(len(vectors)), vectors
        else:
            part = vectors.only(stale)
        if len(stale):
            fresh, upper[stale], lower[stale] = _two_nearest(part, centres)
            _move_sums(part, owners[stale], fresh, sums, counts)
            owners[stale] = fresh
    return Clustering(centres, owners, passes)


_GAPS = 1024
"""So many centres at once are compared with all."""
_SLACK = {torch.float64: 1e-9, torch.float32: 1e-3}
"""Distances come from products; what rounding may have done to them is added before bounds are trusted."""


def _two_nearest(vectors: Vectors, centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest centre of each vector (N,), the distance to it, and the distance to the second nearest."""
    owners = torch.empty(len(vectors), dtype=torch.int64)
    upper, lower = torch.empty(2, len(vectors), dtype=vectors.dtype)
    half_squares = (centres * centres).sum(1) / 2
    for part, block in vectors.blocks():
        affinity = torch.addmm(half_squares[None], block, centres.T, beta=-1)
        best = affinity.topk(min(2, len(centres)), 1)
        owners[part] = best.indices[:, 0]
        distances = (vectors.squares[part, None] - 2 * best.values).clamp_(min=0).sqrt_()
        upper[part] = distances[:, 0]
        lower[part] = distances[:, 1] if len(centres) > 1 else torch.inf
    return owners, upper, lower


def _sums(vectors: Vectors, owners: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Return the sum (k, D) and the number (k,) of each centre's vectors, of block after block in float64."""
    sums = torch.zeros(clusters, vectors.dimension, dtype=torch.float64)
    for part, block in vectors.blocks():
        sums += torch.zeros(clusters, vectors.dimension, dtype=block.dtype).index_add_(0, owners[part], block)
    return sums, torch.bincount(owners, minlength=clusters).double()


def _move_sums(vectors: Vectors, before: Tensor, after: Tensor, sums: Tensor, counts: Tensor) -> None:
    """Take vectors whose centre changed out of one sum and into another."""
    changed = torch.nonzero(before != after).squeeze(1)
    if len(changed) == 0:
        return
    points = vectors.take(changed).double()
    sums.index_add_(0, before[changed], points, alpha=-1).index_add_(0, after[changed], points)
    ones = torch.ones(len(changed), dtype=torch.float64)
    counts.index_add_(0, before[changed], ones, alpha=-1).index_add_(0, after[changed], ones)


def _means(vectors: Vectors, centres: Tensor, sums: Tensor, counts: Tensor, upper: Tensor) -> Tensor:
    """Return the centres' new places; empty ones go to the vectors farthest from their centres."""
    means = (sums / counts.clamp_min(1)[:, None]).to(centres.dtype)
    empty = torch.nonzero(counts == 0).squeeze(1)
    if len(empty):
        farthest = upper.topk(len(empty)).indices
        means[empty] = torch.where(upper[farthest, None] > 1e-6, vectors.take(farthest), centres[empty])
    return means


def half_gaps(centres: Tensor) -> Tensor:
    """Return half the distance (k,) of each centre to the nearest other: a vector nearer than that stays."""
    if len(centres) == 1:
        return torch.full((1,), torch.inf, dtype=centres.dtype)
    nearest = []
    for start in range(0, len(centres), _GAPS):  # of all centres at once there may be billions of distances
        gaps = squared_distances(centres[start : start + _GAPS], centres)
        gaps.diagonal(start).fill_(torch.inf)
        nearest.append(gaps.amin(1))
    return torch.cat(nearest).sqrt() / 2


def _mean_variance(vectors: Vectors, sums: Tensor) -> float:
    """Return the variance of a feature, averaged over the features, of vectors whose sums (k, D) are at hand."""
    mean = sums.sum(0) / len(vectors)
    return max(0.0, (float(vectors.squares.sum()) / len(vectors) - float(mean.square().sum())) / vectors.dimension)
