"""DropQuery (Gupte et al. 2024): images whose predicted class flips under dropout, spread over clusters."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.configs import DropQueryConfig
from barlowmatch.selection.distances import squared_distances
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.vectors import Vectors

ROWS = 1024


class DropQuery(Strategy[DropQueryConfig]):
    """Of the images whose class flips in more than half of the drops, the nearest to each of `budget` centres.

    Where fewer flip, those with the most flips are added. The classifier is a linear one on the embeddings, as in the
    paper; what is dropped are features of the embedding, and those kept are scaled up, as dropout does: otherwise the
    bias decides, and most images flip to the same class.
    """

    name: ClassVar[str] = "dropquery"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose one image a cluster; the score is the share of drops under which its class flips."""
        flips = self.count_flips(pool, random, emit)
        enough = max(budget, int((flips > self.config.draws / 2).sum()))
        candidates = torch.argsort(flips, descending=True, stable=True)[:enough].sort().values
        part = pool.unlabeled.only(candidates)
        rate = Rate("cluster flipping images", 100, emit, unit="iteration")
        clustering = kmeans(part, budget, random, report=rate.step)
        places = candidates[nearest_different(part, clustering.centres, clustering.owners)]
        shares = flips[places].double() / self.config.draws
        reasons = [f"its predicted class flips in {share:.0%} of random feature drops" for share in shares.tolist()]
        return Picks(places, shares, reasons)

    def count_flips(self, pool: Pool, random: np.random.Generator, emit: Emit) -> Tensor:
        """Return in how many drops the prediction for each unlabeled image differs from that without (N,)."""
        head = pool.head
        flips = torch.zeros(len(pool), dtype=torch.int64)
        rate = Rate("drop features", len(pool), emit)
        for part, block in pool.unlabeled.blocks():
            guess = head.logits(block).argmax(1)
            for _ in range(self.config.draws):
                flips[part] += head.logits(dropped(block, self.config.rate, random)).argmax(1) != guess
            rate.step(len(block))
        return flips


def dropped(vectors: Tensor, rate: float, random: np.random.Generator) -> Tensor:
    """Return vectors (n, D) with each number zero by the chance `rate`, and the others scaled up to keep the mean.

    The chance is one of 256ths: a byte of randomness for each number, as they are very many.
    """
    kept = round((1 - rate) * 2**8)
    dice = np.frombuffer(random.bytes(vectors.numel()), np.uint8).reshape(vectors.shape)
    return vectors * torch.from_numpy(dice < kept) * (2**8 / kept)


def nearest_different(vectors: Vectors, centres: Tensor, owners: Tensor) -> Tensor:
    """Return for each centre (k,) the nearest of its own vectors; a centre without any takes the nearest one left."""
    count = len(centres)
    distances = torch.empty(len(vectors), dtype=vectors.dtype)
    for part, block in vectors.blocks():
        distances[part] = (block - centres[owners[part]]).square().sum(1)
    order = torch.argsort(distances, stable=True)
    by_cluster = order[torch.argsort(owners[order], stable=True)]
    found, first = torch.unique_consecutive(owners[by_cluster], return_inverse=True)
    starts = torch.searchsorted(first, torch.arange(len(found)))
    result = torch.full((count,), -1)
    result[found] = by_cluster[starts]
    free = torch.ones(len(vectors), dtype=torch.bool)
    free[result[found]] = False
    for centre in torch.nonzero(result < 0).squeeze(1).tolist():
        left = torch.nonzero(free).squeeze(1)
        squares = torch.cat(
            [squared_distances(vectors.take(part), centres[centre][None]) for part in torch.split(left, ROWS)]
        )
        result[centre] = left[int(squares.argmin())]
        free[result[centre]] = False
    return result
