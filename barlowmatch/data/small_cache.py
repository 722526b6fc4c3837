"""Caches for datasets whose pixels do not fit the disk: JPEG files in one blob, or only which files can be decoded.

An entry is a folder `<kind>/<key>/` of `images.bin`, `places.npy` (N, 2: offset and length), `sha256.npy` and
`meta.json`. It is built as `.partial-<key>/`, where `journal` names the rows that are done; a row's record is written
only after its bytes are durable, so that after a kill the next process goes on from there.
"""

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from barlowmatch.data.cache import Reasons, Recipe, decoding_items
from barlowmatch.data.contents import Digests
from barlowmatch.data.lazy import FileImages, JpegImages, LazyImages
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import run_tasks
from barlowmatch.errors import InputError
from barlowmatch.events import Emit
from barlowmatch.files import cannot_write, sync_file, sync_folder

SmallKind = Literal["jpeg", "none"]

_DONE = np.dtype([("row", "<i8"), ("offset", "<i8"), ("length", "<i8")])
_SAFE_EVERY_SECONDS = 5.0
_TASKS = {"jpeg": "compress", "none": "check"}


def open_small(entry: Path, kind: SmallKind, recipe: Recipe, files: Sequence[str]) -> tuple[LazyImages, Reasons] | None:
    """Return images and the unreadable rows with their reasons of a whole entry, or None where there is none."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="ascii"))
        os.utime(entry / "meta.json")  # the time of its last use
        places = np.load(entry / "places.npy")
        reasons = {int(row): str(reason) for row, reason in meta["reasons"].items()}
        if kind == "jpeg":
            return JpegImages(entry / "images.bin", places, recipe.size), reasons
    except (OSError, ValueError):
        return None
    return FileImages(files, recipe.size, recipe.fit, recipe.sixteen_bit_range), reasons


def build_small(
    entry: Path,
    kind: SmallKind,
    recipe: Recipe,
    *,
    files: Sequence[str],
    sha256: Digests,
    known: Reasons,
    workers: int | None,
    emit: Emit,
    refuse: Callable[[int, str], None],
) -> None:
    """Compress or check `files` into `entry`, going on from where an earlier attempt was killed.

    Args:
        entry: folder to become; the caller holds its lock.
        kind: whether JPEG files are kept.
        recipe: how pictures become squares.
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
        building = _Building(entry, recipe, sha256, known)
        with building:
            building.copy_known()
        todo = building.todo()
        items = decoding_items(todo, files, sha256)
        setup = {"size": recipe.size, "fit": recipe.fit, "sixteen_bit_range": recipe.sixteen_bit_range}
        rate = Rate(f"{_TASKS[kind]} images", len(files), emit, done=len(files) - len(todo))
        with building:
            for place, answer in run_tasks(_TASKS[kind], items, workers, setup):
                if "reason" in answer:
                    building.reasons[int(todo[place])] = answer["reason"]
                    refuse(int(todo[place]), answer["reason"])
                else:
                    building.add(int(todo[place]), base64.b64decode(answer.get("jpeg", "")))
                rate.step()
        building.finish()
    except OSError as error:
        raise InputError(cannot_write(entry, error)) from error


class _Building:
    """An entry being built: its partial folder, the places of its rows, and what is not yet durable."""

    def __init__(self, entry: Path, recipe: Recipe, sha256: Digests, known: Reasons) -> None:
        self._entry, self._recipe, self._sha256 = entry, recipe, sha256
        self._folder = entry.with_name(f".partial-{entry.name}")
        self._folder.mkdir(parents=True, exist_ok=True)
        self.reasons = dict(known)
        self._places = np.zeros((len(sha256), 2), np.int64)
        self._finished = np.zeros(len(sha256), bool)
        self._fresh: list[tuple[int, int, int]] = []
        self._end = self._take_up()

    def _take_up(self) -> int:
        """Read what an earlier attempt made durable, cut off the rest, and return where the blob ends."""
        done = _records(self._folder / "journal")
        self._places[done["row"], 0], self._places[done["row"], 1] = done["offset"], done["length"]
        self._finished[done["row"]] = True
        end = int((done["offset"] + done["length"]).max(initial=0))
        for name, length in (("images.bin", end), ("journal", len(done) * _DONE.itemsize)):
            with (self._folder / name).open("ab") as file:
                file.truncate(length)
        return end

    def todo(self) -> npt.NDArray[np.int64]:
        """Return the rows that are left."""
        left: npt.NDArray[np.bool_] = ~self._finished
        left[list(self.reasons)] = False
        return np.flatnonzero(left)

    def __enter__(self) -> None:
        self._blob = (self._folder / "images.bin").open("ab")
        self._saved = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        self._save()
        self._blob.close()

    def add(self, row: int, content: bytes) -> None:
        """Append a row's bytes."""
        self._blob.write(content)
        self._fresh.append((row, self._end, len(content)))
        self._finished[row] = True
        self._end += len(content)
        if time.monotonic() - self._saved > _SAFE_EVERY_SECONDS:
            self._save()

    def copy_known(self) -> None:
        """Take over the rows whose content an older entry holds: after a round of labels only the order has changed."""
        for other in sorted(self._entry.parent.glob("[0-9a-f]*")):
            try:
                meta = json.loads((other / "meta.json").read_text(encoding="ascii"))
                theirs, places = np.load(other / "sha256.npy"), np.load(other / "places.npy")
            except (OSError, ValueError):  # damaged from outside
                continue
            if {name: meta.get(name) for name in self._recipe.plain()} != self._recipe.plain():
                continue
            rows = {digest.tobytes(): row for row, digest in enumerate(theirs) if str(row) not in meta["reasons"]}
            with (other / "images.bin").open("rb") as blob:
                for row in self.todo().tolist():
                    place = rows.get(self._sha256[row].tobytes())
                    if place is not None:
                        blob.seek(int(places[place, 0]))
                        self.add(row, blob.read(int(places[place, 1])))

    def _save(self) -> None:
        """Make what is done durable: the bytes first, then the journal that vouches for them."""
        self._blob.flush()
        os.fsync(self._blob.fileno())
        done = np.array(self._fresh, _DONE)
        with (self._folder / "journal").open("ab") as file:
            file.write(done.tobytes())
            file.flush()
            os.fsync(file.fileno())
        self._places[done["row"], 0], self._places[done["row"], 1] = done["offset"], done["length"]
        self._fresh = []
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Turn the partial folder into the entry."""
        np.save(self._folder / "sha256.npy", self._sha256)
        np.save(self._folder / "places.npy", self._places)
        meta = json.dumps({**self._recipe.plain(), "reasons": self.reasons})
        (self._folder / "meta.json").write_text(meta + "\n", encoding="ascii")
        for name in ("sha256.npy", "places.npy", "meta.json"):
            sync_file(self._folder / name)
        sync_folder(self._folder)
        shutil.rmtree(self._entry, ignore_errors=True)  # there only if damaged from outside
        self._folder.rename(self._entry)
        sync_folder(self._entry.parent)
        (self._entry / "journal").unlink()


def _records(journal: Path) -> npt.NDArray[np.void]:
    if not journal.is_file():
        return np.zeros(0, _DONE)
    return np.fromfile(journal, _DONE, count=journal.stat().st_size // _DONE.itemsize)
