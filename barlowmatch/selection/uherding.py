"""Uncertainty herding (Bae et al. 2024, 2412.20892): represent the pool, and the doubtful images of it most."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.evaluation import expected_calibration_error
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, say
from barlowmatch.selection.configs import UHerdingConfig
from barlowmatch.selection.distances import squared_distances
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.representing import draw_places, gaussian, represent
from barlowmatch.selection.uncertainty import doubt

FEWEST_TO_CALIBRATE = 50
SMALLEST_SIGMA = 1e-2
"""Labeled images nearer to each other than this are copies: of them alone the kernel would say nothing of others."""
LEAST_DOUBT = 1e-6
"""Anchors without any doubt still count this much, so that a sure classifier leaves something to choose by."""


class UHerding(Strategy[UHerdingConfig]):
    """MaxHerding's gain, each anchor weighted by 1 − margin of its calibrated probabilities.

    The kernel narrows as labels grow (σ = least distance among labeled images), which turns it from representation
    to uncertainty.
    """

    name: ClassVar[str] = "uherding"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose greedily; the score is the gain."""
        anchors = draw_places(len(pool), self.config.anchors, random)
        sigma = self.config.sigma or least_distance(pool)
        temperature = self.config.temperature or self._calibrated(pool)
        say(emit, f"uherding: kernel width {sigma:.3f}, temperature {temperature:.2f}")
        weights = torch.cat(
            [doubt(tempered(pool.probabilities.take(part), temperature)) for part in torch.split(anchors, 8192)]
        )
        reason = "adds {gain} to how well doubtful images are represented"
        weights = weights.clamp_min(LEAST_DOUBT)
        return represent(pool, self.config, anchors, weights, gaussian(sigma), budget, random, emit, reason)

    def _calibrated(self, pool: Pool) -> float:
        """Return the temperature with the least calibration error on validation images; 1 where there are too few."""
        if pool.calibration is None or len(pool.calibration[1]) < FEWEST_TO_CALIBRATE:
            return 1.0
        return best_temperature(*pool.calibration)


def least_distance(pool: Pool) -> float:
    """Return the least distance among labeled images that are no copies of each other; 1 where there are no two."""
    points = pool.labeled.whole()
    least = np.inf
    for start in range(0, len(points), 1024):
        squares = squared_distances(points[start : start + 1024], points)
        squares[squares < SMALLEST_SIGMA**2] = torch.inf  # each to itself among them
        least = min(least, float(squares.min()))
    return 1.0 if least == np.inf else float(np.sqrt(least))


def tempered(probabilities: Tensor, temperature: float) -> Tensor:
    """Return softmax(ln p / T) of probabilities (n, C)."""
    if temperature == 1:
        return probabilities
    return (probabilities.clamp_min(1e-12).log() / temperature).softmax(1)


def best_temperature(probabilities: Tensor, labels: Tensor) -> float:
    """Return the temperature between 0.1 and 10 with the least expected calibration error (15 bins)."""
    grid = np.geomspace(0.1, 10, 41)
    right = (probabilities.argmax(1) == labels).numpy()
    errors = [
        expected_calibration_error(tempered(probabilities, float(value)).amax(1).numpy(), right) for value in grid
    ]
    return float(grid[int(np.argmin(errors))])
