"""The order that the probe gives the queue, beside its references."""

import numpy as np
import pytest

from labeling.probe.ranking import covered, doubt, herd, kernel
from tests.clusters import DIMENSION, clusters


def test_herding_is_the_plain_greedy_rule() -> None:
    vectors, _ = clusters(120)
    candidates, anchors, labeled = vectors[:40], vectors[40:100], vectors[100:]
    weights = np.random.default_rng(1).random(60).astype(np.float32)
    best = kernel(anchors, labeled).max(1)
    assert covered(anchors, labeled.__getitem__, np.arange(len(labeled))) == pytest.approx(best)
    expected: list[int] = []

    def gain(place: int) -> float:
        added = np.maximum(kernel(candidates[[place]], anchors)[0] - best, 0)
        return -np.inf if place in expected else float(added @ weights)

    for _ in range(15):
        expected.append(max(range(40), key=gain))
        best = np.maximum(best, kernel(candidates[[expected[-1]]], anchors)[0])
    assert (
        herd(candidates, anchors, weights, covered(anchors, labeled.__getitem__, np.arange(len(labeled))), 15).tolist()
        == expected
    )


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
