"""Farthest-first traversal (Gonzalez 1985), exact, in lazy blocks.

The plain algorithm passes over all points for each pick and is bounded by memory bandwidth. Distances only ever
shrink, so the value a point had at the last pass bounds its value now: among the M points with the largest stale
values the greedy picks are exact while the best of them exceeds the largest stale value outside. Then one matrix
product brings all points up to date for all picks of the block at once.
"""

import torch
from torch import Tensor

from barlowmatch.selection.distances import Report, largest, no_report, rounded
from barlowmatch.selection.spaces import Space

SMALLEST_BLOCK, LARGEST_BLOCK = 32, 2048


def farthest_first(space: Space, minima: Tensor, count: int, report: Report = no_report) -> tuple[Tensor, Tensor]:
    """Choose points one after another, each the farthest from all chosen ones and those before.

    Args:
        space: the points.
        minima: squared distance (N,) of each to the nearest point chosen before; is changed.
        count: how many, at most N.
        report: is told how many were chosen since.

    Returns:
        Places (count,) and the squared distance of each at the moment of its choice. Ties go to the lower place.
    """
    places, values = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=minima.dtype)]
    done, size = 0, 4 * SMALLEST_BLOCK
    while done < count:
        candidates, bound = largest(minima, size)
        candidates = candidates.sort().values
        chosen, distances = _greedy(space.among(candidates), minima[candidates], bound, count - done)
        picked = candidates[chosen]
        space.lower(minima, picked)
        minima[picked] = -1
        places.append(picked)
        values.append(distances)
        done += len(picked)
        report(len(picked))
        if len(picked) > size // 2:
            size = min(2 * size, LARGEST_BLOCK)
        elif len(picked) < size // 8:
            size = max(size // 2, SMALLEST_BLOCK)
    return torch.cat(places), torch.cat(values)


def _greedy(among: Tensor, minima: Tensor, bound: float, limit: int) -> tuple[Tensor, Tensor]:
    """Pick greedily among candidates, in the order of their places, while the best provably beats every point outside.

    Where all distances are zero (copies of chosen points) the order of places decides alone, and all are taken.
    """
    current = minima.clone()
    only_copies = float(rounded(minima).amax()) <= 0
    chosen: list[int] = []
    values: list[Tensor] = []
    while len(chosen) < min(limit, len(minima)):
        comparable = rounded(current)
        best = int(comparable.argmax())
        if chosen and comparable[best] <= bound and not only_copies:
            break
        chosen.append(best)
        values.append(current[best].clone())
        torch.minimum(current, among[best], out=current)
        current[best] = -torch.inf
    return torch.tensor(chosen), torch.stack(values).clamp_min(0)
