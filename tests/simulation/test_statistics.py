"""The statistics of a simulation, against their definitions."""

import numpy as np
import pytest
from scipy import stats

from barlowmatch.simulation.statistics import Interval, area, bca, holm, labels_at_random, paired_p


def test_bca_covers_the_mean() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        interval = bca(random.normal(0.3, 1, size=40))
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < interval.mean < interval.high
        hits += interval.low <= 0.3 <= interval.high
    assert hits >= 50


def test_equal_values_have_no_width() -> None:
    interval = bca(np.full(8, 0.25))
    assert (interval.low, interval.high) == (0.25, 0.25)


def test_one_value_alone_has_no_interval() -> None:
    assert bca(np.array([0.039])) == Interval(0.039, None, None)


def test_holm_is_the_step_down_rule() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_signs_are_flipped_exactly() -> None:
    assert paired_p(np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.3])) == pytest.approx(2 / 2**6)
    assert paired_p(np.zeros(6)) == 1
    differences = np.random.default_rng(1).normal(0.5, 1, size=30)
    assert paired_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_area_is_the_mean_over_the_budgets() -> None:
    assert area([10, 20, 40], np.array([0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert area([10, 20, 40], np.array([0.0, 1.0, 1.0])) == pytest.approx((5 + 20) / 30)
    assert area([10], np.array([0.7])) == 0.7


def test_saved_labels_are_never_extrapolated() -> None:
    budgets, curve = [10, 20, 40], np.array([0.5, 0.6, 0.8])
    assert labels_at_random(budgets, curve, 0.7) == pytest.approx(30)
    assert labels_at_random(budgets, curve, 0.5) == 10
    assert labels_at_random(budgets, curve, 0.8) == 40
    assert labels_at_random(budgets, curve, 0.81) is None
    assert labels_at_random(budgets, curve, 0.49) is None
    bumpy = np.array([0.5, 0.7, 0.6])  # isotonic: 0.5, 0.65, 0.65
    assert labels_at_random(budgets, bumpy, 0.575) == pytest.approx(15)
    assert labels_at_random(budgets, bumpy, 0.7) is None
