"""What further labels are likely to bring: a power law fitted to the rounds so far, with an honest interval.

The error of a network falls with the number of labels about as a power law, error(n) = a · n^−b (Hestness et al. 2017,
"Deep learning scaling is predictable, empirically"). It is fitted to the rounds' errors on the control sample by least
squares on logarithms, each round weighted by how sure its error is. The interval comes from a parametric bootstrap:
every round's count of errors is drawn anew from its binomial distribution, the law is fitted to the draws, and the
measurement of the round to come is drawn from what it says. So the interval holds what the control sample will show,
noise of few rounds and of few control images included. That the power law itself may be wrong it does not hold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Doubles

DRAWS = 2000
STEEPEST = 1.0
"""No learning curve of the paper above falls faster than 1/n."""


@dataclass(frozen=True)
class Measured:
    """A round: how many labels its network learned from, and of how many control images it got how many right."""

    labels: int
    right: int
    count: int


@dataclass(frozen=True)
class Forecast:
    """The accuracy that `labels` labels are likely to bring, and the 95 % interval of what will be measured; shares."""

    labels: int
    accuracy: float
    low: float
    high: float


def forecast(rounds: Sequence[Measured], at: Sequence[int], seed: int = 0) -> tuple[Forecast, ...]:
    """Return what numbers of labels are likely to bring.

    Args:
        rounds: at least two, of different numbers of labels (≥ 1 each).
        at: numbers of labels, ≥ 1.
        seed: of the bootstrap; the same rounds give the same forecast.

    Raises:
        ValueError: there are no two rounds of different numbers of labels.
    """
    labels = np.array([item.labels for item in rounds], np.float64)
    if len(np.unique(labels)) < 2:
        raise ValueError("a curve needs rounds of two different numbers of labels")
    counts = np.array([item.count for item in rounds])
    wrong = counts - np.array([item.right for item in rounds])
    random = np.random.default_rng(seed)
    drawn = random.binomial(counts, _smoothed(wrong, counts), (DRAWS, len(rounds)))
    places = np.array(at, np.float64)
    likely = _predict(*_fit(labels, wrong[None], counts), places)[0]
    errors = _predict(*_fit(labels, drawn, counts), places)
    measured = random.binomial(int(counts[-1]), errors) / counts[-1]
    low, high = np.percentile(measured, [2.5, 97.5], axis=0)
    return tuple(
        Forecast(number, float(1 - error), float(1 - above), float(1 - below))
        for number, error, above, below in zip(at, likely, high, low, strict=True)
    )


def between(points: Sequence[Forecast], labels: int) -> Forecast | None:
    """Return a kept forecast at a number of labels between its points (straight over log labels), None outside."""
    for before, after in pairwise(points):
        if before.labels <= labels <= after.labels:
            whole = math.log(after.labels / before.labels)
            share = math.log(labels / before.labels) / whole if whole else 0.0
            mixed = (
                (1 - share) * getattr(before, name) + share * getattr(after, name)
                for name in ("accuracy", "low", "high")
            )
            return Forecast(labels, *mixed)
    return None


def _smoothed(wrong: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> Doubles:
    """Return shares of errors that are never 0 or 1 (Jeffreys' half a count each)."""
    shares: Doubles = (wrong + 0.5) / (counts + 1)
    return shares


def _fit(labels: Doubles, wrong: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> tuple[Doubles, Doubles]:
    """Return log a and b of each row of errors (rows × rounds), b between 0 and `STEEPEST`."""
    errors = _smoothed(wrong, counts)
    weights = counts * errors / (1 - errors)  # one over the variance of log error
    x, y = np.log(labels), np.log(errors)
    total = weights.sum(1)
    x_mean, y_mean = (weights * x).sum(1) / total, (weights * y).sum(1) / total
    spread = x - x_mean[:, None]
    slope = (weights * spread * y).sum(1) / (weights * spread**2).sum(1)
    b: Doubles = np.clip(-slope, 0.0, STEEPEST)
    return y_mean + b * x_mean, b


def _predict(log_a: Doubles, b: Doubles, labels: Doubles) -> Doubles:
    """Return errors (rows × labels), at most 1."""
    errors: Doubles = np.minimum(1.0, np.exp(log_a[:, None] - b[:, None] * np.log(labels)))
    return errors
