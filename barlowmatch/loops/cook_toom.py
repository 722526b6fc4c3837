"""The matrices of Winograd's algorithms F(m, 3): m outputs of a filter of three numbers by m + 2 multiplications.

They are built as Toom and Cook multiply polynomials: both factors are evaluated at m + 1 points and at infinity, and
the products are interpolated. An algorithm computes Aᵀ[(G g) ⊙ (Bᵀ d)] of m + 2 inputs d and a filter g (Lavin & Gray
2015, 1509.09308, section 4); in two dimensions each matrix is applied to rows and to columns.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

Matrix = tuple[tuple[float, ...], ...]

TAPS = 3
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
"""Small numbers, and with each its opposite, whose sums are shared."""


class Algorithm(NamedTuple):
    """Matrices, one row after the other: `AT` (m, m + 2) of outputs, `BT` (m + 2, m + 2) of inputs, `G` (m + 2, 3)."""

    AT: Matrix
    BT: Matrix
    G: Matrix


def algorithm(outputs: int) -> Algorithm:
    """Return the algorithm for so many outputs, 6 at most."""
    points = POINTS[: outputs + TAPS - 2]
    others = [[other for other in points if other != point] for point in points]
    scales = [
        prod((point - other for other in rest), start=Fraction(1)) for point, rest in zip(points, others, strict=True)
    ]
    at = [[*(point**power for point in points), Fraction(power == outputs - 1)] for power in range(outputs)]
    bt = [[*_with_roots(rest), Fraction(0)] for rest in others] + [_with_roots(points)]
    g = [[point**power / scale for power in range(TAPS)] for point, scale in zip(points, scales, strict=True)]
    g.append([Fraction(power == TAPS - 1) for power in range(TAPS)])
    return Algorithm(*(tuple(tuple(map(float, row)) for row in matrix) for matrix in (at, bt, g)))


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of all x − root, that of the lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(root * number for number in coefficients), Fraction(0)]
        coefficients = [one - other for one, other in zip(shifted, scaled, strict=True)]
    return coefficients


ALGORITHMS = {outputs: algorithm(outputs) for outputs in (3, 4, 5, 6)}
"""By the side of a tile's outputs: from the smallest that saves products to all that the points allow."""
