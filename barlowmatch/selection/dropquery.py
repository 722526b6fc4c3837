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
    paper; what is dropped are features of the embedding.
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
                kept = random_bits(block.shape, 1 - self.config.rate, random)
                flips[part] += head.logits(block * kept).argmax(1) != guess
            rate.step(len(block))
        return flips


def random_bits(shape: torch.Size, share: float, random: np.random.Generator) -> Tensor:
    """Return booleans, each true with probability `share` to 1/256: a byte of chance each, as they are very many."""
    dice = np.frombuffer(random.bytes(shape.numel()), np.uint8).reshape(shape)
    return torch.from_numpy(dice < round(share * 2**8))


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
