"""MaxHerding (Bae et al. 2024, 2407.12212): the images that together resemble the pool most."""

from typing import ClassVar

import numpy as np

from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.configs import MaxHerdingConfig
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.representing import draw_places, gaussian, represent, uniform


class MaxHerding(Strategy[MaxHerdingConfig]):
    """Greedy gain in mean_n max_c k(z_n, z_c), c labeled or chosen, k Gaussian on unit vectors."""

    name: ClassVar[str] = "maxherding"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose greedily; the score is the gain."""
        anchors = draw_places(len(pool), self.config.anchors, random)
        weights = uniform(len(anchors), pool.unlabeled.dtype)
        reason = "adds {gain} to how well the pool is represented"
        kernel = gaussian(self.config.sigma)
        return represent(pool, self.config, anchors, weights, kernel, budget, random, emit, reason)
