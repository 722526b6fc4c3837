"""The probe's fit, beside its reference."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from barlowmatch.arrays import Floats, Rows
from barlowmatch.guessing import linear_probe
from barlowmatch.guessing.linear_probe import MOST, STRENGTH, Space, draw_evenly, fit
from tests.clusters import clusters


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


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_equal_vectors_tell_nothing_apart(count: int) -> None:
    """As a network's that gives all images one embedding; rounding leaves some of them a variance below 0."""
    for vector in np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32):
        space = Space.of(np.tile(vector / np.linalg.norm(vector), (count, 1)))
        features = space.features(np.arange(count))
        shares = fit(features, np.arange(count) % 2).probabilities(features)
        assert np.ptp(shares, axis=0).max() < 1e-6
        assert np.abs(features).max() < 0.01


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


def test_a_space_that_is_read_block_by_block_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = clusters(300)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 300).astype(np.float32)
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-4))
    exact = vectors.astype(np.float64)
    centred = exact - exact.mean(0)
    expected = np.hstack([centred / np.sqrt((centred**2).mean()), logs - logs.mean(1, keepdims=True)])
    rows = np.array([299, 3, 3, 128])
    monkeypatch.setattr(linear_probe, "_BLOCK", 64)
    assert Space.of(vectors, probabilities).features(rows) == pytest.approx(expected[rows], abs=1e-4)
    read: list[int] = []

    def take(some: Rows) -> Floats:
        read.append(len(some))
        return vectors[some]

    Space.read(300, take).features(rows)
    assert read == [64, 64, 64, 64, 44, 4], "never all at once"


def test_many_labels_are_drawn_evenly_and_rare_classes_whole() -> None:
    labels = np.array([0] * 20_000 + [1] * 5_000 + [2] * 30)
    counts = np.bincount(labels[draw_evenly(labels, MOST, 0)])
    assert counts.sum() == MOST
    assert counts[2] == 30
    assert abs(int(counts[0]) - int(counts[1])) <= 1
