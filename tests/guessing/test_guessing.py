"""Guesses from few labels, on real digits and where one of both knows nothing."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from barlowmatch.arrays import Floats, Labels
from barlowmatch.guessing.guesser import FEW, FEW_CLASSES, learn
from barlowmatch.guessing.linear_probe import Space, fit
from barlowmatch.guessing.propagation import Graph
from tests.clusters import clusters


@pytest.fixture(scope="module")
def digits() -> tuple[Graph, Labels]:
    found = load_digits()
    vectors = (16 - found.data).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Graph.of(Space.of(vectors), np.arange(len(vectors))), found.target.astype(np.int64)


def _accuracies(graph: Graph, truth: Labels, count: int, seed: int) -> tuple[float, float]:
    """Return how often the probe alone and the guesser are right on all that is not labeled."""
    order = np.random.default_rng(seed).permutation(len(truth))
    known, rest = order[:count], order[count:]
    probe = fit(graph.space.features(known), truth[known])
    alone = probe.classes[probe.probabilities(graph.space.features(rest)).argmax(1)]
    guesser = learn(graph, known, truth[known])
    both = guesser.classes[guesser.probabilities(rest).argmax(1)]
    return float((alone == truth[rest]).mean()), float((both == truth[rest]).mean())


@pytest.mark.parametrize(("count", "better"), [(20, 0.04), (40, 0.04), (300, -0.005)])
def test_digits_are_guessed_better_from_few_labels_and_no_worse_from_many(
    digits: tuple[Graph, Labels], count: int, better: float
) -> None:
    alone, both = np.mean([_accuracies(*digits, count, seed) for seed in range(3)], axis=0)
    assert both - alone >= better


def test_neighbours_that_know_nothing_are_not_heard() -> None:
    draw = np.random.default_rng(0)
    owner = draw.integers(0, 4, 1000)
    vectors = draw.normal(size=(1000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    probabilities = np.full((1000, 4), 0.02, np.float32)
    probabilities[np.arange(1000), owner] = 0.94
    graph = Graph.of(Space.of(vectors, probabilities), np.arange(1000))
    guesser = learn(graph, np.arange(100), owner[:100])
    assert guesser.weight == 0
    assert (guesser.classes[guesser.probabilities(np.arange(100, 1000)).argmax(1)] == owner[100:]).mean() > 0.95


def test_probabilities_sum_to_one_and_stand_in_the_order_of_the_classes() -> None:
    vectors, owner = clusters(200)
    graph = Graph.of(Space.of(vectors), np.arange(200))
    guesser = learn(graph, np.arange(30), 40 - owner[:30])
    found = guesser.probabilities(np.arange(200))
    assert guesser.classes.tolist() == [38, 39, 40]
    assert found.sum(1) == pytest.approx(np.ones(200), abs=1e-5)
    assert (40 - guesser.classes[found.argmax(1)] == owner).mean() > 0.97
    assert guesser.probabilities(np.arange(0)).shape == (0, 3)


def test_many_labels_or_classes_are_the_probes_alone() -> None:
    draw = np.random.default_rng(0)
    count = FEW + 50
    vectors = draw.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph = Graph.of(Space.of(vectors), np.arange(count))
    for labels in (draw.integers(0, 3, count), np.arange(FEW_CLASSES + 1)):
        rows = np.arange(len(labels))
        probe: Floats = fit(graph.space.features(rows), labels).probabilities(graph.space.features(rows))
        assert learn(graph, rows, labels).probabilities(rows) == pytest.approx(probe)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_first_labels_are_learned_from(count: int) -> None:
    vectors, owner = clusters(50)
    graph = Graph.of(Space.of(vectors), np.arange(50))
    guesser = learn(graph, np.arange(count), owner[:count])
    assert guesser.probabilities(np.arange(50)).sum(1) == pytest.approx(np.ones(50), abs=1e-5)
