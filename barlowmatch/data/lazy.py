"""Images that are decoded when a batch asks for them: from JPEG files in one blob, or from the dataset's own files."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from barlowmatch.arrays import Rows
from barlowmatch.data.images import Range, Unreadable, read_image
from barlowmatch.data.squares import to_square
from barlowmatch.data.workers import cores
from barlowmatch.errors import InputError

Bytes = npt.NDArray[np.uint8]


class LazyImages(ABC):
    """Images (N, 3, size, size) uint8 behind the indexing by rows that an array has.

    Attributes:
        shape: as an array of them would have it.
        nbytes: bytes such an array would take.
    """

    def __init__(self, count: int, size: int) -> None:
        self.shape = (count, 3, size, size)
        self.nbytes = count * 3 * size * size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> Bytes:
        """Return the images of `rows` (B,), decoded by as many threads as there are cores."""
        result = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, square in enumerate(self._threads.map(self.decode, rows.tolist())):
            result[place] = square
        return result

    @abstractmethod
    def decode(self, row: int) -> Bytes:
        """Return the image (3, size, size) of one row."""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(cores(), thread_name_prefix="decode")


class JpegImages(LazyImages):
    """JPEG files, one after the other in a blob.

    Args:
        blob: the file.
        places: where each row's JPEG begins and how long it is (N, 2); length 0 is a black image.
        size: side in px.
    """

    def __init__(self, blob: Path, places: npt.NDArray[np.int64], size: int) -> None:
        super().__init__(len(places), size)
        self._places = places
        self._blob = np.memmap(blob, np.uint8, "r") if blob.stat().st_size else np.zeros(0, np.uint8)

    def decode(self, row: int) -> Bytes:
        """Return the image of one row."""
        start, length = self._places[row].tolist()
        if length == 0:
            return np.zeros(self.shape[1:], np.uint8)
        with Image.open(BytesIO(self._blob[start : start + length].tobytes()), formats=("JPEG",)) as image:
            return np.asarray(image).transpose(2, 0, 1)


class FileImages(LazyImages):
    """The dataset's own files, decoded as the cache would have done it.

    Args:
        files: paths, row by row.
        size: side in px.
        fit: how they become square.
        sixteen_bit_range: of deep grey pictures.
    """

    def __init__(self, files: Sequence[str], size: int, fit: str, sixteen_bit_range: Range | None) -> None:
        super().__init__(len(files), size)
        self._files = files
        self._fit = fit
        self._range = sixteen_bit_range

    def decode(self, row: int) -> Bytes:
        """Return the image of one row.

        Raises:
            InputError: the file was damaged or removed since it was checked.
        """
        size = self.shape[2]
        content = Path(os.fspath(self._files[row]))
        try:
            image = read_image(content, sixteen_bit_range=self._range, at_least=size)
        except Unreadable as error:
            raise InputError(
                f"{content}: {error}, and was readable at the start; put it back, or keep copies by --cache jpeg"
            ) from error
        return to_square(image, size, self._fit)
