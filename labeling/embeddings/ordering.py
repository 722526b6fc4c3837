"""Which images stand side by side: an order in which similar ones lie close to each other."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.guessing.linear_probe import Take

PAGE = 48
"""Images of a leaf of the order: about a page of the grid."""
_STEPS = 8
_HELD = 2**14
"""Vectors that are held in memory; of more images they are read block by block, at each step of each halving."""
_BLOCK = 2**12


def similarity_order(take: Take, groups: Labels) -> Rows:
    """Return an order of rows, group by group, in which similar rows of a group lie close to each other.

    Each group is halved along the direction in which it spreads most, again and again, until a part fits a page.

    Args:
        take: returns the vectors of some rows, (n, D), of unit length.
        groups: (N,) what belongs together.
    """
    together = np.argsort(groups, kind="stable")
    ends = np.flatnonzero(np.diff(groups[together])) + 1
    return np.concatenate([_order(take, rows) for rows in np.split(together, ends)]) if len(groups) else together


def _order(take: Take, rows: Rows) -> Rows:
    if len(rows) <= _HELD:
        return rows[_order_held(take(rows))]
    mean = sum(part.sum(0, dtype=np.float64) for part in _blocks(take, rows)) / len(rows)
    near = np.asarray(mean, np.float32)
    along = rows[np.argsort(_spread(lambda: (part - near for part in _blocks(take, rows))), kind="stable")]
    half = _half(len(rows))
    return np.concatenate([_order(take, along[:half]), _order(take, along[half:])])


def _order_held(vectors: Floats) -> Rows:
    """Return the order of vectors, (n, D), as their places."""
    along = _along(vectors)
    if len(vectors) <= PAGE:
        return along
    half = _half(len(vectors))
    return np.concatenate([part[_order_held(vectors[part])] for part in (along[:half], along[half:])])


def _along(vectors: Floats) -> Rows:
    centred = vectors - vectors.mean(0)
    return np.argsort(_spread(lambda: (centred,)), kind="stable")


def _half(count: int) -> int:
    """Return about half of a count, in whole pages."""
    return PAGE * max(1, round(count / (2 * PAGE)))


def _blocks(take: Take, rows: Rows) -> Iterator[Floats]:
    for start in range(0, len(rows), _BLOCK):
        yield take(rows[start : start + _BLOCK])


def _spread(centred: Callable[[], Iterable[Floats]]) -> Floats:
    """Return the coordinate of each vector along the direction of greatest spread (power iteration), (n,).

    Args:
        centred: returns the vectors without their mean, in parts (n_i, D).
    """
    direction = _longest(centred())
    for _ in range(_STEPS):
        direction = sum((part.T @ (part @ direction) for part in centred()), np.zeros_like(direction))
        length = float(np.linalg.norm(direction))
        if length == 0.0:  # all alike: nothing to tell them by
            break
        direction = direction / length
    return np.concatenate([part @ direction for part in centred()])


def _longest(parts: Iterable[Floats]) -> Floats:
    """Return the longest of all vectors, (D,), the first of several."""
    candidates = []
    for part in parts:
        squares = np.einsum("nd,nd->n", part, part)
        place = np.argmax(squares)
        candidates.append((squares[place], part[place].copy()))
    longest: Floats = max(candidates, key=lambda candidate: candidate[0])[1]
    return longest
