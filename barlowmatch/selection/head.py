"""A linear classifier on embeddings: softmax regression, fitted in seconds on any machine."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.arrays import Doubles, Labels
from barlowmatch.errors import InputError
from barlowmatch.words import count

ITERATIONS = 200


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


def fit_head(vectors: Tensor, labels: Labels) -> LinearHead:
    """Fit softmax regression by L-BFGS.

    The loss is that of scikit-learn's LogisticRegression, Σ CE + |W|² / 2, on embeddings shifted to mean zero and
    scaled to mean square one a feature; shift and scale are folded into the weights.

    Args:
        vectors: embeddings (n, D).
        labels: class of each (n,).

    Raises:
        InputError: fewer than two classes.
    """
    classes, targets = torch.unique(torch.from_numpy(labels), return_inverse=True)
    if len(classes) < 2:
        raise InputError(
            f"{count(len(classes), 'class', 'classes')} with labels, and class probabilities need two; "
            "use --strategy auto, or embed with a checkpoint of train-classifier or fixmatch"
        )
    mean = vectors.mean(0)
    centred = vectors - mean
    scale = 1 / centred.square().mean().sqrt().clamp_min(1e-12)
    weight, bias = _regress(centred * scale, targets, len(classes))
    return LinearHead(weight * scale, bias - weight @ mean * scale, classes)


def _regress(features: Tensor, targets: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the weights (C, D) and biases (C,) of least loss."""
    count, dimension = features.shape
    truth = F.one_hot(targets, classes).to(features.dtype)

    def loss_and_gradient(flat: Doubles) -> tuple[float, Doubles]:
        values = torch.from_numpy(flat).to(features.dtype).view(classes, dimension + 1)
        weight, bias = values[:, :-1], values[:, -1]
        logs = torch.addmm(bias, features, weight.T).log_softmax(1)
        loss = -(logs * truth).sum() + weight.square().sum() / 2
        residuals = logs.exp() - truth
        gradient = torch.cat([residuals.T @ features + weight, residuals.sum(0)[:, None]], 1)
        return float(loss) / count, gradient.double().div_(count).flatten().numpy()

    start = np.zeros(classes * (dimension + 1))
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    values = torch.from_numpy(found.x).to(features.dtype).view(classes, dimension + 1)
    return values[:, :-1], values[:, -1]
