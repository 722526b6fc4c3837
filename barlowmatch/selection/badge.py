"""BADGE (Ash et al. 2020, 1906.03671): D² sampling of the loss's gradients under the classifier's own guesses."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.configs import BadgeConfig
from barlowmatch.selection.d2_sampling import d2_sample
from barlowmatch.selection.distances import largest
from barlowmatch.selection.pool import Pool, Probabilities
from barlowmatch.selection.representing import fill_up
from barlowmatch.selection.vectors import BLOCK_ROWS, Vectors


class Gradients:
    """Gradients (p − onehot) ⊗ z of the last layer, never formed: inner products factorise into (a·a′)(z·z′).

    Attributes:
        squares: squared length of each (N,).
    """

    def __init__(self, vectors: Vectors, probabilities: Probabilities) -> None:
        self.vectors, self.probabilities = vectors, probabilities
        self.squares = torch.empty(len(vectors), dtype=vectors.dtype)
        for part, block in probabilities.blocks():
            self.squares[part] = _residuals(block).square().sum(1) * vectors.squares[part]

    def __len__(self) -> int:
        return len(self.vectors)

    def among(self, places: Tensor) -> Tensor:
        """Return the squared distances (m, m) among some gradients."""
        points, residuals = self.vectors.take(places), _residuals(self.probabilities.take(places))
        products = (points @ points.T) * (residuals @ residuals.T)
        squares = self.squares[places]
        return (squares[:, None] + squares[None] - 2 * products).clamp_(min=0)

    def lower(self, minima: Tensor, places: Tensor) -> None:
        """Lower `minima` (N,) for further chosen gradients."""
        points, residuals = self.vectors.take(places), _residuals(self.probabilities.take(places))
        for (part, block), (_, shares) in zip(self.vectors.blocks(), self.probabilities.blocks(), strict=True):
            products = (block @ points.T).mul_(_residuals(shares) @ residuals.T)
            distances = self.squares[part] + products.mul_(-2).add_(self.squares[places]).amin(1)
            torch.minimum(minima[part], distances.clamp_(min=0), out=minima[part])


class Badge(Strategy[BadgeConfig]):
    """The longest gradient first, then each with probability proportional to its squared distance to those chosen.

    Long gradients are uncertain images, distant ones differ from each other.
    """

    name: ClassVar[str] = "badge"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Draw by D²; the score is the distance to the nearest chosen gradient at the moment of the choice."""
        gradients = Gradients(pool.unlabeled, pool.probabilities)
        first, _ = largest(gradients.squares, 1)
        minima = gradients.squares.clone()
        minima.fill_(torch.inf)
        gradients.lower(minima, first)
        minima[first] = 0
        rate = Rate("draw uncertain and diverse images", budget, emit)
        drawn, squares = d2_sample(gradients, minima, budget - 1, random, rate.step)
        places = torch.cat([first, drawn])
        scores = torch.cat([gradients.squares[first], squares]).sqrt()
        return fill_up(pool, Picks(places, scores, self._reasons(pool.probabilities, places)), budget, emit)

    def _reasons(self, probabilities: Probabilities, places: Tensor) -> list[str]:
        reasons = []
        for part in torch.split(places, BLOCK_ROWS):
            best = probabilities.take(part).max(1)
            reasons += [
                f"uncertain ({probabilities.names[column]} at {share:.0%}) and unlike the others chosen"
                for share, column in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            ]
        return reasons


def _residuals(probabilities: Tensor) -> Tensor:
    """Return p − onehot(argmax p) (n, C)."""
    guess = probabilities.argmax(1, keepdim=True)
    return probabilities.scatter_add(1, guess, -torch.ones_like(guess, dtype=probabilities.dtype))
