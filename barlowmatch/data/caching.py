"""Which cache a dataset gets, and its images from it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barlowmatch.configs.shared import Cache
from barlowmatch.data.cache import SPARE_BYTES, Reasons, Recipe, build_entry, open_entry
from barlowmatch.data.contents import Digests
from barlowmatch.data.images import Unreadable, read_image
from barlowmatch.data.lazy import Bytes, LazyImages
from barlowmatch.data.small_cache import SmallKind, build_small, open_small
from barlowmatch.data.squares import to_jpeg, to_square
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said

SAMPLE = 32
"""Pictures compressed to learn how much room all of them need."""
MARGIN = 1.2

Held = tuple[Bytes | LazyImages, Reasons]
"""Images, and why a row holds none."""


@dataclass(frozen=True)
class Wanted:
    """What a cache should hold, and what building it needs.

    Attributes:
        folder: of all caches.
        key: name of the entry.
        recipe: how pictures become pixels.
        files: paths, row by row.
        sha256: their contents.
        known: rows already known to be unreadable.
        workers: processes; None = one per core.
        emit: hears of choices and progress.
        refuse: called with row and reason of each unreadable file found; may raise to stop.
    """

    folder: Path
    key: str
    recipe: Recipe
    files: Sequence[str]
    sha256: Digests
    known: Reasons
    workers: int | None
    emit: Emit
    refuse: Callable[[int, str], None]

    def entry(self, kind: Cache) -> Path:
        """Return where the entry of a kind lies."""
        return self.folder / ("pixels" if kind == "raw" else kind) / self.key


def cached_images(wanted: Wanted, kind: Cache) -> Held:
    """Return the images from the cache, building it where there is none; the caller holds the entry's lock.

    Raises:
        InputError: the disk has no room for the kind asked for, or the folder cannot be written.
    """
    if kind == "auto":
        kind = _choose(wanted)
    return _raw(wanted) if kind == "raw" else _small(wanted, "jpeg" if kind == "jpeg" else "none")


def _raw(wanted: Wanted) -> Held:
    entry = wanted.entry("raw")
    found = open_entry(entry)
    if found is None:
        build_entry(
            entry, wanted.recipe, files=wanted.files, sha256=wanted.sha256, known=wanted.known,
            workers=wanted.workers, emit=wanted.emit, refuse=wanted.refuse,
        )  # fmt: skip
        found = open_entry(entry)
    assert found is not None
    return found


def _small(wanted: Wanted, kind: SmallKind) -> Held:
    entry = wanted.entry(kind)
    found = open_small(entry, kind, wanted.recipe, wanted.files)
    if found is None:
        if kind == "jpeg":
            _check_room(wanted)
        build_small(
            entry, kind, wanted.recipe, files=wanted.files, sha256=wanted.sha256, known=wanted.known,
            workers=wanted.workers, emit=wanted.emit, refuse=wanted.refuse,
        )  # fmt: skip
        found = open_small(entry, kind, wanted.recipe, wanted.files)
    assert found is not None
    return found


def _choose(wanted: Wanted) -> Cache:
    """Return raw where it is there or the disk has room for it, else jpeg, else none; say so where it is not raw."""
    free = _free(wanted.folder)
    raw = len(wanted.files) * wanted.recipe.row_bytes + SPARE_BYTES
    partial = wanted.entry("raw").with_name(f".partial-{wanted.key}")
    replaceable = sum(_size(old) for old in (wanted.folder / "pixels").glob("[0-9a-f]*"))
    if wanted.entry("raw").is_dir() or raw <= free + replaceable + _size(partial):
        return "raw"
    small = _jpeg_bytes(wanted)
    kind: Cache = "jpeg" if wanted.entry("jpeg").is_dir() or small <= free else "none"
    said = f"the decoded images need {raw / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: --cache {kind} is taken"
    slower = "compressed ones are kept" if kind == "jpeg" else "they are decoded anew in each pass"
    wanted.emit(Said(message=f"{said}, {slower}", level="warning"))
    return kind


def _check_room(wanted: Wanted) -> None:
    free, needed = _free(wanted.folder), _jpeg_bytes(wanted)
    if needed > free:
        raise InputError(
            f"{wanted.folder}: the compressed images need about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            "free; free some space, or choose --cache none or another --cache-folder"
        )


def _jpeg_bytes(wanted: Wanted) -> int:
    """Return about how many bytes the JPEG files of all images take, from a sample."""
    recipe, sizes = wanted.recipe, []
    for row in np.linspace(0, len(wanted.files) - 1, min(SAMPLE, len(wanted.files))).astype(int).tolist():
        try:
            image = read_image(
                Path(wanted.files[row]), sixteen_bit_range=recipe.sixteen_bit_range, at_least=recipe.size
            )
        except Unreadable:
            continue
        sizes.append(len(to_jpeg(to_square(image, recipe.size, recipe.fit))))
    mean = float(np.mean(sizes)) if sizes else 0.0
    return int(MARGIN * mean * len(wanted.files)) + SPARE_BYTES


def _free(folder: Path) -> int:
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
