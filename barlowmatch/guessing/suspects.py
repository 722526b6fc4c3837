"""Labels that the others speak against: each is judged by a linear probe that has not seen it.

The embeddings may be those of a network that has: that wrong labels were learned hides them little. Such out-of-sample
probabilities are what confident learning starts from (Northcutt et al. 2021, 1911.00068). Of the labels that it takes
for wrong, by an estimate of how many there are, a third to a half were; asking for odds finds nearly as many wrong ones
among far fewer (`benchmarks suspects`).
"""

from dataclasses import dataclass

import numpy as np

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.guessing.linear_probe import MOST, Space, draw_evenly, fit

ODDS = 10.0
"""So many times likelier than its label another class has to be."""
FOLDS = 5
LEAST = 5
"""A class of fewer labels says too little of what belongs to it: its labels are neither judged nor judges."""
BLOCK = 8192
"""Labels judged at once."""
_TEMPERATURES = np.geomspace(1, 100, 32).tolist()


@dataclass(frozen=True, eq=False)
class Suspects:
    """Labels that are probably wrong, the most doubtful first.

    Attributes:
        places: (n,) which of the given labels they are.
        suggested: (n,) the class that the other labels speak for.
        likelihoods: (n,) how likely that is, in [0, 1].
        odds: (n,) how many times likelier it is than the label, `ODDS` at least.
        judged: of how many labels: those of the classes that have enough, where there are two such classes.
    """

    places: Rows
    suggested: Labels
    likelihoods: Floats
    odds: Floats
    judged: int

    def __len__(self) -> int:
        return len(self.places)


def find_suspects(vectors: Floats, labels: Labels, seed: int = 0) -> Suspects:
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
        return Suspects(judged[:0], labels[:0], np.empty(0, np.float32), np.empty(0, np.float32), 0)
    seen = out_of_sample(vectors if len(judged) == len(labels) else vectors[judged], targets, seed)
    probabilities = soften(seen, targets)
    best = probabilities.argmax(1)
    every = np.arange(len(judged))
    odds = probabilities[every, best] / np.maximum(probabilities[every, targets], np.finfo(np.float32).tiny)
    found = np.argsort(-odds, kind="stable")[: np.count_nonzero(odds >= ODDS)]
    likelihoods = probabilities[found, best[found]]
    known = int(np.count_nonzero(~np.isnan(odds)))
    return Suspects(judged[found], classes[best[found]], likelihoods, odds[found], known)


def out_of_sample(vectors: Floats, labels: Labels, seed: int) -> Floats:
    """Return what a probe that has not seen its label thinks of each image, (n, C).

    NaN where the probe does not know the label's class: of more than `MOST` classes it learns so many.

    Args:
        vectors: embeddings (n, D), of unit length.
        labels: class of each (n,), 0 to C − 1, each `LEAST` times at least.
        seed: of the draw of the folds.
    """
    space, folds = Space.of(vectors), _deal(labels, seed)
    found = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    for fold in range(FOLDS):
        others, mine = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        drawn = others[draw_evenly(labels[others], MOST, seed)]
        probe = fit(space.features(drawn), labels[drawn])
        for start in range(0, len(mine), BLOCK):  # features of all at once would be a second copy of the vectors
            rows = mine[start : start + BLOCK]
            found[np.ix_(rows, probe.classes)] = probe.probabilities(space.features(rows))
        found[mine[~np.isin(labels[mine], probe.classes)]] = np.nan
    return found


def soften(probabilities: Floats, labels: Labels) -> Floats:
    """Return probabilities (n, C) made as unsure as they were wrong about the labels (n,): by temperature, never surer.

    A probe of few labels is far too sure of itself: it doubted a fifth of a hundred labels of which two were wrong.
    """
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    sample = known[:: len(known) // MOST + 1]
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))

    def surprise(temperature: float) -> float:
        scaled = logs[sample] / temperature
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(sample)), labels[sample]]).sum())

    scaled = logs / min(_TEMPERATURES, key=surprise)
    with np.errstate(invalid="ignore"):  # what was not judged stays not a number
        softened: Floats = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)).astype(np.float32)
    return softened


def _deal(labels: Labels, seed: int) -> Labels:
    """Return a fold for each label, so that each class is spread evenly over them."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds
