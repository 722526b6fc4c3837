"""Decoded images on disk: built once, whole or not there, and taken up again after a kill.

An entry is a folder `pixels/<key>/` of `pixels.npy` (N, 3, size, size) uint8, `sha256.npy` (N, 32) and `meta.json`. The
key is made of the files' contents in order and of the recipe. It is built as `.partial-<key>/`, where `state` says of
each row whether it is decoded; a row's state is written only after its pixels are durable, so whatever moment the
process dies at, the next one goes on from there. Rows whose content an older entry holds are copied, not decoded: after
a round of labels only the order of the images has changed.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL

from barlowmatch.data.contents import Digests
from barlowmatch.data.images import Range
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import Computed, run_tasks
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.files import cannot_write, reserve, sync_file, sync_folder

DECODER = f"1 with Pillow {PIL.__version__}"
"""What decoding depends on besides content and recipe; the number rises when images.py or squares.py change."""

_TODO, _DECODED, _UNREADABLE = 0, 1, 2
_SAFE_EVERY_SECONDS = 5.0
SPARE_BYTES = 64 * 2**20
"""Room that a cache leaves on the disk."""
_COPY_BYTES = 32 * 2**20

Reasons = dict[int, str]
"""Why a row holds no picture."""


@dataclass(frozen=True)
class Recipe:
    """How pictures become pixels: side, fit, and the intensities that become 0 and 255 in deep grey pictures."""

    size: int
    fit: str
    sixteen_bit_range: Range | None

    @property
    def row_bytes(self) -> int:
        """Bytes of one image."""
        return 3 * self.size * self.size

    def plain(self) -> dict[str, Any]:
        """Return the recipe as JSON has it."""
        limits = self.sixteen_bit_range
        return {**asdict(self), "sixteen_bit_range": None if limits is None else list(limits), "decoder": DECODER}

    def key(self, sha256: Digests) -> str:
        """Return the name of the entry for files of these contents in this order."""
        digest = hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode())
        digest.update(np.ascontiguousarray(sha256).tobytes())
        return digest.hexdigest()[:32]


def open_entry(entry: Path) -> "tuple[np.memmap[tuple[int, ...], np.dtype[np.uint8]], Reasons] | None":
    """Return pixels and the unreadable rows with their reasons of a whole entry, or None where there is none."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="ascii"))
        os.utime(entry / "meta.json")  # the time of its last use
        pixels = np.lib.format.open_memmap(entry / "pixels.npy", mode="r")
    except (OSError, ValueError):
        return None
    return pixels, {int(row): reason for row, reason in meta["reasons"].items()}


