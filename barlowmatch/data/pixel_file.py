"""Decoded images as the content of a cache entry: `pixels.npy` (N, 3, size, size) uint8, written by the workers.

While it is built, `state` holds a byte for each row: 1 where it is there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Rows
from barlowmatch.data.entries import Content
from barlowmatch.data.recipe import Recipe
from barlowmatch.files import reserve, sync

PIXELS = "pixels.npy"
_STATE = "state"
_THERE = 1  # earlier versions wrote 2 for unreadable rows, which `reasons.jsonl` names


class PixelFile(Content):
    """Rows of pixels in one file of full length, its disk space taken from the start.

    Args:
        folder: where it is built.
        recipe: how pictures become pixels.
        count: rows.
    """

    task = "decode"
    records = (_STATE,)

    def __init__(self, folder: Path, recipe: Recipe, count: int) -> None:
        self._path, self._state = folder / PIXELS, folder / _STATE
        if not self._path.exists():
            aside = folder / "pixels.new"
            np.lib.format.open_memmap(aside, "w+", np.uint8, (count, 3, recipe.size, recipe.size))
            reserve(aside)
            self._state.unlink(missing_ok=True)  # it would vouch for a file that was removed from outside
            aside.replace(self._path)
        self._pixels = np.lib.format.open_memmap(self._path, "r+")
        self.setup = {"pixels": str(self._path), "offset": self._path.stat().st_size - count * recipe.row_bytes}
        self.done = np.zeros(count, bool)
        if self._state.exists():
            found = np.fromfile(self._state, np.uint8, count)
            self.done[: len(found)] = found == _THERE

    def add(self, row: int, answer: Mapping[str, Any]) -> None:
        """Take note of a row that a worker has written.

        Raises:
            OSError: it could not write it.
        """
        if "fault" in answer:
            raise OSError(0, answer["fault"])
        self.done[row] = True

    def copy(self, other: Path, rows: Rows, places: Rows) -> None:
        """Take rows from another pixel file."""
        try:
            pixels = np.lib.format.open_memmap(other / PIXELS, "r")
        except (OSError, ValueError):
            return
        self._pixels[rows] = pixels[places]
        self.done[rows] = True

    def save(self) -> None:
        """Make durable the pixels, then the bytes that vouch for them."""
        self._pixels.flush()
        sync(self._path)
        with self._state.open("r+b" if self._state.exists() else "wb") as file:
            file.write(self.done.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the file; where it is mapped, Windows renames no folder around it."""
        del self._pixels

    def tables(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return none: a row's place follows from its number."""
        return {}
