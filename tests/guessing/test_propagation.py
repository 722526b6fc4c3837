"""Label propagation beside scikit-learn's, beside its closed form, and at the edges."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.semi_supervised import LabelSpreading

from barlowmatch.arrays import Floats, Rows
from barlowmatch.guessing import propagation
from barlowmatch.guessing.linear_probe import Space
from barlowmatch.guessing.propagation import ALPHA, NEIGHBOURS, Graph, shares
from tests.clusters import clusters


def _graph(count: int) -> tuple[Graph, Rows]:
    vectors, owner = clusters(count)
    return Graph.of(Space.of(vectors), np.arange(count)), owner


def _itself(rows: list[int], count: int) -> sparse.csr_array:
    """Each labeled image a node of its own."""
    return sparse.csr_array((np.ones(len(rows), np.float32), (range(len(rows)), rows)), shape=(len(rows), count))


def test_the_links_are_those_of_the_nearest_neighbours_by_brute_force() -> None:
    vectors, _ = clusters(60)
    exact = vectors.astype(np.float64) - vectors.mean(0)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    similarity = exact @ exact.T
    np.fill_diagonal(similarity, -2)
    near = np.zeros((60, 60))
    for row in range(60):
        for column in np.argsort(-similarity[row])[:NEIGHBOURS]:
            near[row, column] = max(similarity[row, column], 0) ** 3
    near = np.maximum(near, near.T)
    root = np.sqrt(near.sum(1))
    assert Graph.of(Space.of(vectors), np.arange(60)).links.toarray() == pytest.approx(
        near / root[:, None] / root, abs=1e-5
    )


def test_what_arrives_is_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "_ROUNDS", 300)
    graph, owner = _graph(120)
    rows = [3, 40, 77, 101, 5]
    found = graph.spread(_itself(rows, 120), owner[rows], 3)
    said = np.zeros((120, 3))
    said[rows, owner[rows]] = 1 / np.bincount(owner[rows], minlength=3)[owner[rows]]
    exact = np.linalg.inv(np.eye(120) - ALPHA * graph.links.toarray().astype(np.float64)) @ said * (1 - ALPHA)
    assert found == pytest.approx(exact, rel=1e-4, abs=1e-6)


def test_it_says_what_scikit_learns_label_spreading_says() -> None:
    graph, owner = _graph(150)
    rows = [int(np.flatnonzero(owner == cls)[turn]) for cls in range(3) for turn in range(2)]  # as many a class
    targets = np.full(150, -1)
    targets[rows] = owner[rows]

    def kernel(left: Floats, right: Floats) -> sparse.csr_matrix:
        assert len(left) == len(right) == 150
        return sparse.csr_matrix(weights)

    vectors = graph.vectors
    near = propagation._nearest(vectors, vectors, NEIGHBOURS + 1)
    near = sparse.csr_array(near - sparse.diags_array(near.diagonal()))
    weights = near.maximum(near.T)
    peer = LabelSpreading(kernel=kernel, alpha=ALPHA, max_iter=500, tol=1e-6).fit(vectors, targets)
    found = shares(graph.spread(_itself(rows, 150), owner[rows], 3))
    assert found == pytest.approx(peer.label_distributions_, abs=0.02)
    assert (found.argmax(1) == owner).mean() > 0.97


def test_a_class_with_many_labels_is_not_louder_than_one_with_few() -> None:
    graph, owner = _graph(150)
    one, two = np.flatnonzero(owner == 0), np.flatnonzero(owner == 1)
    rows = [*one[:20].tolist(), *two[:1].tolist()]
    found = graph.spread(_itself(rows, 150), owner[rows], 2)
    said = found[np.concatenate([one[20:], two[1:]])].argmax(1)
    assert (said == np.repeat([0, 1], [len(one) - 20, len(two) - 1])).mean() > 0.95


def test_images_that_are_no_nodes_are_told_by_the_nearest_nodes() -> None:
    vectors, owner = clusters(300)
    graph = Graph.of(Space.of(vectors), np.arange(0, 300, 2))
    odd = np.arange(1, 300, 2)
    near = graph.reach(odd)
    assert near.sum(1) == pytest.approx(np.ones(150), abs=1e-5)
    assert set(np.diff(near.indptr)) == {NEIGHBOURS}
    known = odd[:12]
    arrived = graph.spread(graph.reach(known), owner[known], 3)
    assert (shares(near @ arrived).argmax(1) == owner[odd]).mean() > 0.97


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_or_equal_images_are_told_something(count: int) -> None:
    for vectors in (clusters(count)[0], np.tile(clusters(1)[0], (count, 1))):
        graph = Graph.of(Space.of(vectors), np.arange(count))
        rows = np.arange(min(2, count))
        found = shares(graph.reach(np.arange(count)) @ graph.spread(graph.reach(rows), rows, len(rows)))
        assert found.sum(1) == pytest.approx(np.ones(count), abs=1e-5)
        assert found.min() >= 0
