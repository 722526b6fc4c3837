"""The probe's numbers: its fit and its order, beside their references."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from labeling.probe.fitting import MOST, STRENGTH, Space, draw_evenly, fit
from labeling.probe.ranking import covered, doubt, herd, kernel
from tests.labeling.probe.clusters import DIMENSION, clusters

# ---- the fit -------------------------------------------------------------------------------------------------------


def test_the_probe_is_logistic_regression() -> None:
    vectors, owner = clusters(300)
    space = Space.of(vectors)
    rows = np.arange(200)
    probe = fit(space.features(rows), owner[rows] + 7)
    assert probe.classes.tolist() == [7, 8, 9]
    found = probe.probabilities(space.features(np.arange(200, 300)))
    assert found.sum(1) == pytest.approx(np.ones(100), abs=1e-5)
    assert (probe.classes[found.argmax(1)] - 7 == owner[200:]).mean() > 0.97


@pytest.mark.parametrize("classes", [2, 3])
def test_its_probabilities_are_scikit_learns(classes: int) -> None:
    vectors, owner = clusters(200)
    rows = np.flatnonzero(owner < classes)
    features = Space.of(vectors).features(rows)
    reference = LogisticRegression(C=STRENGTH, max_iter=500).fit(features, owner[rows]).predict_proba(features)
    assert fit(features, owner[rows]).probabilities(features) == pytest.approx(reference, abs=5e-3)


def test_one_class_is_certain() -> None:
    features = np.ones((4, 3), np.float32)
    assert fit(features, np.full(4, 5)).probabilities(features).tolist() == [[1.0]] * 4


def test_a_good_classifier_is_heard() -> None:
    """After a round the guesses must not fall back to what the embeddings alone can tell."""
    draw = np.random.default_rng(0)
    owner = draw.integers(0, 10, 2000)
    vectors = draw.normal(size=(2000, 64)).astype(np.float32)  # the embeddings know nothing
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = np.where(draw.random(2000) < 0.95, owner, draw.integers(0, 10, 2000))
    probabilities = np.full((2000, 10), 0.01, np.float32)
    probabilities[np.arange(2000), said] = 0.91
    space = Space.of(vectors, probabilities)
    labeled, rest = np.arange(100), np.arange(100, 2000)
    probe = fit(space.features(labeled), owner[labeled])
    right = probe.classes[probe.probabilities(space.features(rest)).argmax(1)] == owner[rest]
    assert right.mean() > 0.9


def test_many_labels_are_drawn_evenly_and_rare_classes_whole() -> None:
    labels = np.array([0] * 20_000 + [1] * 5_000 + [2] * 30)
    counts = np.bincount(labels[draw_evenly(labels, MOST, 0)])
    assert counts.sum() == MOST
    assert counts[2] == 30
    assert abs(int(counts[0]) - int(counts[1])) <= 1


# ---- the order -----------------------------------------------------------------------------------------------------


def test_herding_is_the_plain_greedy_rule() -> None:
    vectors, _ = clusters(120)
    candidates, anchors, labeled = vectors[:40], vectors[40:100], vectors[100:]
    weights = np.random.default_rng(1).random(60).astype(np.float32)
    width = 0.5
    best = kernel(anchors, labeled, width).max(1)
    assert covered(anchors, labeled, width) == pytest.approx(best)
    expected: list[int] = []

    def gain(place: int) -> float:
        added = np.maximum(kernel(candidates[[place]], anchors, width)[0] - best, 0)
        return -np.inf if place in expected else float(added @ weights)

    for _ in range(15):
        expected.append(max(range(40), key=gain))
        best = np.maximum(best, kernel(candidates[[expected[-1]]], anchors, width)[0])
    assert herd(candidates, anchors, weights, covered(anchors, labeled, width), 15, width).tolist() == expected


def test_all_candidates_are_ordered_once() -> None:
    vectors, _ = clusters(30)
    order = herd(vectors, vectors, np.ones(30, np.float32), np.zeros(30, np.float32), 100)
    assert sorted(order.tolist()) == list(range(30))


def test_images_that_add_nothing_are_ordered_too() -> None:
    """Copies of what is known are worth nothing, all alike; a search for the one best must end."""
    vectors = np.repeat(np.eye(DIMENSION, dtype=np.float32), 20, axis=0)
    weights, known = np.ones(len(vectors), np.float32), np.ones(len(vectors), np.float32)
    order = herd(vectors, vectors, weights, known, 100)
    assert len(set(order.tolist())) == 100


def test_doubt_is_one_minus_the_margin() -> None:
    assert doubt(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)) == pytest.approx([0.8, 0.3])
    assert doubt(np.ones((2, 1), np.float32)).tolist() == [1.0, 1.0]
