"""What the strategies that represent the pool by few images share: anchors, candidates, and what to do at the end."""

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.progress import Rate
from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, say
from barlowmatch.selection.configs import CoverageConfig
from barlowmatch.selection.covering import Coverage, Kernel, cover_greedily
from barlowmatch.selection.distances import lower_to
from barlowmatch.selection.farthest_first import farthest_first
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.spaces import Euclidean


def draw_places(size: int, limit: int, random: np.random.Generator) -> Tensor:
    """Return all places below `size`, or a sorted random part of `limit` of them where there are more."""
    if size <= limit:
        return torch.arange(size)
    return torch.from_numpy(np.sort(random.choice(size, limit, replace=False)))


def represent(
    pool: Pool,
    config: CoverageConfig,
    anchors: Tensor,
    weights: Tensor,
    kernel: Kernel,
    budget: int,
    random: np.random.Generator,
    emit: Emit,
    reason: str,
) -> Picks:
    """Choose the images that represent the anchors best beside the labeled ones; when all is covered, the farthest.

    Args:
        pool: what to choose from.
        config: how many candidates are looked at.
        anchors: places in `pool.unlabeled`. Labeled images need none: they represent themselves.
        weights: importance of each anchor; any scale.
        kernel: the similarity.
        budget: how many images.
        random: where chance comes from.
        emit: hears of progress.
        reason: in words, with `{gain}` for the share of the anchors' weight that a pick adds.
    """
    points = pool.unlabeled.take(anchors)
    coverage = Coverage(points, weights / weights.sum(), kernel)
    coverage.add(pool.spoken_for)
    candidates = draw_places(len(pool), max(config.candidates, 4 * budget), random)
    if len(candidates) < len(pool):
        say(emit, f"choosing among {len(candidates)} of {len(pool)} images, averaged over {len(anchors)}; both random")
    rate = Rate("represent the pool", budget, emit)
    bounds = coverage.gains_of_anchors(points, rate.step) if torch.equal(anchors, candidates) else None
    places, gains = cover_greedily(coverage, pool.unlabeled, candidates, budget, rate.step, bounds)
    reasons = [reason.format(gain=f"{gain:.2%}") for gain in gains.tolist()]
    return fill_up(pool, Picks(places, gains, reasons), budget, emit)


def fill_up(pool: Pool, picks: Picks, budget: int, emit: Emit) -> Picks:
    """Return picks with the images farthest from all labeled and chosen ones added until there are `budget`.

    Their scores are minus the number of the pick, below all others.
    """
    chosen = torch.as_tensor(picks.places, dtype=torch.int64)
    missing = budget - len(chosen)
    if missing == 0:
        return picks
    say(emit, f"nothing more to gain after {len(chosen)} images; the other {missing} are the farthest from them")
    minima = torch.full((len(pool),), 4.0, dtype=pool.unlabeled.dtype)
    for centres in (pool.spoken_for.whole(), pool.unlabeled.take(chosen)):
        if len(centres):
            lower_to(minima, pool.unlabeled, centres)
    minima[chosen] = -1
    places, squares = farthest_first(Euclidean(pool.unlabeled), minima, missing)
    scores = torch.cat([torch.as_tensor(picks.scores).double(), -torch.arange(1, missing + 1, dtype=torch.float64)])
    reasons = [f"{distance:.3f} from the nearest labeled or chosen image" for distance in squares.sqrt().tolist()]
    return Picks(torch.cat([chosen, places]), scores, [*picks.reasons, *reasons])


def uniform(count: int, dtype: torch.dtype) -> Tensor:
    """Return equal weights (count,)."""
    return torch.ones(count, dtype=dtype)


def gaussian(sigma: float) -> Kernel:
    """Return exp(−d² / 2σ²)."""
    return Kernel(1 / sigma**2, torch.exp_)


def ball(radius: float) -> Kernel:
    """Return 1 inside a ball and 0 outside."""
    return Kernel(1.0, lambda values: values.ge_(-(radius**2) / 2))
