"""A uniform draw without replacement."""

from typing import ClassVar

import numpy as np

from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.configs import RandomConfig
from barlowmatch.selection.pool import Pool


class Random(Strategy[RandomConfig]):
    """Every set of `budget` images is equally likely."""

    name: ClassVar[str] = "random"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Draw places; the score is the share of the pool that is drawn."""
        places = random.permutation(len(pool))[:budget]
        return Picks(places, np.full(budget, budget / len(pool)), ["drawn at random"] * budget)