def build_entry(
    entry: Path,
    recipe: Recipe,
    *,
    files: Sequence[str],
    sha256: Digests,
    known: Reasons,
    workers: int | None,
    emit: Emit,
    refuse: Callable[[int, str], None],
) -> None:
    """Decode `files` into `entry`, going on from where an earlier attempt was killed.

    Args:
        entry: folder to become; the caller holds its lock.
        recipe: how.
        files: paths, row by row.
        sha256: their contents.
        known: rows already known to be unreadable.
        workers: processes; default one per core.
        emit: hears of progress.
        refuse: called with row and reason of each unreadable file found; may raise to stop.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    try:
        building = _Building(entry, recipe, sha256, emit)
        building.mark_unreadable(known)
        building.copy_known()
        building.decode(files, workers, emit, refuse)
        shutil.rmtree(entry, ignore_errors=True)  # there only if damaged from outside: whole ones are not built again
        building.finish()
    except OSError as error:
        raise InputError(cannot_write(entry, error)) from error


class _Building:
    """An entry being built: its partial folder, the state of its rows, and what is not yet durable."""

    def __init__(self, entry: Path, recipe: Recipe, sha256: Digests, emit: Emit) -> None:
        self._entry, self._recipe, self._sha256 = entry, recipe, sha256
        self._folder = entry.with_name(f".partial-{entry.name}")
        self._pixels = self._folder / "pixels.npy"
        self._state_file = self._folder / "state"
        self._reasons_file = self._folder / "reasons.jsonl"
        self._make_room(emit)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._offset = self._lay_out()
        self.state = self._read_state()
        self._saved = time.monotonic()
        self._fresh_reasons: Reasons = {}

    def _make_room(self, emit: Emit) -> None:
        """Check that the pixels will fit, removing the entries that were used longest ago where they would not."""
        held = self._pixels.stat().st_blocks * 512 if self._pixels.exists() and os.name != "nt" else 0
        needed = len(self._sha256) * self._recipe.row_bytes - held + SPARE_BYTES
        place = next(parent for parent in self._folder.parents if parent.exists())
        for old in sorted(self._entry.parent.glob("[0-9a-f]*"), key=_last_use):
            if shutil.disk_usage(place).free >= needed:
                return
            emit(Said(message=f"{old}: removed to make room; the images decoded longest ago go first"))
            shutil.rmtree(old, ignore_errors=True)
        free = shutil.disk_usage(place).free
        if free < needed:
            raise InputError(
                f"{self._entry.parent}: the decoded images need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
                "free; free some space, or choose --cache jpeg, a smaller --image-size or another --cache-folder"
            )

    def _lay_out(self) -> int:
        """Make the pixel file at its full length, its disk space taken; return where its rows begin."""
        size = self._recipe.size
        if not self._pixels.exists():
            aside = self._folder / "pixels.new"
            np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(self._sha256), 3, size, size))
            reserve(aside)
            aside.replace(self._pixels)
        return self._pixels.stat().st_size - len(self._sha256) * self._recipe.row_bytes

    def _read_state(self) -> npt.NDArray[np.uint8]:
        state = np.zeros(len(self._sha256), np.uint8)
        if self._state_file.exists():
            found = np.fromfile(self._state_file, np.uint8)[: len(state)]
            state[: len(found)] = found
        return state

    def mark_unreadable(self, reasons: Reasons) -> None:
        """Take note of unreadable rows."""
        for row, reason in reasons.items():
            self.state[row] = _UNREADABLE
            self._fresh_reasons[row] = reason

    def copy_known(self) -> None:
        """Copy the rows whose content an older entry of the same recipe holds."""
        for other in sorted(self._entry.parent.glob("[0-9a-f]*")):
            todo = np.flatnonzero(self.state == _TODO)
            if not len(todo):
                return
            pixels, rows, other_rows = _matches(other, self._recipe, self._sha256, todo)
            if pixels is None:
                continue
            target = np.lib.format.open_memmap(self._pixels, mode="r+")
            step = max(1, _COPY_BYTES // self._recipe.row_bytes)
            for start in range(0, len(rows), step):
                target[rows[start : start + step]] = pixels[other_rows[start : start + step]]
            target.flush()
            self.state[rows] = _DECODED
            self.save()

    def decode(self, files: Sequence[str], workers: int | None, emit: Emit, refuse: Callable[[int, str], None]) -> None:
        """Decode what is left."""
        todo = np.flatnonzero(self.state == _TODO)
        items = decoding_items(todo, files, self._sha256)
        setup = {
            "size": self._recipe.size,
            "fit": self._recipe.fit,
            "sixteen_bit_range": self._recipe.sixteen_bit_range,
            "pixels": str(self._pixels),
            "offset": self._offset,
        }
        rate = Rate("decode images", len(self.state), emit, done=len(self.state) - len(todo))
        for place, answer in run_tasks("decode", items, workers, setup):
            row = int(todo[place])
            if "fault" in answer:
                raise OSError(0, answer["fault"])
            if "reason" in answer:
                self.mark_unreadable({row: answer["reason"]})
                refuse(row, answer["reason"])
            else:
                self.state[row] = _DECODED
            if time.monotonic() - self._saved > _SAFE_EVERY_SECONDS:
                self.save()
            rate.step()

    def save(self) -> None:
        """Make what is done durable: pixels and reasons first, then the state that vouches for them."""
        sync_file(self._pixels)
        with self._reasons_file.open("a", encoding="ascii") as file:
            file.writelines(json.dumps([row, reason]) + "\n" for row, reason in self._fresh_reasons.items())
            file.flush()
            os.fsync(file.fileno())
        self._fresh_reasons = {}
        with self._state_file.open("r+b" if self._state_file.exists() else "wb") as file:
            file.write(self.state.tobytes())
            file.flush()
            os.fsync(file.fileno())
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Turn the partial folder into the entry."""
        self.save()
        reasons = dict(self._saved_reasons())
        unreadable = {
            int(row): reasons.get(int(row), "unreadable") for row in np.flatnonzero(self.state == _UNREADABLE)
        }
        np.save(self._folder / "sha256.npy", self._sha256)
        meta = self._folder / "meta.json"
        meta.write_text(json.dumps({**self._recipe.plain(), "reasons": unreadable}) + "\n", encoding="ascii")
        for path in (self._folder / "sha256.npy", meta):
            sync_file(path)
        sync_folder(self._folder)
        self._folder.rename(self._entry)
        sync_folder(self._entry.parent)
        (self._entry / self._state_file.name).unlink()
        (self._entry / self._reasons_file.name).unlink()

    def _saved_reasons(self) -> Iterator[tuple[int, str]]:
        for line in self._reasons_file.read_text(encoding="ascii").splitlines():
            try:
                row, reason = json.loads(line)
            except ValueError:  # cut short by a crash; its row's state does not count on it
                continue
            yield row, reason


def decoding_items(
    rows: npt.NDArray[np.int64], files: Sequence[str], sha256: Digests
) -> Sequence[tuple[int, str, str]]:
    """Return what the worker's decoding tasks want: row, file and content of each of `rows`."""

    def item(place: int) -> tuple[int, str, str]:
        row = int(rows[place])
        return row, files[row], sha256[row].tobytes().hex()

    return Computed(len(rows), item)


def _last_use(entry: Path) -> float:
    try:
        return (entry / "meta.json").stat().st_mtime
    except OSError:
        return 0.0


def _matches(
    other: Path, recipe: Recipe, sha256: Digests, todo: npt.NDArray[np.int64]
) -> "tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Return an older entry's pixels, and the rows of `todo` it holds with their rows there."""
    nothing = np.empty(0, np.int64)
    found = open_entry(other)
    if found is None:
        return None, nothing, nothing
    pixels, unreadable = found
    meta = json.loads((other / "meta.json").read_text(encoding="ascii"))
    if {name: meta.get(name) for name in recipe.plain()} != recipe.plain():
        return None, nothing, nothing
    theirs = np.load(other / "sha256.npy")
    places = {digest.tobytes(): row for row, digest in enumerate(theirs) if row not in unreadable}
    pairs = [(row, places[sha256[row].tobytes()]) for row in todo.tolist() if sha256[row].tobytes() in places]
    if not pairs:
        return None, nothing, nothing
    rows, other_rows = np.array(pairs, np.int64).T
    return pixels, rows, other_rows
