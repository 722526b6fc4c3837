"""Core-set selection: repeatedly the image farthest from all labeled and chosen ones (Sener and Savarese 2018)."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, say
from barlowmatch.selection.configs import KCenterConfig
from barlowmatch.selection.distances import largest, nearest
from barlowmatch.selection.farthest_first import farthest_first
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.spaces import Euclidean
from barlowmatch.selection.vectors import Vectors


class KCenter(Strategy[KCenterConfig]):
    """Greedy k-center on unit-norm embeddings: covers the pool within at most twice the least possible radius.

    Without labels the first pick is the image nearest to the mean of all.
    """

    name: ClassVar[str] = "k-center"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose farthest first; the score is the distance to the nearest labeled or chosen image."""
        first: list[int] = []
        if len(pool.spoken_for):
            minima = _to_spoken_for(pool, emit)
        else:
            say(emit, "k-center: no image is labeled; the first pick is the one nearest to the mean of all")
            first, minima = _from_the_middle(pool.unlabeled)
        rate = Rate("choose the farthest", budget, emit)
        places, squares = farthest_first(Euclidean(pool.unlabeled), minima, budget - len(first), rate.step)
        places, distances = torch.cat([torch.tensor(first, dtype=torch.int64), places]), squares.sqrt()
        reasons = [f"{distance:.3f} from the nearest labeled or chosen image" for distance in distances.tolist()]
        if first:
            distances = torch.cat([distances[:1], distances]) if len(distances) else torch.zeros(1)
            reasons = ["nearest to the mean of all images", *reasons]
        return Picks(places, distances, reasons)


def _to_spoken_for(pool: Pool, emit: Emit) -> Tensor:
    rate = Rate("measure distances to labeled images", len(pool), emit)
    minima, _ = nearest(pool.unlabeled, pool.spoken_for.whole(), rate.step)
    return minima


def _from_the_middle(vectors: Vectors) -> tuple[list[int], Tensor]:
    """Return the place nearest to the mean, and the squared distances to it."""
    total = torch.zeros(vectors.dimension, dtype=vectors.dtype)
    for _, block in vectors.blocks():
        total += block.sum(0)
    from_mean, _ = nearest(vectors, total[None] / len(vectors))
    places, _ = largest(-from_mean, 1)
    first = int(places[0])
    minima, _ = nearest(vectors, vectors.take(places[:1]))
    minima[first] = -1
    return [first], minima
