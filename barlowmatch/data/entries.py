"""Entries of the image cache: built once, whole or not there, and taken up again after a kill.

An entry is a folder `<kind>/<key>/` of its content (pixel_file.py, jpeg_blob.py), `sha256.npy` (N, 32) and `meta.json`.
The key is made of the files' contents in order and of the recipe. It is built as `.partial-<key>/`, where a row is
vouched for only after its bytes are durable, so whatever moment the process dies at, the next one goes on from there.
Rows whose content an older entry holds are copied: after a round of labels only the order of the images has changed.
"""

import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from filelock import Timeout

from barlowmatch.arrays import Rows
from barlowmatch.data.locks import locked
from barlowmatch.data.progress import Rate
from barlowmatch.data.recipe import Reasons, Recipe, Wanted
from barlowmatch.data.workers import Computed, run_tasks
from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write, sync

SAFE_EVERY_SECONDS = 5.0
_COPY_BYTES = 32 * 2**20
_REASONS = "reasons.jsonl"
_META = "meta.json"
TRIES = 3
"""In so many starts a picture is decoded that this machine could not: for want of memory, or as its disk was away."""
_PARTIAL = ".partial-"


class Content(ABC):
    """What an entry keeps of each row, while it is built in a folder.

    What the folder holds already is of an attempt that was killed: the rows it vouches for are taken up.

    Attributes:
        task: what a worker does for a row.
        records: files by which rows are vouched for; a whole entry needs none.
        done: (N,) which rows are there.
        setup: what the worker is told besides the recipe.
    """

    task: ClassVar[str]
    records: ClassVar[tuple[str, ...]]
    done: npt.NDArray[np.bool_]
    setup: Mapping[str, Any]

    @abstractmethod
    def add(self, row: int, answer: Mapping[str, Any]) -> None:
        """Take the worker's answer for a row."""

    @abstractmethod
    def copy(self, other: Path, rows: Rows, places: Rows) -> None:
        """Take `rows` from `places` of a whole entry; one that was damaged from outside gives nothing."""

    @abstractmethod
    def save(self) -> None:
        """Make durable what is done: the bytes first, then the record that vouches for them."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files."""

    @abstractmethod
    def tables(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return the arrays, by file name, that a whole entry has besides."""


class Building:
    """An entry while it is built: its content, why rows hold none, and what of both is not yet durable."""

    def __init__(self, folder: Path, content: Content) -> None:
        self.content = content
        self._file = folder / _REASONS
        self.reasons = _recorded(self._file)
        self.passing: set[int] = set()
        self._fresh: Reasons = {}
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._save()
        finally:
            self.content.close()

    def todo(self) -> Rows:
        """Return the rows that are left."""
        left: npt.NDArray[np.bool_] = ~self.content.done
        left[list(self.reasons)] = False
        return np.flatnonzero(left)

    def leave_out(self, row: int, reason: str) -> None:
        """Take note that a row holds no picture."""
        self._fresh[row] = self.reasons[row] = reason

    def leave_out_for_now(self, row: int, reason: str) -> None:
        """Take note that a row's picture could not be decoded by this machine at this moment."""
        self.passing.add(row)
        self.reasons[row] = reason

    def save_now_and_then(self) -> None:
        """Bound the work that a kill can cost."""
        if time.monotonic() - self._saved > SAFE_EVERY_SECONDS:
            self._save()

    def _save(self) -> None:
        self.content.save()
        append(self._file, "".join(f"{json.dumps([row, why])}\n" for row, why in self._fresh.items()).encode("ascii"))
        self._fresh = {}
        self._saved = time.monotonic()


def partial_folder(entry: Path) -> Path:
    """Return where an entry is built."""
    return entry.with_name(f"{_PARTIAL}{entry.name}")


def unfinished(folder: Path, entry: Path) -> list[Path]:
    """Return what is left in a cache folder of entries that were begun, or are being built, beside this one."""
    return [left for left in folder.glob(f"*/{_PARTIAL}*") if left != partial_folder(entry)]


def remove_idle(folder: Path, entry: Path) -> bool:
    """Remove an entry, whole or begun, that no process builds or opens at this moment; say whether it was one."""
    with suppress(Timeout), locked(folder, entry.name.removeprefix(_PARTIAL), patience=0):
        shutil.rmtree(entry, ignore_errors=True)
        return True
    return False


def read_reasons(entry: Path) -> Reasons:
    """Return the unreadable rows of a whole entry with their reasons, and take note that it is used.

    Raises:
        OSError: there is no such entry.
        ValueError: it was damaged from outside.
    """
    meta = json.loads((entry / _META).read_text(encoding="ascii"))
    os.utime(entry / _META)
    return {int(row): str(reason) for row, reason in meta["reasons"].items()}


def read_tried(entry: Path) -> dict[int, int]:
    """Return how often rows were tried in vain whose pictures may be decoded yet; no row where there is no entry."""
    try:
        meta = json.loads((entry / _META).read_text(encoding="ascii"))
        return {int(row): int(times) for row, times in meta.get("tried", {}).items()}
    except (OSError, ValueError):
        return {}


def last_use(entry: Path) -> float:
    """Return when an entry was last opened."""
    try:
        return (entry / _META).stat().st_mtime
    except OSError:
        return 0.0


def build_entry(entry: Path, wanted: Wanted, content: Callable[[Path, Recipe, int], Content]) -> None:
    """Build an entry, going on from where an earlier attempt was killed; the caller holds its lock.

    Args:
        entry: folder to become.
        wanted: what it should hold.
        content: opens what it keeps of each row, given folder, recipe and number of rows.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    folder, tried = partial_folder(entry), read_tried(entry)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Building(folder, content(folder, wanted.recipe, len(wanted.files))) as building:
            for row in wanted.known.keys() - building.reasons.keys():
                building.leave_out(row, wanted.known[row])
            for row, reason in building.reasons.items():
                wanted.refuse(row, reason)
            _copy_known(building, entry.parent, wanted)
            _make(building, wanted)
        _describe(folder, wanted, building, tried)
        shutil.rmtree(entry, ignore_errors=True)  # there only if damaged from outside, or to be tried again
        folder.rename(entry)
        sync(entry.parent)
        for name in (_REASONS, *building.content.records):
            (entry / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(cannot_write(entry, error)) from error


def append(path: Path, content: bytes) -> None:
    """Add to a file, durably."""
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _recorded(file: Path) -> Reasons:
    """Return the reasons that an earlier attempt made durable; what a crash cut short is cut off or passed over."""
    if not file.exists():
        return {}
    lines, _, torn = file.read_bytes().rpartition(b"\n")
    os.truncate(file, file.stat().st_size - len(torn))
    reasons: Reasons = {}
    for line in lines.splitlines():
        with suppress(ValueError):
            row, reason = json.loads(line)
            reasons[row] = reason
    return reasons


def _copy_known(building: Building, kin: Path, wanted: Wanted) -> None:
    """Copy the rows whose content an older entry of the same recipe holds."""
    step = max(1, _COPY_BYTES // wanted.recipe.row_bytes)
    for other in sorted(kin.glob("[0-9a-f]*")):
        todo = building.todo()
        if not len(todo):
            return
        rows, places = _matches(other, wanted, todo)
        for start in range(0, len(rows), step):
            building.content.copy(other, rows[start : start + step], places[start : start + step])
            building.save_now_and_then()


def _matches(other: Path, wanted: Wanted, todo: Rows) -> tuple[Rows, Rows]:
    """Return the rows of `todo` that an older entry holds, and their places there."""
    nothing = np.empty(0, np.int64)
    try:
        meta = json.loads((other / _META).read_text(encoding="ascii"))
        theirs = np.load(other / "sha256.npy")
    except (OSError, ValueError):  # damaged from outside
        return nothing, nothing
    recipe = wanted.recipe.plain()
    if {name: meta.get(name) for name in recipe} != recipe:
        return nothing, nothing
    places = {digest.tobytes(): place for place, digest in enumerate(theirs) if str(place) not in meta["reasons"]}
    found = [(row, places.get(wanted.sha256[row].tobytes(), -1)) for row in todo.tolist()]
    rows, held = np.array(found, np.int64).T
    return rows[held >= 0], held[held >= 0]


def _make(building: Building, wanted: Wanted) -> None:
    """Have the workers decode what is left."""
    content, recipe, todo = building.content, wanted.recipe, building.todo()
    setup = {"size": recipe.size, "fit": recipe.fit, "sixteen_bit_range": recipe.sixteen_bit_range, **content.setup}
    rate = Rate(f"{content.task} images", len(wanted.files), wanted.emit, done=len(wanted.files) - len(todo))
    for place, answer in run_tasks(content.task, _items(todo, wanted), wanted.workers, setup):
        row = int(todo[place])
        if "reason" in answer:
            leave_out = building.leave_out_for_now if answer.get("passing") else building.leave_out
            leave_out(row, answer["reason"])
            wanted.refuse(row, answer["reason"])
        else:
            content.add(row, answer)
        building.save_now_and_then()
        rate.step()


def _items(rows: Rows, wanted: Wanted) -> Sequence[tuple[int, str, str]]:
    """Return what the worker's tasks want: row, file and content of each of `rows`."""

    def item(place: int) -> tuple[int, str, str]:
        row = int(rows[place])
        return row, wanted.files[row], wanted.sha256[row].tobytes().hex()

    return Computed(len(rows), item)


def _describe(folder: Path, wanted: Wanted, building: Building, tried: Mapping[int, int]) -> None:
    """Write what an entry says of its content; then all of it is durable."""
    times = {row: tried.get(row, 0) + 1 for row in sorted(building.passing)}
    for name, table in {"sha256.npy": wanted.sha256, **building.content.tables()}.items():
        np.save(folder / name, table)
    meta = {
        **wanted.recipe.plain(), "reasons": dict(sorted(building.reasons.items())),
        "tried": {row: count for row, count in times.items() if count < TRIES},
    }  # fmt: skip
    (folder / _META).write_text(json.dumps(meta) + "\n", encoding="ascii")
    for file in folder.iterdir():
        sync(file)
    sync(folder)
