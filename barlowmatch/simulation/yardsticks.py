"""Rows of the table that are no strategies for use: what could be reached, and what the original code did."""

from typing import ClassVar

import numpy as np
import torch

from barlowmatch.arrays import Rows
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, need_labels
from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.configs import StrategyConfig
from barlowmatch.selection.distances import largest
from barlowmatch.selection.pool import Pool

ORIGINAL_CLUSTERS = 5


class BalancedOracle(Strategy[StrategyConfig]):
    """Knows every class and draws from the one with the fewest labels."""

    name: ClassVar[str] = "balanced-oracle"

    def __init__(self, truth: dict[str, int]) -> None:
        super().__init__(StrategyConfig())
        self.truth = truth

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Fill the classes evenly; images that show nothing come last."""
        classes = np.array([self.truth[file] for file in pool.files])
        counts = {item: int((pool.labels == item).sum()) for item in set(classes.tolist()) if item >= 0}
        left = {item: random.permutation(np.flatnonzero(classes == item)).tolist() for item in counts}
        places: list[int] = []
        while len(places) < budget and any(left.values()):
            poorest = min((item for item in left if left[item]), key=lambda item: counts[item])
            places.append(left[poorest].pop())
            counts[poorest] += 1
        junk: Rows = np.flatnonzero(classes < 0)
        places += random.permutation(junk)[: budget - len(places)].tolist()
        return Picks(places, np.zeros(budget), ["its class has the fewest labels"] * budget)


class Inverted(Strategy[StrategyConfig]):
    """The rule of the original code: five clusters, dot products taken for distances, the largest of the least first.

    It asks for images that are like all centroids at once: the opposite of the paper's rule.
    """

    name: ClassVar[str] = "inverted"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose the largest of the least dot products."""
        need_labels(pool, self.name)
        centres = kmeans(pool.labeled, min(ORIGINAL_CLUSTERS, len(pool.labels)), random).centres
        scores = torch.cat([(block @ centres.T).amin(1) for _, block in pool.unlabeled.blocks()])
        places = largest(scores, budget)[0][:budget]
        return Picks(places, scores[places], ["like all centroids of labeled images"] * budget)
