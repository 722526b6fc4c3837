"""Which open images come next: those that, with what is labeled, stand for most of the images nobody knows yet.

Greedy herding (MaxHerding, Bae et al. 2024, 2407.12212): an image is worth what it adds to mean_a w_a max_c k(z_a, z_c)
over anchors a drawn from all images, c labeled or chosen. The weights tell where the probe doubts. Doubt alone
(margin) asks for outliers at few labels and loses to a random draw; coverage does not (`benchmarks probe-asking`).
"""

import numpy as np

from barlowmatch.arrays import Floats, Rows
from barlowmatch.guessing.linear_probe import Take

LEAST_DOUBT = 1e-3
"""Anchors without any doubt still count this much, so that a sure probe leaves something to choose by."""
_BLOCK = 1024


def doubt(probabilities: Floats) -> Floats:
    """Return 1 − the margin between the two likeliest classes, (n,), `LEAST_DOUBT` at least."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), np.float32)
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    found: Floats = np.maximum(1 - (top[:, 1] - top[:, 0]), LEAST_DOUBT)
    return found


def kernel(left: Floats, right: Floats) -> Floats:
    """Return exp(−‖a − b‖² / 2) of unit vectors, (n, m)."""
    found: Floats = np.exp(left @ right.T - 1)
    return found


def covered(anchors: Floats, take: Take, labeled: Rows) -> Floats:
    """Return how well each anchor is represented by what is labeled, (A,).

    Args:
        anchors: (A, D) unit vectors.
        take: returns those of some rows.
        labeled: rows of what is labeled; read block by block.
    """
    best = np.zeros(len(anchors), np.float32)
    for start in range(0, len(labeled), _BLOCK):
        np.maximum(best, kernel(anchors, take(labeled[start : start + _BLOCK])).max(1), out=best)
    return best


def herd(candidates: Floats, anchors: Floats, weights: Floats, known: Floats, count: int) -> Rows:
    """Return places of candidates, the most wanted first.

    Args:
        candidates: (M, D) unit vectors of the images to choose from.
        anchors: (A, D) unit vectors of the images to stand for.
        weights: (A,) how much each counts.
        known: (A,) how well each is represented already (`covered`).
        count: how many to choose, or all there are.
    """
    similarity = kernel(candidates, anchors)
    best = known.copy()
    gains = np.maximum(similarity - best, 0) @ weights
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        place = _settle(gains, similarity, best, weights)
        chosen.append(place)
        np.maximum(best, similarity[place], out=best)
        gains[place] = -np.inf
    return np.array(chosen, np.int64)


def _settle(gains: Floats, similarity: Floats, best: Floats, weights: Floats) -> int:
    """Return the place of the greatest gain; gains only ever shrink, so only the leading ones are taken anew."""
    while True:
        leading = np.argpartition(-gains, min(16, len(gains) - 1))[:16]
        leading = leading[gains[leading] > -np.inf]
        gains[leading] = np.maximum(similarity[leading] - best, 0) @ weights
        place = int(leading[np.argmax(gains[leading])])
        if gains[place] >= gains.max():  # many may be worth the same: nothing, where all is covered
            return place
