"""TypiClust (Hacohen et al. 2022, 2202.02794): typical images of clusters that have no labels."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.arrays import Counts, Labels
from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.configs import TypiClustConfig
from barlowmatch.selection.distances import nearest, squared_distances
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.vectors import Vectors

TRAINING_ROWS = 256
"""Vectors a centre that k-means learns from; more do not move the centres noticeably."""
PASSES = 30
"""Of k-means at most; which images are typical settles long before the centres rest."""
SMALLEST_CLUSTER = 5
"""Smaller clusters are outliers and come last, as in the authors' code."""
LARGE = 16_384
"""In a larger cluster the typical images of so many drawn ones are found: as a whole it would take its size squared."""
ROWS = 1024


class TypiClust(Strategy[TypiClustConfig]):
    """One image from each cluster in turn: those with fewest labels first, the larger of them first.

    An image that is asked for already counts as labeled.

    Typicality is 1 / mean distance (true distances, not squared) to the min(20, n/2) nearest in the cluster, or where
    that has more than `LARGE` unlabeled images, among so many of them drawn at random.
    """

    name: ClassVar[str] = "typiclust"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose the most typical images; the score is the typicality."""
        spoken_for = len(pool.spoken_for)
        clusters = min(spoken_for + budget, self.config.clusters)
        owners = assign_clusters(pool.vectors, clusters, random, emit)
        sizes = np.bincount(owners, minlength=clusters)
        labels, free = np.bincount(owners[:spoken_for], minlength=clusters), owners[spoken_for:]
        quotas = visits(sizes, labels, np.bincount(free, minlength=clusters), budget)
        members = np.argsort(free, kind="stable")
        starts = np.searchsorted(free[members], np.arange(clusters + 1))
        chosen: dict[int, tuple[list[int], list[float]]] = {}
        rate = Rate("find typical images", budget, emit)
        for cluster, quota in enumerate(np.bincount(quotas, minlength=clusters)):
            if quota:
                places = members[starts[cluster] : starts[cluster + 1]]
                most = max(LARGE, 2 * int(quota))
                if len(places) > most:
                    places = np.sort(random.choice(places, most, replace=False))
                picked, typicality = most_typical(pool.unlabeled.take(places), int(quota), self.config.neighbours)
                chosen[cluster] = (places[picked].tolist()[::-1], typicality[::-1])
                rate.step(int(quota))
        picks = [(cluster, chosen[cluster][0].pop(), chosen[cluster][1].pop()) for cluster in quotas.tolist()]
        kind = "labels" if spoken_for == len(pool.labels) else "labels, given or asked for"
        reasons = [
            f"typical of a cluster of {sizes[cluster]} images with {labels[cluster]} {kind}" for cluster, _, _ in picks
        ]
        return Picks([place for _, place, _ in picks], [score for _, _, score in picks], reasons)


def assign_clusters(vectors: Vectors, clusters: int, random: np.random.Generator, emit: Emit) -> Labels:
    """Return the cluster of each vector (N,); k-means learns from a random part where there are very many."""
    rows = clusters * TRAINING_ROWS
    part = vectors
    if len(vectors) > max(rows, 10_000):
        part = vectors.only(np.sort(random.choice(len(vectors), max(rows, 10_000), replace=False)))
    rate = Rate("cluster images", PASSES, emit, unit="iteration")
    clustering = kmeans(part, clusters, random, PASSES, rate.step)
    return (clustering.owners if part is vectors else nearest(vectors, clustering.centres)[1]).numpy()


def visits(
    sizes: Counts,
    labels: Counts,
    available: Counts,
    budget: int,
) -> Labels:
    """Return the cluster each pick comes from (budget,): round after round in the order of fewest labels, then size.

    Clusters that run out are passed over; outlying ones are visited when the others have run out.
    """
    order = np.lexsort((-sizes, labels))
    result: list[int] = []
    left = available.copy()
    for group in (order[sizes[order] > SMALLEST_CLUSTER], order[sizes[order] <= SMALLEST_CLUSTER]):
        while len(result) < budget and left[group].any():
            turn = group[left[group] > 0]
            left[turn] -= 1
            result += turn.tolist()
    return np.array(result[:budget], np.int64)


def most_typical(points: Tensor, count: int, neighbours: int) -> tuple[list[int], list[float]]:
    """Choose the most typical of a cluster's unlabeled points (n, D), one after another.

    A point that was chosen no longer counts as a neighbour of the others: those that it was one of are measured anew.

    Returns:
        Places and typicalities.
    """
    size = len(points)
    width = min(size - 1, min(neighbours, size // 2) + count)
    near, who = _sorted_neighbours(points, width)
    alive = torch.ones(size, dtype=torch.bool)
    typicality = torch.empty(size, dtype=points.dtype)
    kin = torch.empty(size, 0, dtype=torch.int64)
    stale = alive
    chosen: list[int] = []
    scores: list[float] = []
    for left in range(size, size - count, -1):
        counted = min(neighbours, left // 2)
        if counted != kin.shape[1]:
            kin, stale = torch.empty(size, counted, dtype=torch.int64), alive
        for rows in torch.split(torch.nonzero(stale).squeeze(1), ROWS):
            typicality[rows], kin[rows] = _typicality(near[rows], who[rows], alive, counted)
        best = int(typicality.argmax())
        chosen.append(best)
        scores.append(float(typicality[best]))
        alive[best], typicality[best] = False, -torch.inf
        stale = (kin == best).any(1) & alive
    return chosen, scores


def _sorted_neighbours(points: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return distances and places (n, width) of each point's nearest others, nearest first."""
    near = torch.empty(len(points), width, dtype=points.dtype)
    who = torch.empty(len(points), width, dtype=torch.int64)
    for start in range(0, len(points), ROWS):
        part = slice(start, min(start + ROWS, len(points)))
        squares = squared_distances(points[part], points)
        squares[torch.arange(len(squares)), torch.arange(part.start, part.stop)] = torch.inf
        found = squares.topk(width, largest=False)
        near[part], who[part] = found.values.sqrt(), found.indices
    return near, who


def _typicality(near: Tensor, who: Tensor, alive: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Return 1 / mean distance of some points to their nearest living neighbours (r,), 1 for the last, and those.

    Args:
        near: distances (r, width) to the nearest others, nearest first.
        who: their places.
        alive: which of all points were not chosen yet (n,).
        neighbours: how many count.
    """
    if neighbours == 0:
        return torch.ones(len(near), dtype=near.dtype), who[:, :0]
    counted = alive[who]
    counted &= counted.cumsum(1) <= neighbours
    mean = torch.where(counted, near, 0).sum(1) / neighbours
    return torch.round(1 / mean.clamp_min(1e-9), decimals=5), who[counted].view(len(who), neighbours)
