"""D² sampling (k-means++, Arthur and Vassilvitskii 2007) by rejection from stale distances.

A point is drawn with probability proportional to its squared distance to the nearest chosen one. Distances only ever
shrink, so a draw by stale distances that is accepted with probability (now / then) has exactly that law; the whole
point set is brought up to date only once a block.
"""

import numpy as np
import torch
from torch import Tensor

from barlowmatch.selection.distances import Report, no_report
from barlowmatch.selection.spaces import Space

SMALLEST_BLOCK, LARGEST_BLOCK = 16, 1024


def d2_sample(
    space: Space, minima: Tensor, count: int, random: np.random.Generator, report: Report = no_report
) -> tuple[Tensor, Tensor]:
    """Draw different points one after another, each with probability proportional to its squared distance.

    Args:
        space: the points.
        minima: squared distance (N,) of each to the nearest point chosen before, 0 of those; is changed.
        count: how many, at most N minus those chosen before.
        random: where chance comes from.
        report: is told how many were drawn since.

    Returns:
        Places and the squared distance of each at the moment of its choice. When all distances are zero fewer than
        `count` are returned: the rest are copies of chosen points.
    """
    places, values = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=minima.dtype)]
    done, size = 0, 4 * SMALLEST_BLOCK
    while done < count:
        weights = minima.double().numpy()
        edges = np.cumsum(weights)
        if not edges[-1] > 1e-12 * len(weights):
            break
        drawn = np.searchsorted(edges, random.random(size) * edges[-1], side="right").clip(max=len(weights) - 1)
        chosen, distances = _accept(space, minima, torch.from_numpy(drawn), random.random(size), count - done)
        space.lower(minima, chosen)
        minima[chosen] = 0
        places.append(chosen)
        values.append(distances)
        done += len(chosen)
        report(len(chosen))
        if len(chosen) > size // 2:
            size = min(2 * size, LARGEST_BLOCK)
        elif len(chosen) < size // 8:
            size = max(size // 2, SMALLEST_BLOCK)
    return torch.cat(places), torch.cat(values)


def _accept(
    space: Space, minima: Tensor, drawn: Tensor, dice: "np.ndarray[tuple[int], np.dtype[np.float64]]", limit: int
) -> tuple[Tensor, Tensor]:
    """Accept draws in turn with probability now/then; the first always is."""
    among = space.among(drawn).numpy()
    thresholds = dice * minima[drawn].double().numpy()
    now, same = minima[drawn].numpy(), drawn.numpy()
    chosen: list[int] = []
    values: list[float] = []
    for place, threshold in enumerate(thresholds.tolist()):
        if threshold < now[place]:
            chosen.append(place)
            values.append(float(now[place]))
            np.minimum(now, among[place], out=now)
            now[same == same[place]] = 0
            if len(chosen) == limit:
                break
    return drawn[torch.tensor(chosen)], torch.tensor(values, dtype=minima.dtype)
