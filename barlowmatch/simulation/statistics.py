"""Comparing strategies with asking at random, repetition by repetition."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from barlowmatch.arrays import Doubles

RESAMPLES = 9999


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval, which a single value does not tell: None."""

    mean: float
    low: float | None
    high: float | None


def bca(values: Doubles) -> Interval:
    """Return the mean of some values with its 95 % interval (bias-corrected and accelerated bootstrap, Efron 1987)."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, None, None)
    if np.ptp(values) < 1e-12:
        return Interval(mean, mean, mean)
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    low, high = float(result.low), float(result.high)
    return Interval(mean, low if np.isfinite(low) else mean, high if np.isfinite(high) else mean)


def paired_p(differences: Doubles) -> float:
    """Return the two-sided p of paired differences by flipping signs: exact up to 13 pairs, else by 9,999 draws."""
    if len(differences) < 2 or np.ptp(np.append(differences, 0)) < 1e-12:
        return 1.0
    result = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(result.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number (Holm 1979)."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    worst = 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = worst
    return [float(value) for value in corrected]


def area(budgets: Sequence[int], accuracies: Doubles) -> float:
    """Return the mean accuracy over the range of budgets (trapezoids); of one budget its accuracy."""
    if len(budgets) == 1:
        return float(accuracies[0])
    return float(np.trapezoid(accuracies, budgets) / (budgets[-1] - budgets[0]))


def labels_at_random(budgets: Sequence[int], random_accuracies: Doubles, accuracy: float) -> float | None:
    """Return how many random labels reach an accuracy, by isotonic regression; None outside the measured range.

    Nothing is extrapolated: an accuracy that random labels never reached, or had from the start, has no number.
    """
    fitted = IsotonicRegression().fit_transform(np.asarray(budgets, float), random_accuracies)
    if not fitted[0] <= accuracy <= fitted[-1]:
        return None
    place = int(np.searchsorted(fitted, accuracy))
    if place == 0:
        return float(budgets[place])
    share = (accuracy - fitted[place - 1]) / (fitted[place] - fitted[place - 1])
    return float(budgets[place - 1] + share * (budgets[place] - budgets[place - 1]))
