"""The matrices of Winograd's algorithms: several outputs of a filter of three numbers by few multiplications.

F(m, r), for m outputs of a filter of r numbers, is built as Toom and Cook multiply polynomials: both factors are
evaluated at m + r − 2 points and at infinity, and the products are interpolated. An algorithm computes
Aᵀ[(G g) ⊙ (Bᵀ d)] of inputs d and a filter g (Lavin & Gray 2015, 1509.09308, section 4); in two dimensions each matrix
is applied to rows and to columns.

Where a filter moves two steps at a time, its outer numbers meet odd inputs only, for which F(m, 2) does, and its inner
one even inputs only: 2m + 1 multiplications for m outputs, instead of 3m.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial.polynomial import polyfromroots

Matrix = tuple[tuple[float, ...], ...]
Array = npt.NDArray[np.float64]

POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)
"""Small numbers, exact in binary, and with each its opposite, whose sums are shared."""


class Algorithm(NamedTuple):
    """How a tile of outputs is computed, in each direction.

    Attributes:
        AT: (outputs, numbers).
        BT: (numbers, inputs).
        G: (numbers, 3).
        step: inputs from one tile's first to the next one's.
        lead: inputs of the first tile that lie before the map.
    """

    AT: Matrix
    BT: Matrix
    G: Matrix
    step: int
    lead: int

    @property
    def outputs(self) -> int:
        """Outputs of a tile."""
        return len(self.AT)

    @property
    def numbers(self) -> int:
        """Multiplications, and what a tile's inputs are transformed to."""
        return len(self.BT)

    @property
    def inputs(self) -> int:
        """Inputs of a tile, some of which its neighbours share."""
        return len(self.BT[0])


def toom_cook(outputs: int, taps: int) -> tuple[Array, Array, Array]:
    """Return `AT`, `BT` and `G` of F(outputs, taps)."""
    points = np.array(POINTS[: outputs + taps - 2])
    others = [np.delete(points, place) for place in range(len(points))]
    at = np.column_stack([np.vander(points, outputs, increasing=True).T, np.eye(outputs)[-1]])
    bt = np.array([*(np.append(polyfromroots(rest), 0) for rest in others), polyfromroots(points)])
    scales = [np.prod(point - rest) for point, rest in zip(points, others, strict=True)]
    g = np.vstack([np.vander(points, taps, increasing=True) / np.array(scales)[:, None], np.eye(taps)[-1]])
    return at, bt, g


def _plain(outputs: int) -> Algorithm:
    """Outputs y[i] = Σ g[k] d[i + k − 1]."""
    return _algorithm(*toom_cook(outputs, 3), step=outputs, lead=1)


def _halving(outputs: int) -> Algorithm:
    """Outputs y[i] = Σ g[k] d[2i + k − 1]: F(m, 2) of every second input, plus the inner number times those between."""
    at, bt, g = toom_cook(outputs, 2)
    both = np.zeros((2 * outputs + 1, 2 * outputs + 1))
    both[: outputs + 1, 0::2], both[outputs + 1 :, 1::2] = bt, np.eye(outputs)
    return _algorithm(np.hstack([at, np.eye(outputs)]), both, _outer_and_inner(g), step=2 * outputs, lead=1)


def _doubling(outputs: int) -> Algorithm:
    """Outputs y[2i] = g[1] d[i], and y[2i + 1] = g[0] d[i] + g[2] d[i + 1] by F(m, 2)."""
    at, bt, g = toom_cook(outputs, 2)
    both = np.zeros((2 * outputs, 2 * outputs + 1))
    both[0::2, outputs + 1 :], both[1::2, : outputs + 1] = np.eye(outputs), at
    return _algorithm(both, np.vstack([bt, np.eye(outputs + 1)[:-1]]), _outer_and_inner(g), step=outputs, lead=0)


def _outer_and_inner(outer: Array) -> Array:
    """Return what makes of a filter the numbers of its outer two, by the matrix given, and then the inner one."""
    both = np.zeros((2 * len(outer) - 1, 3))
    both[: len(outer), [0, 2]], both[len(outer) :, 1] = outer, 1
    return both


def _algorithm(at: Array, bt: Array, g: Array, step: int, lead: int) -> Algorithm:
    return Algorithm(_matrix(at), _matrix(bt), _matrix(g), step, lead)


def _matrix(array: Array) -> Matrix:
    return tuple(map(tuple, array.tolist()))


SIDES = range(3, 7)
"""From the first that saves products to all that the points allow."""
PLAIN = tuple(map(_plain, SIDES))
"""Of filters that move one step at a time, with a margin of one zero."""
HALVING = tuple(map(_halving, SIDES))
"""Of filters that move two steps at a time, with a margin of one zero."""
DOUBLING = tuple(map(_doubling, SIDES))
"""Of filters that move half a step at a time, as gradients go back through `HALVING`, to twice as many outputs."""
ALGORITHMS = (*PLAIN, *HALVING, *DOUBLING)
