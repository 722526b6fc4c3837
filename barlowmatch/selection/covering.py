"""Greedy maximisation of how well chosen images represent all, with lazy re-evaluation (Minoux 1978).

The objective is facility location, Σ_n w_n · max_c k(z_n, z_c), over anchors n and chosen c. It is submodular: what a
candidate adds only ever shrinks, so an old value bounds the present one and most candidates need no second look.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from barlowmatch.selection.distances import Report, no_report
from barlowmatch.selection.vectors import Vectors

ROWS, ANCHOR_ROWS = 1024, 1024
"""Similarities are computed in tiles of this many candidates and anchors, which stay in the cache while worked on."""
SMALLEST_BLOCK, LARGEST_BLOCK = 32, 512
NOTHING = 1e-9
"""A gain below this share of the anchors' weight is rounding."""


@dataclass(frozen=True)
class Kernel:
    """A similarity of vectors between 0 and 1, as a function of −d²/2.

    Attributes:
        scale: what −d²/2 is multiplied by; costs nothing, as it is multiplied into the anchors.
        apply: turns scaled values into similarities, in place where it can.
    """

    scale: float
    apply: Callable[[Tensor], Tensor]


class Coverage:
    """How well each anchor is represented so far.

    Args:
        anchors: vectors (A, D) of unit norm or zero.
        weights: importance of each (A,); they sum to 1.
        kernel: the similarity.
    """

    def __init__(self, anchors: Tensor, weights: Tensor, kernel: Kernel) -> None:
        self.weights, self.kernel = weights, kernel
        self.best = torch.zeros(len(anchors), dtype=anchors.dtype)
        self._anchors = anchors * kernel.scale
        self._offsets = ((anchors * anchors).sum(1) + 1) * (-kernel.scale / 2)

    def similarities(self, points: Tensor) -> Tensor:
        """Return the similarity of points (m, D) to the anchors (m, A)."""
        zero = self._zero(points)
        return torch.cat([self._tile(points, part, zero) for part in self._parts()], dim=1)

    def gains(self, points: Tensor) -> Tensor:
        """Return what each of some points (m, D) would add (m,)."""
        total = torch.zeros(len(points), dtype=points.dtype)
        zero = self._zero(points)
        for part in self._parts():
            total += self._tile(points, part, zero).sub_(self.best[part]).clamp_(min=0) @ self.weights[part]
        return total

    def gains_of_anchors(self, points: Tensor, report: Report = no_report) -> Tensor:
        """Return what each anchor would add itself (A,), for half the products: similarity is symmetric.

        Args:
            points: the anchors' vectors (A, D).
            report: is called after each part.
        """
        total = torch.zeros(len(points), dtype=points.dtype)
        parts = self._parts()
        for place, rows in enumerate(parts):
            zero = self._zero(points[rows])
            for columns in parts[place:]:
                tile = self._tile(points[rows], columns, zero)
                if columns != rows:
                    gains = (tile - self.best[rows, None]).clamp_(min=0)
                    total[columns] += self.weights[rows] @ gains
                total[rows] += tile.sub_(self.best[columns]).clamp_(min=0) @ self.weights[columns]
            report(0)
        return total

    def add(self, vectors: Vectors) -> None:
        """Take vectors as chosen."""
        for _, block in vectors.blocks():
            zero = self._zero(block)
            for part in self._parts():
                torch.maximum(self.best[part], self._tile(block, part, zero).amax(0), out=self.best[part])

    def _parts(self) -> list[slice]:
        return [slice(start, start + ANCHOR_ROWS) for start in range(0, len(self._anchors), ANCHOR_ROWS)]

    def _tile(self, points: Tensor, part: slice, zero: Tensor) -> Tensor:
        """Return the similarity of points to some anchors; `zero` are the places of zero vectors among the points."""
        values = torch.addmm(self._offsets[part], points, self._anchors[part].T)
        if len(zero):
            values[zero] += self.kernel.scale / 2  # the offsets take every point's squared norm for 1
        return self.kernel.apply(values)

    @staticmethod
    def _zero(points: Tensor) -> Tensor:
        return torch.nonzero((points * points).sum(1) < 0.5).squeeze(1)


def cover_greedily(
    coverage: Coverage,
    vectors: Vectors,
    candidates: Tensor,
    count: int,
    report: Report = no_report,
    bounds: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Choose candidates one after another, each the one that adds most.

    Args:
        coverage: what is represented already; is changed.
        vectors: where candidates come from.
        candidates: places in `vectors` to choose among, in ascending order.
        count: how many.
        report: is told how many were chosen since, or 0 while gains are first computed.
        bounds: what each candidate adds at first, where that is known.

    Returns:
        Places and gains; fewer than `count` when nothing is left to add.
    """
    if bounds is None:
        bounds = first_gains(coverage, vectors, candidates, report)
    search = _LazySearch(coverage, vectors, candidates, bounds)
    size = SMALLEST_BLOCK
    while len(search.places) < count and not search.exhausted:
        before = len(search.places)
        search.choose_in_block(size, count - before)
        report(len(search.places) - before)
        size = max(SMALLEST_BLOCK, size // 2) if len(search.places) > before else min(LARGEST_BLOCK, 2 * size)
    return torch.tensor(search.places, dtype=torch.int64), torch.tensor(search.gains, dtype=torch.float64)


def first_gains(coverage: Coverage, vectors: Vectors, candidates: Tensor, report: Report) -> Tensor:
    """Return what each candidate adds now (m,); later ones can only be smaller."""
    gains = torch.empty(len(candidates), dtype=vectors.dtype)
    for start in range(0, len(candidates), ROWS):
        part = slice(start, start + ROWS)
        gains[part] = coverage.gains(vectors.take(candidates[part]))
        report(0)
    return gains


class _LazySearch:
    """Candidates with an upper bound of what each adds; chosen ones have the bound −∞."""

    def __init__(self, coverage: Coverage, vectors: Vectors, candidates: Tensor, bounds: Tensor) -> None:
        self.coverage, self.vectors, self.candidates, self.bounds = coverage, vectors, candidates, bounds
        self.places: list[int] = []
        self.gains: list[float] = []
        self.exhausted = False

    def choose_in_block(self, size: int, limit: int) -> None:
        """Choose among those with the largest bounds while the best adds at least what any other might."""
        top = torch.topk(self.bounds, min(size + 1, len(self.bounds)))
        block = top.indices[:size]
        outside = float(top.values[size]) if len(top.values) > size else float("-inf")
        similar = self.coverage.similarities(self.vectors.take(self.candidates[block]))
        alive = top.values[:size] > -torch.inf
        while True:
            present = (similar - self.coverage.best).clamp_(min=0) @ self.coverage.weights
            present[~alive] = -torch.inf
            self.bounds[block] = present
            best = int(present.argmax())
            gain = float(present[best])
            self.exhausted = max(gain, outside) < NOTHING
            if self.exhausted or gain < outside or limit == 0:
                return
            limit -= 1
            self.places.append(int(self.candidates[block[best]]))
            self.gains.append(gain)
            torch.maximum(self.coverage.best, similar[best], out=self.coverage.best)
            alive[best] = False
