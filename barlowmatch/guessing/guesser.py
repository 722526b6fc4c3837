"""Guesses from few labels: a linear probe and label propagation, each heard as far as unseen labels bear it out.

At ten labels the neighbours know more than a line through them does, at hundreds it is the other way round, and where
that turns depends on the embeddings. So the labels decide: geometric means of both with several weights are compared
by the likelihood of labels that were held out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.guessing.linear_probe import MOST, Probe, Space, draw_evenly, fit
from barlowmatch.guessing.propagation import Graph, shares

FEW = 500
"""Labels beyond which only the probe is asked: neighbours add nothing then, and the folds would take seconds."""
FEW_CLASSES = 100
"""Classes beyond which only the probe is asked, for the same reason."""
FOLDS = 5
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much the neighbours count beside the probe."""
_LEAST = 1e-3
"""A probability that is never undercut: what one of both excludes may still be."""


@dataclass(frozen=True, eq=False)
class Guesser:
    """What was learned from some labels.

    Attributes:
        probe: the linear probe.
        space: where the images are.
        graph: what the neighbours are read from.
        arrived: (n, C) how strongly each class arrived at each node; None where the neighbours are not heard.
        weight: how much they count, from 0 to 1.
    """

    probe: Probe
    space: Space
    graph: Graph
    arrived: Floats | None
    weight: float

    @property
    def classes(self) -> Labels:
        """The class of each column, (C,), ascending."""
        return self.probe.classes

    def probabilities(self, rows: Rows) -> Floats:
        """Return the probability of each class of rows of the space, (n, C)."""
        told = self.probe.probabilities(self.space.features(rows))
        if self.arrived is None or len(rows) == 0:
            return told
        return _mixed(told, shares(self.graph.reach(rows) @ self.arrived), self.weight)


def learn(graph: Graph, rows: Rows, labels: Labels) -> Guesser:
    """Learn from labels.

    Args:
        graph: of the space where the images are.
        rows: (n,) the labeled images; one at least.
        labels: (n,) class of each.
    """
    drawn = draw_evenly(labels, MOST, seed=0)
    rows, labels = rows[drawn], labels[drawn]
    features = graph.space.features(rows)
    probe = fit(features, labels)
    if len(rows) > FEW or not 1 < len(probe.classes) <= FEW_CLASSES:
        return Guesser(probe, graph.space, graph, None, 0.0)
    columns = np.searchsorted(probe.classes, labels)
    near = graph.reach(rows)
    weight = _weigh(graph, features, near, columns, len(probe.classes))
    arrived = graph.spread(near, columns, len(probe.classes)) if weight > 0 else None
    return Guesser(probe, graph.space, graph, arrived, weight)


def _weigh(graph: Graph, features: Floats, near: sparse.csr_array, columns: Labels, classes: int) -> float:
    """Return the weight of `WEIGHTS` by which labels that were held out are likeliest."""
    fold = np.random.default_rng(0).permutation(len(columns)) % FOLDS
    loss = np.zeros(len(WEIGHTS))
    for turn in range(FOLDS):
        seen, held = np.flatnonzero(fold != turn), np.flatnonzero(fold == turn)
        if len(held) == 0 or len(seen) == 0:
            continue
        probe = fit(features[seen], columns[seen])
        told = np.zeros((len(held), classes), np.float32)
        told[:, probe.classes] = probe.probabilities(features[held])
        arrived = shares(near[held] @ graph.spread(near[seen], columns[seen], classes))
        for place, weight in enumerate(WEIGHTS):
            likely = _mixed(told, arrived, weight)[np.arange(len(held)), columns[held]]
            loss[place] -= np.log(np.maximum(likely, _LEAST)).sum()
    return WEIGHTS[int(loss.argmin())]


def _mixed(told: Floats, arrived: Floats, weight: float) -> Floats:
    """Return the geometric mean of two sets of probabilities, (n, C)."""
    logs = (1 - weight) * np.log(np.maximum(told, _LEAST)) + weight * np.log(np.maximum(arrived, _LEAST))
    powers = np.exp(logs - logs.max(1, keepdims=True))
    found: Floats = powers / powers.sum(1, keepdims=True)
    return found
