"""Figures of evaluation against scikit-learn, scipy and plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, recall_score
from sklearn.neighbors import KNeighborsClassifier

from barlowmatch.evaluation import expected_calibration_error, judge, knn_accuracy
from barlowmatch.intervals import grouped_interval, wilson_interval

NAMES = ("a", "b", "c", "never")


def random_predictions(count: int = 400) -> tuple[torch.Tensor, np.ndarray]:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 3, count)
    logits = generator.normal(size=(count, 4)) + 1.5 * np.eye(4)[labels]
    return torch.from_numpy(logits).softmax(1), labels


def test_figures_equal_scikit_learns() -> None:
    probabilities, labels = random_predictions()
    report = judge(probabilities, labels, NAMES)
    guesses = probabilities.argmax(1).numpy()
    assert report.accuracy == accuracy_score(labels, guesses)
    seen = guesses < 3
    assert judge(probabilities[seen], labels[seen], NAMES).balanced_accuracy == pytest.approx(
        balanced_accuracy_score(labels[seen], guesses[seen])
    )
    right = guesses == labels
    assert report.interval == wilson_interval(float(right.sum()), 400)
    assert report.calibration_error == expected_calibration_error(probabilities.amax(1).numpy(), right)
    recalls = recall_score(labels, guesses, labels=range(3), average=None)
    assert report.recalls == (*(pytest.approx(recall) for recall in recalls), None)
    expected = confusion_matrix(labels, guesses, labels=range(4))
    cells = report.to_dict()["confusion"]
    assert all(number > 0 for _, _, number in cells)
    assert {(label, guess): number for label, guess, number in cells} == {
        place: number for place, number in np.ndenumerate(expected) if number
    }


def test_a_hundred_thousand_classes_need_no_table_of_all_pairs() -> None:
    names = tuple(map(str, range(100_000)))
    probabilities = torch.zeros(3, len(names))
    probabilities[[0, 1, 2], [99_999, 5, 5]] = 1
    report = judge(probabilities, np.array([99_999, 99_999, 5]), names)
    assert report.to_dict()["confusion"] == [[5, 5, 1], [99_999, 5, 1], [99_999, 99_999, 1]]
    assert (report.accuracy, report.balanced_accuracy) == (2 / 3, 0.75)
    assert report.lines()[-1].endswith("of 2")
    assert report.lines()[1].startswith("balanced accuracy 75.0 % over the 2 of 100,000 classes with labels here, ")


@pytest.mark.parametrize(("count", "judged"), [(9, False), (10, True)])
def test_a_class_with_few_labels_is_not_judged(count: int, judged: bool) -> None:
    probabilities, labels = random_predictions()
    labels = np.where(labels == 2, 1, labels)
    labels[:count] = 2
    report = judge(probabilities, labels, NAMES)
    assert (report.recalls[2] is not None) == judged
    assert report.recalls[3] is None
    assert "too few to tell" in "\n".join(report.lines())


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50, deadline=None)
def test_interval_equals_scipys(case: tuple[int, int]) -> None:
    right, count = case
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson_interval(right, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_calibration_error_equals_the_sum_over_bins() -> None:
    generator = np.random.default_rng(5)
    confidence = np.concatenate([generator.random(950), np.ones(50)])  # a sure one is of the last bin
    right = generator.random(1000) < confidence**2
    right[:950][confidence[:950] > 14 / 15] = True
    right[-20:] = False
    total = 0.0
    for low in range(15):
        inside = (confidence >= low / 15) & ((confidence < (low + 1) / 15) | (low == 14))
        if inside.any():
            total += inside.sum() / 1000 * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(confidence, right) == pytest.approx(total)


@pytest.mark.parametrize("voters", [400, 12])
def test_knn_equals_scikit_learns_weighted_vote(voters: int) -> None:
    """Of more queries than are looked at in one go; where there are fewer than twenty to vote, all do."""
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 4, voters + 1200)
    points = generator.normal(size=(len(labels), 8)) + 1.2 * np.eye(8)[labels]
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    reference = KNeighborsClassifier(
        min(20, voters), algorithm="brute", metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    )
    expected = reference.fit(unit[:voters], labels[:voters]).score(unit[voters:], labels[voters:])
    bank, queries = torch.from_numpy(points[:voters]), torch.from_numpy(points[voters:])
    found = knn_accuracy(bank, labels[:voters], queries, labels[voters:], classes=4)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("groups", "size", "alike"), [(20, 10, 0.3), (40, 5, 0.3), (20, 10, 0.1), (30, 10, 0.0)])
def test_the_interval_of_grouped_images_holds_the_share(groups: int, size: int, alike: float) -> None:
    """Groups are right at rates of their own, of mean 0.8 and this correlation within; Wilson's fails from 0.1 on."""
    random = np.random.default_rng(0)
    names = [str(row // size) for row in range(groups * size)]
    held, plain = 0, 0
    for _ in range(400):
        spread = (1 - alike) / alike if alike else 1e6
        rates = random.beta(0.8 * spread, 0.2 * spread, size=groups)
        right = (random.random((groups, size)) < rates[:, None]).ravel().tolist()
        low, high = grouped_interval(right, names)
        held += low <= 0.8 <= high
        low, high = wilson_interval(sum(right), len(right))
        plain += low <= 0.8 <= high
    assert held / 400 > 0.92
    assert (plain / 400 < 0.9) == (alike > 0)


def test_images_that_stand_alone_have_wilsons_interval() -> None:
    right = [True] * 30 + [False] * 10
    for groups in (None, [str(row) for row in range(40)]):
        assert grouped_interval(right, groups) == wilson_interval(30, 40)
    assert grouped_interval([], None) == grouped_interval(right, ["a"] * 40) == (0.0, 1.0)
    low, _ = grouped_interval([True] * 40, [str(row // 10) for row in range(40)])
    assert low < wilson_interval(4, 4)[0], "where all are right, only so many groups are known to be"


def test_a_report_of_grouped_images_is_less_sure() -> None:
    guesses = torch.eye(2)[torch.tensor([0] * 20 + [1] * 20)]
    labels, names = np.array([0] * 20 + [1] * 10 + [0] * 10), [str(row // 10) for row in range(40)]
    alone, grouped = judge(guesses, labels, ["a", "b"]), judge(guesses, labels, ["a", "b"], names)
    assert (alone.accuracy, alone.interval) == (grouped.accuracy, wilson_interval(30, 40))
    assert grouped.interval == grouped_interval((guesses.argmax(1).numpy() == labels).tolist(), names)
    assert grouped.interval[0] < alone.interval[0] < alone.interval[1] < grouped.interval[1]
