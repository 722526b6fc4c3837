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
BALLS = 1000
"""Over which purity is averaged."""
HALVINGS = 30


class ProbCover(Strategy[ProbCoverConfig]):
    """Greedy maximum coverage by balls of one radius.

    The radius is the largest at which 95 % of a ball, on average, are of its centre's cluster of k-means. When all is
    covered the authors' code asks for image 0 again and again; here the farthest images follow.
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
        say(emit, f"probcover: radius {radius:.3f}, at which {self.config.purity:.0%} of a ball are of one cluster")
        return radius


def pure_radius(vectors: Vectors, clusters: Tensor, purity: float) -> float:
    """Return the largest radius at which, on average over balls, a share `purity` of a ball is of its centre's cluster.

    The paper asks that so many balls be of one cluster entirely. Where classes touch, k-means cuts through dense parts,
    and at the radius at which one ball in twenty meets another cluster a ball holds hardly anything but its centre:
    nothing is covered, and what is chosen are near copies. The share is counted over vectors (N, D), around `BALLS` of
    them.
    """
    points = vectors.whole()
    centres = torch.linspace(0, len(points) - 1, min(BALLS, len(points))).round().long()
    squares = squared_distances(points[centres], points)
    squares[torch.arange(len(centres)), centres] = 0
    alike = clusters[centres, None] == clusters[None]
    low, high = 0.0, 2.0
    for _ in range(HALVINGS):
        radius = (low + high) / 2
        inside = squares <= radius**2
        share = float(((inside & alike).sum(1) / inside.sum(1)).double().mean())
        low, high = (radius, high) if share >= purity else (low, radius)
    return max(low, 1e-6)
