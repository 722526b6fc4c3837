"""JPEG files as the content of a cache entry, for datasets whose pixels do not fit the disk; or no content at all.

`images.bin` holds them one after the other, `places.npy` (N, 2) where each begins and how long it is. While it is
built, `journal` has a record of each row that is there.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Rows
from barlowmatch.data.entries import Content, append
from barlowmatch.data.recipe import Recipe

BLOB, PLACES = "images.bin", "places.npy"
_JOURNAL = "journal"
_RECORD = np.dtype([("row", "<i8"), ("offset", "<i8"), ("length", "<i8")])


class JpegBlob(Content):
    """A blob that only grows.

    Args:
        folder: where it is built.
        count: rows.
    """

    task = "compress"
    records = (_JOURNAL,)

    def __init__(self, folder: Path, _recipe: Recipe, count: int) -> None:
        self._folder = folder
        self.setup: Mapping[str, Any] = {}
        self.done = np.zeros(count, bool)
        self._places = np.zeros((count, 2), np.int64)
        self._fresh: list[tuple[int, int, int]] = []
        self._end = self._take_up()
        self._blob = (folder / BLOB).open("ab")

    def _take_up(self) -> int:
        """Read what an earlier attempt made durable, cut off the rest, and return where the blob ends."""
        known = _records(self._folder / _JOURNAL)
        self._places[known["row"], 0], self._places[known["row"], 1] = known["offset"], known["length"]
        self.done[known["row"]] = True
        end = int((known["offset"] + known["length"]).max(initial=0))
        for name, length in ((BLOB, end), (_JOURNAL, len(known) * _RECORD.itemsize)):
            with (self._folder / name).open("ab") as file:
                file.truncate(length)
        return end

    def add(self, row: int, answer: Mapping[str, Any]) -> None:
        """Append a row's JPEG."""
        self._append(row, base64.b64decode(answer.get("jpeg", "")))

    def copy(self, other: Path, rows: Rows, places: Rows) -> None:
        """Append JPEGs from another blob."""
        try:
            blob = (other / BLOB).open("rb")
            held = np.load(other / PLACES, mmap_mode="r")[places]
        except (OSError, ValueError):
            return
        with blob:
            for row, (offset, length) in zip(rows.tolist(), held.tolist(), strict=True):
                blob.seek(offset)
                content = blob.read(length)
                if len(content) == length:
                    self._append(row, content)

    def save(self) -> None:
        """Make durable the bytes, then the records that vouch for them."""
        self._blob.flush()
        os.fsync(self._blob.fileno())
        append(self._folder / _JOURNAL, np.array(self._fresh, _RECORD).tobytes())
        self._fresh = []

    def close(self) -> None:
        """Let go of the blob."""
        self._blob.close()

    def tables(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return the places."""
        return {PLACES: self._places}

    def _append(self, row: int, content: bytes) -> None:
        self._blob.write(content)
        self._fresh.append((row, self._end, len(content)))
        self._places[row] = self._end, len(content)
        self._end += len(content)
        self.done[row] = True


class Checked(JpegBlob):
    """Nothing is kept of a row but that it can be decoded: the blob stays empty."""

    task = "check"


def _records(journal: Path) -> npt.NDArray[np.void]:
    if not journal.is_file():
        return np.zeros(0, _RECORD)
    return np.fromfile(journal, _RECORD, count=journal.stat().st_size // _RECORD.itemsize)
