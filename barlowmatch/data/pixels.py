"""Decode every image once into one uint8 array on disk."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.images import Header, Unreadable, read_header, read_image
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.files import whole_file


@dataclass(frozen=True)
class Pixels:
    """All images of a dataset as squares.

    Attributes:
        array: (N, 3, size, size) uint8, row i is dataset row i; unreadable rows are black.
        readable: (N,) which rows hold a picture.
        reasons: why a row does not.
        sha256: content of each file, "" where it could not be read at all.
        size: side in pixels.
        fit: how pictures became square: `pad`, `crop` or `squash`.
    """

    array: "np.memmap[tuple[int, ...], np.dtype[np.uint8]]"
    readable: npt.NDArray[np.bool_]
    reasons: dict[int, str]
    sha256: tuple[str, ...]
    size: int
    fit: str


def sample_headers(dataset: Dataset, count: int = 512) -> list[Header]:
    """Return the headers of a seeded sample of the readable images."""
    rows = np.random.default_rng(0).permutation(len(dataset))[:count]
    headers = []
    for row in rows:
        try:
            headers.append(read_header(dataset.path(int(row))))
        except Unreadable:
            continue
    return headers


def choose_size(dataset: Dataset, emit: Emit = silent) -> int:
    """Return the side images are brought to where nobody names one."""
    headers = sample_headers(dataset)
    if not headers:
        raise InputError(f"{dataset.root}: none of its images can be read")
    sides = Counter((header.width, header.height) for header in headers)
    largest = max(max(side) for side in sides)
    if len(sides) == 1 and largest <= 224:
        size = max(16, largest)
    else:
        median = float(np.median([min(side) for side in sides.elements()]))
        size = max((side for side in (32, 64, 96, 128, 224) if side <= median), default=32)
    emit(Said(message=f"images are brought to {size}×{size} px; --image-size names another side"))
    return size


def load_pixels(
    dataset: Dataset, options: ImageOptions, emit: Emit = silent, *, size: int | None = None, fit: str | None = None
) -> Pixels:
    """Return the pixels of a dataset."""
    size = size or options.image_size or choose_size(dataset, emit)
    fit = fit or (options.fit if options.fit != "auto" else "pad")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barlowmatch"
    target = (options.cache_folder or base) / f"{dataset.fingerprint[:16]}-{size}.npy"
    readable = np.ones(len(dataset), dtype=bool)
    reasons: dict[int, str] = {}
    hashes = []
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as partial:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(dataset), 3, size, size))
        for row in range(len(dataset)):
            content = dataset.path(row).read_bytes()
            hashes.append(hashlib.sha256(content).hexdigest())
            try:
                image = read_image(content).resize((size, size), Image.Resampling.BICUBIC)
                array[row] = np.asarray(image).transpose(2, 0, 1)
            except Unreadable as error:
                reasons[row] = str(error)
                readable[row] = False
        array.flush()
    mapped = np.lib.format.open_memmap(target, mode="r")
    return Pixels(mapped, readable, reasons, tuple(hashes), size, fit)
