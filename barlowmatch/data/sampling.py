"""Which images a step sees: a pure function of (seed, step), so that no position needs to be saved; and samples."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from barlowmatch.arrays import Rows
from barlowmatch.machine.distributed import own_part
from barlowmatch.randomness import permutation


def sample(rows: Rows, most: int, seed: int) -> Rows:
    """Return `rows`, or where they are more than `most` so many of them, drawn at random, in ascending order."""
    if len(rows) <= most:
        return rows
    chosen: Rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return chosen


@dataclass(frozen=True, eq=False)
class Stream:
    """An endless shuffled stream over `rows`: pass after pass, each in a new order, cut into batches.

    Batches run over the end of a pass, so each has the same size, and `rows` may be fewer than a batch. A sample is
    known by its position in the stream, which no two samples share: its random choices derive from that.

    Attributes:
        rows: dataset rows to draw from (N,).
        batch_size: images in a batch, over all processes.
        seed: of the order.
    """

    rows: Rows
    batch_size: int
    seed: int

    @property
    def steps_per_pass(self) -> int:
        """Steps that come closest to one pass over the rows; at least one."""
        return max(1, round(len(self.rows) / self.batch_size))

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of the batch of `step`: dataset rows and positions in the stream (B,)."""
        positions = step * self.batch_size + np.arange(self.batch_size)[own_part(self.batch_size)]
        passes, places = np.divmod(positions, len(self.rows))
        chosen = np.empty(len(positions), np.int64)
        for number in np.unique(passes):
            here = passes == number
            chosen[here] = self.rows[self._order(int(number))[places[here]]]
        return torch.from_numpy(chosen), torch.from_numpy(positions)

    @cached_property
    def _order(self) -> Callable[[int], Rows]:
        """The order of a pass by its number. The latest are kept: to shuffle millions takes longer than a step."""
        return lru_cache(maxsize=2)(lambda number: permutation(self.seed, number, len(self.rows)).numpy())
