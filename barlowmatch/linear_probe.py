"""The linear probe: multinomial logistic regression on embeddings, fitted in well under a second."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barlowmatch.data.dataset import Rows

Floats = npt.NDArray[np.float32]

STRENGTH = 0.1
"""Inverse of the penalty on weights, for features of unit variance; chosen on CIFAR-10 at 200 labels."""
MOST = 4000
"""Labels a fit takes at most, drawn evenly over the classes, so that its time stays within bounds."""
_STEPS = 60
_LEAST = 1e-4
_TRUST = 1.0
"""How loudly a classifier's log-probabilities speak beside an embedding of unit variance."""


@dataclass(frozen=True, eq=False)
class Space:
    """Images as the probe sees them: embeddings centred on all of them, and what a classifier thinks if there is one.

    Attributes:
        vectors: (N, D) unit vectors.
        opinions: (N, C) centred log-probabilities of the classifier; C is 0 without one.
        mean: (D,) of the vectors.
        spread: root of their mean variance.
    """

    vectors: Floats
    opinions: Floats
    mean: Floats
    spread: float

    @classmethod
    def of(cls, vectors: Floats, probabilities: Floats | None = None) -> "Space":
        """Return the space of unit vectors, (N, D), and class probabilities, (N, C)."""
        mean = vectors.mean(0)
        variance = (np.einsum("nd,nd->", vectors, vectors) / len(vectors) - mean @ mean) / len(mean)
        opinions = np.zeros((len(vectors), 0), np.float32)
        if probabilities is not None:
            logs = np.log(np.maximum(probabilities, _LEAST))
            opinions = _TRUST * (logs - logs.mean(1, keepdims=True))
        rounding = float(np.finfo(np.float32).eps) / len(mean)  # of equal vectors it may leave a variance below 0
        return cls(vectors, opinions, mean, max(float(variance), rounding) ** 0.5)

    def features(self, rows: Rows) -> Floats:
        """Return what the probe sees of some rows, (n, D + C)."""
        seen: Floats = np.hstack([(self.vectors[rows] - self.mean) / self.spread, self.opinions[rows]])
        return seen


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        classes: (C,) the class of each column, ascending.
        weights: (F, C).
        bias: (C,).
    """

    classes: Rows
    weights: Floats
    bias: Floats

    def probabilities(self, features: Floats) -> Floats:
        """Return the probability of each class, (n, C)."""
        logits = features @ self.weights + self.bias
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        found: Floats = powers / powers.sum(1, keepdims=True)
        return found


def fit(features: Floats, labels: Rows) -> Probe:
    """Fit a probe.

    Args:
        features: (n, F), of a `Space`.
        labels: (n,) class of each; one at least.
    """
    kept = draw_evenly(labels, MOST, seed=0)
    classes = np.unique(labels[kept])
    if len(classes) == 1:
        return Probe(classes, np.zeros((features.shape[1], 1), np.float32), np.zeros(1, np.float32))
    return _regress(features[kept], labels[kept], classes)


def _regress(features: Floats, labels: Rows, classes: Rows) -> Probe:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits of a guess are nobody's concern
        model = LogisticRegression(C=STRENGTH, max_iter=_STEPS).fit(features, labels)
    weights, bias = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
    if len(classes) == 2:  # scikit-learn keeps one column for two classes
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return Probe(classes, weights, bias)


def draw_evenly(labels: npt.NDArray[np.int64], most: int, seed: int) -> Rows:
    """Return places of up to `most` labels, rare classes whole and the others in equal parts."""
    if len(labels) <= most:
        return np.arange(len(labels))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    _, owners, counts = np.unique(labels[shuffled], return_inverse=True, return_counts=True)
    order = np.argsort(owners, kind="stable")
    turn = np.empty(len(labels), np.int64)  # the how-manieth of its class each one is
    turn[order] = np.concatenate([np.arange(count) for count in counts])
    return np.sort(shuffled[np.argsort(turn, kind="stable")[:most]])
