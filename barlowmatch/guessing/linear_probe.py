"""The linear probe: multinomial logistic regression on embeddings, fitted in well under a second."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from barlowmatch.arrays import Floats, Labels, Rows

Take = Callable[[Rows], Floats]
"""Returns something of some rows, (n, …)."""

STRENGTH = 0.1
"""Inverse of the penalty on weights, for features of unit variance; chosen on CIFAR-10 at 200 labels."""
MOST = 4000
"""Labels a fit takes at most, drawn evenly over the classes, so that its time stays within bounds."""
_STEPS = 60
_BLOCK = 2**13
_LEAST = 1e-4
_TRUST = 1.0
"""How loudly a classifier's log-probabilities speak beside an embedding of unit variance."""


@dataclass(frozen=True, eq=False)
class Space:
    """Images as the probe sees them: embeddings centred on all of them, and what a classifier thinks if there is one.

    Of millions of images only those that are asked about are ever in memory.

    Attributes:
        vectors: returns the unit vectors of some rows, (n, D).
        probabilities: returns their class probabilities, (n, C); None without a classifier.
        mean: (D,) of all vectors.
        spread: root of their mean variance.
    """

    vectors: Take
    probabilities: Take | None
    mean: Floats
    spread: float

    @classmethod
    def of(cls, vectors: Floats, probabilities: Floats | None = None) -> "Space":
        """Return the space of unit vectors, (N, D), and class probabilities, (N, C)."""
        return cls.read(len(vectors), vectors.__getitem__, None if probabilities is None else probabilities.__getitem__)

    @classmethod
    def read(cls, count: int, vectors: Take, probabilities: Take | None = None) -> "Space":
        """Return the space of so many rows, which are read block by block."""
        total, squares = np.float64(0), 0.0
        for start in range(0, count, _BLOCK):
            part = vectors(np.arange(start, min(start + _BLOCK, count)))
            total = total + part.sum(0, dtype=np.float64)
            squares += float(np.einsum("nd,nd->", part, part))
        mean = np.asarray(total / count, np.float64)
        variance = (squares / count - mean @ mean) / len(mean)
        rounding = float(np.finfo(np.float32).eps) / len(mean)  # of equal vectors it may leave a variance below 0
        return cls(vectors, probabilities, mean.astype(np.float32), max(float(variance), rounding) ** 0.5)

    def features(self, rows: Rows) -> Floats:
        """Return what the probe sees of some rows, (n, D + C)."""
        seen = (self.vectors(rows) - self.mean) / self.spread
        if self.probabilities is None:
            return seen
        logs = np.log(np.maximum(self.probabilities(rows), _LEAST))
        both: Floats = np.hstack([seen, _TRUST * (logs - logs.mean(1, keepdims=True))])
        return both


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        classes: (C,) the class of each column, ascending.
        weights: (F, C).
        bias: (C,).
    """

    classes: Labels
    weights: Floats
    bias: Floats

    def probabilities(self, features: Floats) -> Floats:
        """Return the probability of each class, (n, C)."""
        logits = features @ self.weights + self.bias
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        found: Floats = powers / powers.sum(1, keepdims=True)
        return found


def fit(features: Floats, labels: Labels) -> Probe:
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


def _regress(features: Floats, labels: Labels, classes: Labels) -> Probe:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the last digits of a guess are nobody's concern, nor are many classes
        model = LogisticRegression(C=STRENGTH, max_iter=_STEPS).fit(features, labels)
    weights, bias = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
    if len(classes) == 2:  # scikit-learn keeps one column for two classes
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return Probe(classes, weights, bias)


def draw_evenly(labels: Labels, most: int, seed: int) -> Rows:
    """Return places of up to `most` labels, rare classes whole and the others in equal parts."""
    if len(labels) <= most:
        return np.arange(len(labels))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    _, owners, counts = np.unique(labels[shuffled], return_inverse=True, return_counts=True)
    order = np.argsort(owners, kind="stable")
    turn = np.empty(len(labels), np.int64)  # the how-manieth of its class each one is
    turn[order] = np.concatenate([np.arange(count) for count in counts])
    return np.sort(shuffled[np.argsort(turn, kind="stable")[:most]])
