"""ProbCover (Yehuda et al. 2022, 2205.11320): the images whose surroundings cover most of the pool."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, say
from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.configs import ProbCoverConfig
from barlowmatch.selection.distances import squared_distances
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.representing import ball, draw_places, represent, uniform
from barlowmatch.selection.vectors import Vectors

UNKNOWN_CLASSES = 20
ROWS = 1024


class ProbCover(Strategy[ProbCoverConfig]):
    """Greedy maximum coverage by balls of one radius.

    The radius is the largest at which 95 % of the balls hold one cluster of k-means only. When all is covered the
    authors' code asks for image 0 again and again; here the farthest images follow.
    """

    name: ClassVar[str] = "probcover"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose greedily; the score is the share of the pool newly covered."""
        anchors = draw_places(len(pool), self.config.anchors, random)
        radius = self.config.radius or self._pure_radius(pool, anchors, random, emit)
        weights = uniform(len(anchors), pool.unlabeled.dtype)
        reason = f"covers another {{gain}} of the pool within {radius:.3f}"
        return represent(pool, self.config, anchors, weights, ball(radius), budget, random, emit, reason)

    def _pure_radius(self, pool: Pool, anchors: Tensor, random: np.random.Generator, emit: Emit) -> float:
        wanted = self.config.clusters or (len(pool.class_names) if len(pool.class_names) > 1 else UNKNOWN_CLASSES)
        part = pool.unlabeled.only(anchors)
        clustering = kmeans(part, min(wanted, len(part)), random)
        radius = pure_radius(part, clustering.owners, self.config.purity)
        say(emit, f"probcover: radius {radius:.3f}, at which {self.config.purity:.0%} of the balls hold one cluster")
        return radius


def pure_radius(vectors: Vectors, clusters: Tensor, purity: float) -> float:
    """Return the largest radius at which a share `purity` of the balls around vectors (N, D) hold one cluster only.

    A ball is pure while it is smaller than the distance to the nearest vector of another cluster, so the radius is a
    quantile of those distances; no grid of radii is needed.
    """
    points = vectors.whole()
    to_others = torch.empty(len(points), dtype=points.dtype)
    for start in range(0, len(points), ROWS):
        part = slice(start, start + ROWS)
        squares = squared_distances(points[part], points)
        squares.masked_fill_(clusters[part, None] == clusters[None], torch.inf)
        to_others[part] = squares.amin(1)
    ordered = to_others.sqrt().sort().values
    radius = float(ordered[min(len(ordered) - 1, int((1 - purity) * len(ordered) + 1e-9))])
    return min(max(0.999999 * radius, 1e-6), 2.0)
