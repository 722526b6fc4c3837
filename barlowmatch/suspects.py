"""Labels that the others speak against: each is judged by linear probes that have not seen it.

Out-of-sample probabilities are what confident learning starts from (Northcutt et al. 2021, 1911.00068). Of the labels
that it takes for wrong, by an estimate of how many there are, a third to two thirds are right; asking for odds finds
nearly as many wrong ones among far fewer (`benchmarks suspects`).
"""

from dataclasses import dataclass

import numpy as np

from barlowmatch.data.dataset import Rows
from barlowmatch.linear_probe import Floats, Space, fit

ODDS = 10.0
"""So many times likelier than its label another class has to be."""
FOLDS = 5
LEAST = 5
"""A class of fewer labels says too little of what belongs to it: its labels are neither judged nor judges."""


@dataclass(frozen=True, eq=False)
class Suspects:
    """Labels that are probably wrong, the most doubtful first.

    Attributes:
        places: (n,) which of the given labels they are.
        suggested: (n,) the class that the other labels speak for.
        likelihoods: (n,) how likely that is, in [0, 1].
        odds: (n,) how many times likelier it is than the label, `ODDS` at least.
    """

    places: Rows
    suggested: Rows
    likelihoods: Floats
    odds: Floats

    def __len__(self) -> int:
        return len(self.places)


def find_suspects(vectors: Floats, labels: Rows, seed: int = 0) -> Suspects:
    """Return the labels that are probably wrong.

    Args:
        vectors: embeddings (n, D), of unit length.
        labels: class of each (n,).
        seed: of the draw of the folds.
    """
    classes, counts = np.unique(labels, return_counts=True)
    judged = np.flatnonzero(np.isin(labels, classes[counts >= LEAST]))
    classes, targets = np.unique(labels[judged], return_inverse=True)
    if len(classes) < 2:
        return Suspects(judged[:0], labels[:0], np.empty(0, np.float32), np.empty(0, np.float32))
    probabilities = out_of_sample(vectors[judged], targets, seed)
    best = probabilities.argmax(1)
    every = np.arange(len(judged))
    odds = probabilities[every, best] / np.maximum(probabilities[every, targets], np.finfo(np.float32).tiny)
    found = np.argsort(-odds, kind="stable")[: np.count_nonzero(odds >= ODDS)]
    return Suspects(judged[found], classes[best[found]], probabilities[found, best[found]], odds[found])


def out_of_sample(vectors: Floats, labels: Rows, seed: int) -> Floats:
    """Return what a probe that has not seen its label thinks of each image, (n, C).

    Args:
        vectors: embeddings (n, D), of unit length.
        labels: class of each (n,), 0 to C − 1, each `LEAST` times at least.
        seed: of the draw of the folds.
    """
    features = Space.of(vectors).features(np.arange(len(vectors)))
    folds = _deal(labels, seed)
    found = np.empty((len(labels), int(labels.max()) + 1), np.float32)
    for fold in range(FOLDS):
        others, mine = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        found[mine] = fit(features[others], labels[others], seed).probabilities(features[mine])
    return found


def _deal(labels: Rows, seed: int) -> Rows:
    """Return a fold for each label, so that each class is spread evenly over them."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds
