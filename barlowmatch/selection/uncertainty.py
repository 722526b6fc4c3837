"""The classical scores: margin, entropy and least confidence (Settles 2009, section 3.1)."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from barlowmatch.events import Emit
from barlowmatch.selection.base import Config, Picks, Strategy
from barlowmatch.selection.configs import EntropyConfig, LeastConfidenceConfig, MarginConfig
from barlowmatch.selection.distances import largest
from barlowmatch.selection.pool import Pool


class _Uncertainty(Strategy[Config]):
    """The images with the largest score of their class probabilities."""

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Score every image from its probabilities alone and take the largest."""
        probabilities = pool.probabilities
        scores = torch.empty(len(pool), dtype=torch.float64)
        for part, block in probabilities.blocks():
            scores[part] = self.score(block.double())
        places, _ = largest(scores, budget)
        places = places[:budget]
        best = probabilities.take(places).topk(min(2, len(probabilities.names)), 1)
        reasons = [
            self.reason([(probabilities.names[column], share) for column, share in zip(columns, shares, strict=True)])
            for columns, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        return Picks(places, scores[places], reasons)

    @abstractmethod
    def score(self, probabilities: Tensor) -> Tensor:
        """Return the score (n,) of probabilities (n, C) in float64, between 0 (sure) and 1."""

    def reason(self, best: list[tuple[str, float]]) -> str:
        """Say why in words, from the likeliest classes and their shares."""
        return "torn between " + " and ".join(f"{name} ({share:.0%})" for name, share in best)


class Margin(_Uncertainty[MarginConfig]):
    """1 − (largest − second largest probability)."""

    name: ClassVar[str] = "margin"

    def score(self, probabilities: Tensor) -> Tensor:
        """Return 1 − margin."""
        return doubt(probabilities)


class Entropy(_Uncertainty[EntropyConfig]):
    """Entropy as a share of the largest possible, ln C."""

    name: ClassVar[str] = "entropy"

    def score(self, probabilities: Tensor) -> Tensor:
        """Return −Σ p ln p / ln C."""
        spread: Tensor = -torch.xlogy(probabilities, probabilities).sum(1)
        return spread / float(np.log(max(2, probabilities.shape[1])))


class LeastConfidence(_Uncertainty[LeastConfidenceConfig]):
    """1 − largest probability."""

    name: ClassVar[str] = "least-confidence"

    def score(self, probabilities: Tensor) -> Tensor:
        """Return 1 − max p."""
        return 1 - probabilities.amax(1)

    def reason(self, best: list[tuple[str, float]]) -> str:
        """Name the best guess."""
        return f"the best guess is {best[0][0]} at only {best[0][1]:.0%}"


def doubt(probabilities: Tensor) -> Tensor:
    """Return 1 − (largest − second largest probability) (n,)."""
    if probabilities.shape[1] < 2:
        return torch.zeros(len(probabilities), dtype=probabilities.dtype)
    best = probabilities.topk(2, 1).values
    return 1 - (best[:, 0] - best[:, 1])
