"""What stands on a backbone: the projector of Barlow Twins and the classifier."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barlowmatch.randomness import SampleRandom


def build_projector(dimension: int, width: int) -> nn.Sequential:
    """Return the projector of Barlow Twins (2103.03230, section 2.2).

    Three linear layers without bias, batch norm and ReLU after the first two: (N, dimension) → (N, width).
    """
    return nn.Sequential(
        nn.Linear(dimension, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width, bias=False),
    )


class SampleDropout(nn.Module):
    """Dropout whose mask of a sample derives from (seed, step, sample): the same in any batch and any process."""

    def __init__(self, rate: float, name: str) -> None:
        super().__init__()
        self.rate = rate
        self.name = name

    def forward(self, values: Tensor, random: SampleRandom | None) -> Tensor:
        """Drop entries of `values` (N, width) in training; without `random` nothing is dropped."""
        if not self.training or self.rate == 0 or random is None:
            return values
        kept = random.uniform(self.name, values.shape[1]) >= self.rate
        return values * kept.to(values.dtype) / (1 - self.rate)


class Classifier(nn.Module):
    """Four linear layers with batch norm, ReLU and dropout between them: (N, dimension) → (N, classes) logits."""

    def __init__(self, dimension: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        sizes = (dimension, width, width, width)
        self.hidden = nn.ModuleList(
            nn.ModuleDict(
                {
                    "linear": nn.Linear(sizes[layer], sizes[layer + 1], bias=False),
                    "norm": nn.BatchNorm1d(sizes[layer + 1]),
                    "dropout": SampleDropout(dropout, f"dropout-{layer}"),
                }
            )
            for layer in range(3)
        )
        self.last = nn.Linear(width, classes)

    def forward(self, embeddings: Tensor, random: SampleRandom | None = None) -> Tensor:
        """Return logits; `random` draws the dropout masks in training."""
        values = embeddings
        for layer in self.hidden:
            assert isinstance(layer, nn.ModuleDict)
            values = layer["dropout"](F.relu(layer["norm"](layer["linear"](values)), inplace=True), random)
        logits: Tensor = self.last(values)
        return logits


def classifier_width(classes: int) -> int:
    """Return a width that suits the number of classes: about ten units a class, a power of two from 512 to 8192.

    The paper's 8192 belongs to 800 classes; with ten classes it would be most of the network's work for nothing.
    """
    return int(min(8192, max(512, 2 ** math.ceil(math.log2(10 * max(classes, 1))))))


@torch.no_grad()
def keep_known_classes(new: nn.Linear, old_weight: Tensor, old_bias: Tensor, places: list[int]) -> int:
    """Copy the rows of the last layer of classes that were known before, and return how many were.

    A class that was added keeps its fresh row; one that was merged away is left behind.

    Args:
        new: the layer, a row for each of today's classes.
        old_weight: weights (C, D) of the layer before.
        old_bias: its biases (C,).
        places: row of the layer before that each of today's classes had, -1 for none.
    """
    rows = [row for row, place in enumerate(places) if place >= 0]
    before = [place for place in places if place >= 0]
    new.weight[rows], new.bias[rows] = old_weight[before].to(new.weight), old_bias[before].to(new.bias)
    return len(rows)
