"""Label propagation: classes spread from labeled images along nearest neighbours (Zhou et al. 2003).

"Learning with Local and Global Consistency", the iteration F ← αSF + (1−α)Y of its section 2, on a sample of the
images; any image is told by the nodes that are nearest to it. A class counts as much as another, however many labels it
has.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.guessing.linear_probe import Space

NODES = 4096
"""Images in a graph at most: among so many the neighbours are near, and they are found in a second."""
NEIGHBOURS = 10
ALPHA = 0.9
"""How much a node listens to its neighbours; of 0.9, 0.97 and 0.99 never the worst by log-likelihood."""
_SHARPNESS = 3
"""Power of the similarity: the near ones of the neighbours speak louder."""
_ROUNDS = 40
_BLOCK = 1024
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Graph:
    """The nearest neighbours among some images of a space.

    Attributes:
        space: where all images are.
        vectors: (n, D) unit vectors of the nodes, from the space's centre.
        links: (n, n) how much each node listens to each, symmetric: D^−½ W D^−½.
    """

    space: Space
    vectors: Floats
    links: sparse.csr_array

    @classmethod
    def of(cls, space: Space, rows: Rows) -> "Graph":
        """Return the graph whose nodes are these rows of a space."""
        vectors = _from_centre(space, rows)
        near = _nearest(vectors, vectors, NEIGHBOURS + 1)
        near = sparse.csr_array(near - sparse.diags_array(near.diagonal()))  # nobody is their own neighbour
        weights = near.maximum(near.T)
        strength = sparse.diags_array(1 / np.sqrt(np.maximum(weights.sum(1), _LEAST)))
        return cls(space, vectors, sparse.csr_array((strength @ weights @ strength).astype(np.float32)))

    def reach(self, rows: Rows) -> sparse.csr_array:
        """Return how near nodes are to rows of the space, (m, n): the nearest ones' shares, of sum 1."""
        near = _nearest(_from_centre(self.space, rows), self.vectors, NEIGHBOURS)
        total = np.maximum(near.sum(1), _LEAST)
        return sparse.csr_array(sparse.diags_array(1 / total) @ near, dtype=np.float32)

    def spread(self, labeled: sparse.csr_array, columns: Labels, classes: int) -> Floats:
        """Return how strongly each class arrives at each node, (n, C).

        Args:
            labeled: (m, n) how near nodes are to the labeled images (`reach`).
            columns: (m,) the class of each, from 0 to C − 1.
            classes: C.
        """
        counts = np.bincount(columns, minlength=classes)
        said = np.zeros((len(columns), classes), np.float32)
        said[np.arange(len(columns)), columns] = 1 / counts[columns]
        sources = (1 - ALPHA) * (labeled.T @ said)
        found = sources
        for _ in range(_ROUNDS):
            found = ALPHA * (self.links @ found) + sources
        return np.asarray(found, np.float32)


def shares(scores: Floats) -> Floats:
    """Return scores as probabilities, (n, C): equal ones where no class arrived."""
    safe = scores + _LEAST * max(float(scores.max()), _LEAST)
    found: Floats = safe / safe.sum(1, keepdims=True)
    return found


def _from_centre(space: Space, rows: Rows) -> Floats:
    vectors = space.vectors(rows) - space.mean
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _LEAST)
    return found


def _nearest(vectors: Floats, nodes: Floats, count: int) -> sparse.csr_array:
    """Return the similarity of each vector to the `count` nearest nodes, (m, n), sharpened."""
    count = min(count, len(nodes))
    columns, values = [], []
    for start in range(0, len(vectors), _BLOCK):
        similarity = vectors[start : start + _BLOCK] @ nodes.T
        near = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        columns.append(near)
        values.append(np.take_along_axis(similarity, near, axis=1))
    weights = np.maximum(np.concatenate(values), 0) ** _SHARPNESS
    ends = np.arange(len(vectors) + 1) * count
    shape = (len(vectors), len(nodes))
    return sparse.csr_array((weights.ravel(), np.concatenate(columns).ravel(), ends), shape=shape)
