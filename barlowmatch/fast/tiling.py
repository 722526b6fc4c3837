"""How the outputs of a map are cut into the tiles of Winograd's algorithms; `winograd` convolves them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from barlowmatch.fast.loops.toom_cook import Algorithm

Array = npt.NDArray[np.float32]

CHUNK = 2**14
"""Tiles times channels that a thread handles at once, at least: few enough for a cache, many enough for products."""


class Tiling(NamedTuple):
    """How the outputs of a map are cut into tiles: by which algorithm, and how many in each direction."""

    algorithm: Algorithm
    down: int
    across: int

    @property
    def transform(self) -> Tensor:
        """`G`, which makes of three numbers of a filter as many as a tile's inputs are transformed to."""
        return torch.tensor(self.algorithm.G)

    @property
    def numbers(self) -> int:
        """How many numbers a tile is once transformed."""
        return self.algorithm.numbers**2

    @property
    def ones(self) -> int:
        """Which of a tile's transformed numbers adds one to each output, where none is doubled: that of the point 1."""
        return self.algorithm.numbers + 1

    @property
    def products(self) -> int:
        """How many multiplications a map takes, for each pair of channels."""
        return self.numbers * self.down * self.across

    def first_output(self, row: int, maps: Array) -> int:
        """Return how many numbers of maps (N, H, W, D) come before a row of tiles; their outputs follow each other."""
        image, top = divmod(row, self.down)
        pixel_rows = image * maps.shape[1] + top * self.algorithm.outputs
        return int(pixel_rows * maps.shape[2] * maps.shape[3])

    def chunks(self, first: int, last: int, most: int, channels: int) -> list[tuple[int, int]]:
        """Cut rows of tiles into pieces that a thread handles at once, of at most so many rows.

        Each piece reads all filters anew, which takes the longer, the more channels there are.
        """
        step = max(1, min(most, max(CHUNK // channels, channels // 2) // self.across))
        return [(start, min(start + step, last)) for start in range(first, last, step)]


def fewest_products(algorithms: Sequence[Algorithm], height: int, width: int) -> Tiling:
    """Return the tiles of outputs that take the fewest products; of those that take as many the smaller ones."""
    tilings = [Tiling(one, -(-height // one.outputs), -(-width // one.outputs)) for one in algorithms]
    return min(tilings, key=lambda tiling: tiling.products)
