"""The matrices of Winograd's algorithms: several outputs of a filter of three numbers by few multiplications.

F(m, r), for m outputs of a filter of r numbers, is built as Toom and Cook multiply polynomials: both factors are
evaluated at m + r − 2 points and at infinity, and the products are interpolated. An algorithm computes
Aᵀ[(G g) ⊙ (Bᵀ d)] of inputs d and a filter g (Lavin & Gray 2015, 1509.09308, section 4); in two dimensions each matrix
is applied to rows and to columns.

Where a filter moves two steps at a time, its outer numbers meet odd inputs only, for which F(m, 2) does, and its inner
one even inputs only: 2m + 1 multiplications for m outputs, instead of 3m.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

Matrix = tuple[tuple[float, ...], ...]
Exact = list[list[Fraction]]

POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
"""Small numbers, and with each its opposite, whose sums are shared."""


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


def toom_cook(outputs: int, taps: int) -> tuple[Exact, Exact, Exact]:
    """Return `AT`, `BT` and `G` of F(outputs, taps)."""
    points = POINTS[: outputs + taps - 2]
    rests = [[other for other in points if other != point] for point in points]
    scales = [prod((p - other for other in rest), start=Fraction(1)) for p, rest in zip(points, rests, strict=True)]
    at = [[*(point**power for point in points), Fraction(power == outputs - 1)] for power in range(outputs)]
    bt = [[*_with_roots(rest), Fraction(0)] for rest in rests] + [_with_roots(points)]
    g = [[point**power / scale for power in range(taps)] for point, scale in zip(points, scales, strict=True)]
    g.append([Fraction(power == taps - 1) for power in range(taps)])
    return at, bt, g


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of all x − root, that of the lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(root * number for number in coefficients), Fraction(0)]
        coefficients = [one - other for one, other in zip(shifted, scaled, strict=True)]
    return coefficients


def _plain(outputs: int) -> tuple[Exact, Exact, Exact, int, int]:
    """Outputs y[i] = Σ g[k] d[i + k − 1]."""
    return *toom_cook(outputs, 3), outputs, 1


def _halving(outputs: int) -> tuple[Exact, Exact, Exact, int, int]:
    """Outputs y[i] = Σ g[k] d[2i + k − 1]: F(m, 2) of d[−1], d[1], … plus the inner number times d[0], d[2], …"""
    at, bt, g = toom_cook(outputs, 2)
    at = [row + unit for row, unit in zip(at, _units(outputs), strict=True)]
    odd = [[number for entry in row for number in (entry, Fraction(0))][:-1] for row in bt]
    even = [[number for entry in row for number in (Fraction(0), entry)] + [Fraction(0)] for row in _units(outputs)]
    return at, odd + even, _filters(g, outputs), 2 * outputs, 1


def _doubling(outputs: int) -> tuple[Exact, Exact, Exact, int, int]:
    """Outputs y[2i] = g[1] d[i], and y[2i + 1] = g[0] d[i] + g[2] d[i + 1] by F(m, 2)."""
    at, bt, g = toom_cook(outputs, 2)
    nothing = [Fraction(0)] * (outputs + 1)
    pairs = [([*nothing, *unit], row + [Fraction(0)] * outputs) for row, unit in zip(at, _units(outputs), strict=True)]
    bt += [[*unit, Fraction(0)] for unit in _units(outputs)]
    return [row for pair in pairs for row in pair], bt, _filters(g, outputs), outputs, 0


def _units(size: int) -> Exact:
    return [[Fraction(row == column) for column in range(size)] for row in range(size)]


def _filters(outer: Exact, outputs: int) -> Exact:
    """Return what makes of a filter the numbers of its outer two, by the matrix given, and then the inner one."""
    return [[first, Fraction(0), last] for first, last in outer] + [[Fraction(0), Fraction(1), Fraction(0)]] * outputs


def _algorithms(build: Callable[[int], tuple[Exact, Exact, Exact, int, int]]) -> tuple[Algorithm, ...]:
    """Return the algorithms for 3 to 6 outputs: from the first that saves products to all that the points allow."""
    found = []
    for *matrices, step, lead in map(build, range(3, 7)):
        at, bt, g = (tuple(tuple(map(float, row)) for row in matrix) for matrix in matrices)
        found.append(Algorithm(at, bt, g, step, lead))
    return tuple(found)


PLAIN = _algorithms(_plain)
"""Of filters that move one step at a time, with a margin of one zero."""
HALVING = _algorithms(_halving)
"""Of filters that move two steps at a time, with a margin of one zero."""
DOUBLING = _algorithms(_doubling)
"""Of filters that move half a step at a time, as gradients go back through `HALVING`, to twice as many outputs."""
ALGORITHMS = (*PLAIN, *HALVING, *DOUBLING)
