"""Content hashes of a dataset's files, read once: a second start does not open files it knows.

The index of a folder is a file of fixed records that only grows. A record holds for a path what the file system says
of it and the content found then. Changing a file changes its ctime, which nobody can set back, so a known record is
never wrong. Records cut short by a crash match no path: the path's hash comes last in them.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from barlowmatch.data.dataset import Dataset
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import Computed, run_tasks
from barlowmatch.errors import InputError
from barlowmatch.events import Emit
from barlowmatch.files import cannot_write, whole_file

_RECORD = np.dtype(
    [("size", "<i8"), ("mtime", "<i8"), ("ctime", "<i8"), ("deep", "u1"), ("sha256", "u1", 32), ("path", "<u8")]
)
_BATCH = 4096

Digests = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Contents:
    """What the files of a dataset hold.

    Attributes:
        sha256: (N, 32) uint8; zeros where a file could not be read.
        deep: (N,) whether a file is a grey picture of more than 8 bits.
        reasons: why a row could not be read.
    """

    sha256: Digests
    deep: npt.NDArray[np.bool_]
    reasons: dict[int, str]

    def hexadecimal(self) -> tuple[str, ...]:
        """Return each hash in hex, "" where the file could not be read."""
        found = [digest.tobytes().hex() for digest in self.sha256]
        return tuple("" if row in self.reasons else digest for row, digest in enumerate(found))


def fingerprint_of(sha256: Sequence[str]) -> str:
    """Return one hash, in hex, of the contents of a dataset's files, each in hex, in their order."""
    return hashlib.sha256("\n".join(sha256).encode("ascii")).hexdigest()


def index_of(root: Path) -> str:
    """Return the name of the index of a folder."""
    return hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]


def read_contents(dataset: Dataset, index: Path, workers: int | None, emit: Emit) -> Contents:
    """Return the content hash of every file, from the index where it knows the file, else by reading it.

    Args:
        dataset: which files.
        index: file of what was found earlier; the caller holds its lock.
        workers: processes; default one per core.
        emit: hears of progress.
    """
    records, reasons = _look_up(dataset, index)
    todo = np.flatnonzero(~records["sha256"].any(axis=1)).tolist()
    todo = [row for row in todo if row not in reasons]
    files = Computed(len(todo), lambda place: str(dataset.path(todo[place])))
    rate = Rate("read files", len(todo), emit)
    fresh: list[int] = []
    for place, answer in run_tasks("hash", files, workers):
        row = todo[place]
        if "reason" in answer:
            reasons[row] = answer["reason"]
        else:
            records["deep"][row] = answer["deep"]
            records["sha256"][row] = np.frombuffer(bytes.fromhex(answer["sha256"]), np.uint8)
            fresh.append(row)
        if len(fresh) >= _BATCH:
            _append(index, records[fresh])
            fresh = []
        rate.step()
    _append(index, records[fresh])
    _compact(index, records[np.isin(np.arange(len(records)), list(reasons), invert=True)])
    return Contents(records["sha256"].copy(), records["deep"].astype(bool), reasons)


def _look_up(dataset: Dataset, index: Path) -> tuple[npt.NDArray[np.void], dict[int, str]]:
    """Return a record for each row, its hash zeros where the index does not know the file as it is now."""
    records = np.zeros(len(dataset), _RECORD)
    reasons: dict[int, str] = {}
    root = os.fspath(dataset.root)
    states = np.zeros((len(dataset), 3), np.int64)
    for row, file in enumerate(dataset.files):
        try:
            status = os.stat(f"{root}/{file}")  # noqa: PTH116 - a Path for each of millions is slow
        except OSError as error:
            reasons[row] = f"cannot be read ({error.strerror})"
            continue
        states[row] = status.st_size, status.st_mtime_ns, status.st_ctime_ns
    records["size"], records["mtime"], records["ctime"] = states.T
    records["path"] = np.fromiter(map(_path_hash, dataset.files), np.uint64, count=len(dataset))
    known = _read_index(index)
    if len(known):
        places = np.maximum(np.searchsorted(known["path"], records["path"], side="right") - 1, 0)
        same = np.ones(len(dataset), bool)
        for field in ("path", "size", "mtime", "ctime"):
            same &= known[field][places] == records[field]
        for field in ("deep", "sha256"):
            records[field][same] = known[field][places[same]]
    return records, reasons


def _read_index(index: Path) -> npt.NDArray[np.void]:
    """Return the records sorted by path hash, the latest of each last."""
    if not index.is_file():
        return np.zeros(0, _RECORD)
    records = np.fromfile(index, _RECORD, count=index.stat().st_size // _RECORD.itemsize)
    return records[np.argsort(records["path"], kind="stable")]


def _append(index: Path, records: npt.NDArray[np.void]) -> None:
    if not len(records):
        return
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("ab") as file:
            torn = file.tell() % _RECORD.itemsize
            file.truncate(file.tell() - torn)
            file.write(records.tobytes())
    except OSError as error:  # of a write on a full disk it names no file
        raise InputError(cannot_write(index, error)) from error


def _compact(index: Path, records: npt.NDArray[np.void]) -> None:
    """Rewrite an index that holds far more than the dataset's files."""
    if index.is_file() and index.stat().st_size > (3 * len(records) + 1000) * _RECORD.itemsize:
        with whole_file(index) as partial:
            records.tofile(partial)


def _path_hash(file: str) -> int:
    """Return 64 bits that stand for a name."""
    name = file.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
