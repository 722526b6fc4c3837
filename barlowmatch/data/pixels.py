"""The pixels of a dataset: every image as one row of uint8, decoded once where the disk has room."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.configs.shared import LARGEST_SIZE, ImageOptions
from barlowmatch.data.caching import cached_images
from barlowmatch.data.contents import Contents, index_of, read_contents
from barlowmatch.data.dataset import SPLITS, Dataset, labeled_in
from barlowmatch.data.images import Header, Range, Unreadable, joint_range, read_header
from barlowmatch.data.lazy import JpegImages, LazyImages
from barlowmatch.data.locks import locked
from barlowmatch.data.recipe import Reasons, Recipe, Wanted
from barlowmatch.data.workers import Computed, run_tasks
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent

SIZES = (32, 64, 96, 128, LARGEST_SIZE)
"""Sides chosen from where nobody names one; 16 is the least."""
SAMPLE = 512
_DEEP_SAMPLE = 200
_NAMED = 200


@dataclass(frozen=True, eq=False)
class Pixels:
    """All images of a dataset as squares.

    Attributes:
        array: (N, 3, size, size) uint8, row i is dataset row i, in memory-mapped pixels or decoded when indexed;
            unreadable rows hold no picture.
        readable: (N,) which rows hold a picture.
        reasons: why a row does not.
        sha256: content of each file in hex, "" where it could not be read at all.
        size: side in pixels.
        fit: how pictures became square: `pad`, `crop` or `squash`.
        sixteen_bit_range: intensities that became 0 and 255 in grey pictures of more than 8 bits; None: there are none.
        key: stands for the contents of the files and how they became pixels.
    """

    array: npt.NDArray[np.uint8] | LazyImages
    readable: npt.NDArray[np.bool_]
    reasons: dict[int, str]
    sha256: tuple[str, ...]
    size: int
    fit: str
    sixteen_bit_range: Range | None = None
    key: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs have in common that learn from the same pixels; JPEG changes them a little."""
        return {"key": self.key, "compressed": isinstance(self.array, JpegImages)}


def load_pixels(
    dataset: Dataset,
    options: ImageOptions,
    emit: Emit = silent,
    *,
    size: int | None = None,
    fit: str | None = None,
    sixteen_bit_range: Range | None = None,
) -> Pixels:
    """Return the pixels of a dataset: from the cache, or decoded into it now.

    Several processes may call this at once: one builds, the others wait and find the entry whole.

    Args:
        dataset: which files.
        options: size, fit, cache folder and workers as the user asks for; `strict` stops at an unreadable file.
        emit: hears of choices made, of progress and of unreadable files.
        size: side that a checkpoint was trained with; it wins over the options.
        fit: fit that a checkpoint was trained with.
        sixteen_bit_range: intensity range that a checkpoint was trained with; default measured on the dataset.

    Raises:
        InputError: no image can be read, one cannot under `strict`, or the cache cannot be written.
    """
    folder = cache_folder(dataset, options.cache_folder)
    contents = known_contents(dataset, options, emit)
    reasons = dict(contents.reasons) | _changed(dataset, contents)
    refuse = _Refusal(dataset, options.strict)
    for row, reason in sorted(reasons.items()):
        refuse(row, reason)
    size, fit = _shape(dataset, options, emit, size, fit)
    if sixteen_bit_range is None and contents.deep.any():
        sixteen_bit_range = measure_range(dataset, contents, options.workers)
    recipe = Recipe(size, fit, sixteen_bit_range)
    key = recipe.key(contents.sha256)
    wanted = Wanted(
        folder, key, recipe, Computed(len(dataset), lambda row: os.fspath(dataset.path(row))), contents.sha256,
        contents.reasons, options.workers, emit, refuse,
    )  # fmt: skip
    with locked(folder, key):
        array, undecodable = cached_images(wanted, options.cache)
    reasons = undecodable | reasons
    _report(dataset, reasons, refuse, emit)
    readable = np.ones(len(dataset), bool)
    readable[list(reasons)] = False
    hashes = contents.hexadecimal()
    return Pixels(array, readable, dict(sorted(reasons.items())), hashes, size, fit, sixteen_bit_range, key)


def known_contents(dataset: Dataset, options: ImageOptions, emit: Emit = silent) -> Contents:
    """Return what the files of a dataset hold, of which only those are read that the cache folder's index lacks."""
    folder, index = cache_folder(dataset, options.cache_folder), index_of(dataset.root)
    with locked(folder, index):
        return read_contents(dataset, folder / "index" / index, options.workers, emit)


