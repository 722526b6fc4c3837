"""Which cache a dataset gets, the room for it, and its images from it."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from barlowmatch.configs.shared import Cache
from barlowmatch.data.entries import (
    Content,
    build_entry,
    last_use,
    partial_folder,
    read_reasons,
    read_tried,
    remove_idle,
    unfinished,
)
from barlowmatch.data.images import Unreadable, read_image
from barlowmatch.data.jpeg_blob import BLOB, PLACES, Checked, JpegBlob
from barlowmatch.data.lazy import Bytes, FileImages, JpegImages, LazyImages
from barlowmatch.data.pixel_file import PIXELS, PixelFile
from barlowmatch.data.recipe import Reasons, Recipe, Wanted
from barlowmatch.data.squares import to_jpeg, to_square
from barlowmatch.errors import InputError
from barlowmatch.events import Said

SPARE_BYTES = 64 * 2**20
"""Room that a cache leaves on the disk."""
SAMPLE = 32
"""Pictures compressed to learn how much room all of them need."""
MARGIN = 1.2

Held = tuple[Bytes | LazyImages, Reasons]
"""Images, and why a row holds none."""
Kind = Literal["raw", "jpeg", "none"]

_CONTENTS: Mapping[Kind, Callable[[Path, Recipe, int], Content]] = {
    "raw": PixelFile,
    "jpeg": JpegBlob,
    "none": Checked,
}


def cached_images(wanted: Wanted, kind: Cache) -> Held:
    """Return the images from the cache, building it where there is none; the caller holds the entry's lock.

    Raises:
        InputError: the disk has no room for the kind asked for, or the folder cannot be written.
    """
    if kind == "auto":
        kind = _choose(wanted)
    found = _open(wanted, kind)
    if found is None or _may_hold_more(wanted.entry(kind)):
        if kind == "raw":
            _make_room(wanted)
        elif kind == "jpeg":
            _check_room(wanted)
        build_entry(wanted.entry(kind), wanted, _CONTENTS[kind])
        found = _open(wanted, kind)
    assert found is not None
    return found


def _open(wanted: Wanted, kind: Kind) -> Held | None:
    """Return what a whole entry holds, or None where there is none."""
    entry = wanted.entry(kind)
    try:
        return _images(entry, wanted, kind), read_reasons(entry)
    except (OSError, ValueError):
        return None


def _may_hold_more(entry: Path) -> bool:
    """Say whether pictures of an entry are to be tried again; its copy needs as much room for a while.

    Not by a process that lived when it was built: those of one run are to agree.
    """
    if not read_tried(entry) or (entry / "sha256.npy").stat().st_mtime > psutil.Process().create_time():
        return False
    return _free(entry) > _size(entry) + SPARE_BYTES


def _images(entry: Path, wanted: Wanted, kind: Kind) -> Bytes | LazyImages:
    recipe = wanted.recipe
    if kind == "raw":
        return np.lib.format.open_memmap(entry / PIXELS, "r")
    if kind == "jpeg":
        return JpegImages(entry / BLOB, np.load(entry / PLACES), recipe.size)
    return FileImages(wanted.files, recipe.size, recipe.fit, recipe.sixteen_bit_range)


def _choose(wanted: Wanted) -> Kind:
    """Return raw where it is there or the disk has room for it, else jpeg, else none; say so where it is not raw."""
    free = _free(wanted.folder)
    raw = len(wanted.files) * wanted.recipe.row_bytes + SPARE_BYTES
    partial = partial_folder(wanted.entry("raw"))
    old = [*(wanted.folder / "pixels").glob("[0-9a-f]*"), *unfinished(wanted.folder, wanted.entry("raw"))]
    replaceable = sum(map(_size, old))
    if wanted.entry("raw").is_dir() or raw <= free + replaceable + _size(partial):
        return "raw"
    small = _jpeg_bytes(wanted)
    kind: Kind = "jpeg" if wanted.entry("jpeg").is_dir() or small <= free else "none"
    said = f"the decoded images need {raw / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: --cache {kind} is taken"
    slower = "compressed ones are kept" if kind == "jpeg" else "they are decoded anew in each pass"
    wanted.emit(Said(message=f"{said}, {slower}", level="warning"))
    return kind


def _make_room(wanted: Wanted) -> None:
    """Check that the pixels will fit, removing the entries that were used longest ago where they would not."""
    entry = wanted.entry("raw")
    pixels = partial_folder(entry) / PIXELS
    held = pixels.stat().st_blocks * 512 if pixels.exists() and os.name != "nt" else 0
    needed = len(wanted.files) * wanted.recipe.row_bytes - held + SPARE_BYTES
    for left in unfinished(wanted.folder, entry):
        if _free(entry) < needed and remove_idle(wanted.folder, left):
            wanted.emit(Said(message=f"{left}: removed to make room; it was begun and not gone on with"))
    for old in sorted(entry.parent.glob("[0-9a-f]*"), key=last_use):
        if _free(entry) < needed and remove_idle(wanted.folder, old):
            wanted.emit(Said(message=f"{old}: removed to make room; the images decoded longest ago go first"))
    free = _free(entry)
    if free < needed:
        raise InputError(
            f"{entry.parent}: the decoded images need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            "free; free some space, or choose --cache jpeg, a smaller --image-size or another --cache-folder"
        )


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
