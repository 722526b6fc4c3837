"""A linear classifier on embeddings: softmax regression, fitted in seconds on any machine."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.data.dataset import Rows
from barlowmatch.errors import InputError

ITERATIONS = 100


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits = embeddings · weightᵀ + bias.

    Attributes:
        weight: (C, D).
        bias: (C,).
        classes: which class each column is (C,): those that have labels.
    """

    weight: Tensor
    bias: Tensor
    classes: Tensor

    def logits(self, vectors: Tensor) -> Tensor:
        """Return logits (n, C) of unit-norm embeddings (n, D)."""
        return torch.addmm(self.bias, vectors, self.weight.T)

    def probabilities(self, vectors: Tensor) -> Tensor:
        """Return class probabilities (n, C)."""
        return self.logits(vectors).softmax(1)


def fit_head(vectors: Tensor, labels: Rows, strength: float = 1.0) -> LinearHead:
    """Fit softmax regression by L-BFGS.

    The loss is that of scikit-learn's LogisticRegression, Σ CE + |W|² / (2·strength), on embeddings shifted to mean
    zero and scaled to mean square one a feature; shift and scale are folded into the weights.

    Args:
        vectors: embeddings (n, D).
        labels: class of each (n,).
        strength: the less, the flatter the probabilities.

    Raises:
        InputError: fewer than two classes.
    """
    classes, targets = torch.unique(torch.from_numpy(labels), return_inverse=True)
    if len(classes) < 2:
        raise InputError(
            f"{len(classes)} classes have labels, and class probabilities need two; "
            "use --strategy auto, or embed with a checkpoint of train-classifier or fixmatch"
        )
    mean = vectors.mean(0)
    centred = vectors - mean
    scale = 1 / centred.square().mean().sqrt().clamp_min(1e-12)
    features = centred * scale
    weight = torch.zeros(len(classes), vectors.shape[1], dtype=vectors.dtype, requires_grad=True)
    bias = torch.zeros(len(classes), dtype=vectors.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe", tolerance_grad=1e-6)

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(torch.addmm(bias, features, weight.T), targets)
        value = value + weight.square().sum() / (2 * strength * len(targets))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    fitted = weight.detach() * scale
    return LinearHead(fitted, bias.detach() - fitted @ mean, classes)