def cache_folder(dataset: Dataset, wished: Path | None) -> Path:
    """Return where decoded images are kept: as wished, else in the user's cache folder; never inside the dataset.

    Raises:
        InputError: it lies inside the dataset.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = wished or base / "barlowmatch"
    if folder.resolve().is_relative_to(dataset.root.resolve()):
        raise InputError(f"{folder}: the cache would lie inside the dataset; name another place by --cache-folder")
    return folder


def sample_headers(dataset: Dataset) -> list[Header]:
    """Return the headers of the readable images in a seeded sample."""
    rows = np.random.default_rng(0).permutation(len(dataset))[:SAMPLE]
    headers = []
    for row in rows.tolist():
        try:
            headers.append(read_header(dataset.path(row)))
        except Unreadable:
            continue
    if not headers:
        raise InputError(f"{dataset.root}: none of its images can be read; `inspect` says why")
    return headers


def choose_size(dataset: Dataset, largest: int = LARGEST_SIZE, emit: Emit = silent) -> int:
    """Return the side that images are brought to where nobody names one.

    Images of one size keep it; otherwise it is the largest of `SIZES` that is not above the median of the shorter
    sides, so that hardly any image is enlarged.

    Args:
        dataset: which files.
        largest: side in pixels that it never exceeds, at least 16.
        emit: hears what was chosen, and why.
    """
    sides = Counter((header.width, header.height) for header in sample_headers(dataset))
    longest = max(max(side) for side in sides)
    if len(sides) == 1 and longest <= largest:
        size, why = max(16, longest), "as they are" if longest >= 16 else "the smallest side used"
    else:
        median = float(np.median([min(side) for side in sides.elements()]))
        size = min(largest, max((side for side in SIZES if side <= median), default=SIZES[0]))
        bound = "" if size < largest or largest == LARGEST_SIZE else f", of which --max-image-size {largest} is taken"
        why = f"their shorter side is {median:.0f} px in the middle{bound}"
    emit(Said(message=f"images are brought to {size}×{size} px ({why}); --image-size sets another side"))
    return size


def choose_fit(dataset: Dataset, emit: Emit = silent) -> str:
    """Return how images become square where nobody says: `squash` where all have one shape, else `pad`."""
    shapes = [header.width / header.height for header in sample_headers(dataset)]
    if max(shapes) <= 1.02 * min(shapes):
        return "squash"
    emit(Said(message="images differ in shape: each is kept whole between grey bars; --fit crop or squash does not"))
    return "pad"


def measure_range(dataset: Dataset, contents: Contents, workers: int | None) -> Range:
    """Return one intensity range for all deep grey pictures of a dataset.

    It is that of a sample, each showing 99.8 % of its pixels. The sample are the smallest content hashes: it stays
    nearly the same when files are renamed, moved or added.
    """
    rows = np.flatnonzero(contents.deep)
    smallest = rows[np.lexsort(contents.sha256[rows].T[::-1])][:_DEEP_SAMPLE]
    files = [os.fspath(dataset.path(row)) for row in smallest.tolist()]
    answers = [answer for _, answer in run_tasks("measure", files, workers) if "reason" not in answer]
    return joint_range([(answer["low"], answer["high"]) for answer in answers])


def _shape(dataset: Dataset, options: ImageOptions, emit: Emit, size: int | None, fit: str | None) -> tuple[int, str]:
    size = size or options.image_size or choose_size(dataset, options.largest_size, emit)
    if fit is None:
        fit = choose_fit(dataset, emit) if options.fit == "auto" else options.fit
    return size, fit


def _changed(dataset: Dataset, contents: Contents) -> Reasons:
    """Return the rows whose content is not what the manifest says."""
    if dataset.sha256 is None:
        return {}
    pairs = enumerate(zip(dataset.sha256, contents.hexadecimal(), strict=True))
    return {
        row: "changed since the manifest was written"
        for row, (expected, found) in pairs
        if expected and found and expected != found
    }


class _Refusal:
    """Stops at an unreadable file under `--strict`."""

    def __init__(self, dataset: Dataset, strict: bool) -> None:
        self._dataset, self._strict = dataset, strict

    def __call__(self, row: int, reason: str) -> None:
        if self._strict:
            raise InputError(f"{self._dataset.path(row)}: {reason}; repair or remove it, or leave out --strict")


def _report(dataset: Dataset, reasons: Reasons, refuse: _Refusal, emit: Emit) -> None:
    """Say which files are left out."""
    rows = sorted(reasons)
    for row in rows:
        refuse(row, reasons[row])
    if len(rows) == len(dataset):
        raise InputError(f"{dataset.root}: none of its {len(rows):,} images can be read; the first {reasons[rows[0]]}")
    if rows:
        named = "".join(f"\n  {dataset.files[row]}: {reasons[row]}" for row in rows[:_NAMED])
        more = f"\n  and {len(rows) - _NAMED:,} more, which `inspect` names" if len(rows) > _NAMED else ""
        lost = [split for split in SPLITS if split != "unlabeled"]
        labeled = [int(np.isin(labeled_in(split, dataset.splits, dataset.labels), rows).sum()) for split in lost]
        parts = ", ".join(f"{number:,} of {split}" for split, number in zip(lost, labeled, strict=True) if number)
        labels = f" with their labels ({parts})" if parts else ""
        message = f"{len(rows):,} of {len(dataset):,} images cannot be read and are left out{labels}: {named}{more}"
        emit(Said(message=message, level="warning"))
