"""Unit-norm embeddings, in memory where they fit and read from the disk in blocks where they do not."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from barlowmatch.arrays import Rows
from barlowmatch.embeddings.shards import Shards
from barlowmatch.errors import InputError

BLOCK_ROWS = 2048
"""Of so many vectors the products with some hundred centres fit the processor's cache."""
EXACT_NUMBERS = 2**22
"""Up to so many numbers everything is computed in float64: it costs milliseconds, and near ties come out right."""
DEFAULT_MEMORY = 6 * 2**30


class Vectors:
    """Vectors (N, D) of unit norm, float64 when few and float32 when many; zero vectors stay zero.

    Attributes:
        squares: squared norms (N,): 1, or 0 of a zero vector.
        dtype: of all numbers computed from them.
    """

    def __init__(self, source: Shards, rows: Rows, scales: Tensor, resident: Tensor | None) -> None:
        self._source, self._rows, self._scales, self._resident = source, rows, scales, resident
        self.dtype = scales.dtype
        self.squares = (scales > 0).to(self.dtype)
        self.dimension = source.shape[1]

    @classmethod
    def read(cls, source: Shards, rows: Rows, files: Sequence[str], memory: int = DEFAULT_MEMORY) -> Self:
        """Normalise some rows of raw embeddings, and keep them in memory if they take no more than `memory` bytes.

        Args:
            source: raw embeddings.
            rows: which of them, in the order wanted.
            files: name of each, for errors.
            memory: bytes the normalised vectors may occupy; above, blocks are read and normalised as they are used.

        Raises:
            InputError: an embedding holds NaN or infinity; the line names the file.
        """
        count, dimension = len(rows), source.shape[1]
        dtype = torch.float64 if count * dimension <= EXACT_NUMBERS else torch.float32
        resident = torch.empty(count, dimension, dtype=dtype) if count * dimension * dtype.itemsize <= memory else None
        scales = torch.empty(count, dtype=dtype)
        for start in range(0, count, BLOCK_ROWS):
            part = slice(start, min(start + BLOCK_ROWS, count))
            block = torch.from_numpy(source.take(rows[part])).to(dtype)
            norms = torch.linalg.vector_norm(block, dim=1)
            wrong = torch.nonzero(~torch.isfinite(norms))
            if len(wrong):
                raise InputError(f"{files[start + int(wrong[0])]}: its embedding holds NaN or infinity; embed it again")
            scales[part] = torch.where(norms > 0, 1 / norms, 0)
            if resident is not None:
                resident[part] = block * scales[part, None]
        return cls(source, rows, scales, resident)

    def __len__(self) -> int:
        return len(self._rows)

    def part(self, start: int, stop: int) -> "Vectors":
        """Return a view of consecutive vectors."""
        resident = None if self._resident is None else self._resident[start:stop]
        return Vectors(self._source, self._rows[start:stop], self._scales[start:stop], resident)

    def only(self, places: Rows | Tensor) -> "Vectors":
        """Return some vectors; they are copied only where all are in memory."""
        chosen = torch.as_tensor(places)
        resident = None if self._resident is None else self._resident[chosen]
        return Vectors(self._source, self._rows[chosen.numpy()], self._scales[chosen], resident)

    def take(self, places: Rows | Tensor) -> Tensor:
        """Return some vectors (n, D)."""
        chosen = torch.as_tensor(places)
        if self._resident is not None:
            return self._resident[chosen]
        raw = torch.from_numpy(self._source.take(self._rows[chosen.numpy()]))
        return raw.to(self.dtype) * self._scales[chosen, None]

    def whole(self) -> Tensor:
        """Return all vectors (N, D); not a copy where they are in memory, so they are not to be changed."""
        return self._resident if self._resident is not None else self.take(np.arange(len(self)))

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield (place, vectors) in blocks."""
        for start in range(0, len(self), BLOCK_ROWS):
            part = slice(start, min(start + BLOCK_ROWS, len(self)))
            if self._resident is not None:
                yield part, self._resident[part]
            else:
                yield part, self.take(np.arange(part.start, part.stop))
