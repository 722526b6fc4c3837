"""A run folder belongs to one process at a time: two that wrote into it would mix their checkpoints."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write
from barlowmatch.processes import lives
from barlowmatch.runs.names import EVENTS, LOCK, PROCESS

PATIENCE = 0.3
"""Seconds to wait for a run that is just ending, or beginning: by then it has said which process it is."""
_CHUNK = 2**16
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What file systems answer that know no locks, as some of networks do."""


@contextmanager
def claimed(folder: Path) -> Iterator[list[Path]]:
    """Make a run folder where there is none, and hold it; the hold goes with the process, however that ends.

    Where the file system knows no locks, `process.json` alone says whose the folder is.

    Yields:
        The folders that had to be made, the innermost first.

    Raises:
        InputError: a live run has the folder, or it cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = _acquire(lock, folder / LOCK)
    except Timeout:
        raise InputError(_taken(folder, _live_process(folder))) from None
    except OSError as error:
        raise InputError(cannot_write(folder, error)) from error
    try:
        pid = _live_process(folder)
        if pid is not None and "RunFinished" not in _last_line(folder / EVENTS):
            raise InputError(_taken(folder, pid))
        yield made
    finally:
        if ours is not None:
            with suppress(OSError):  # the folder may be gone, or made anew by others
                if os.path.samestat((folder / LOCK).stat(), ours):
                    (folder / LOCK).unlink()
            lock.release()


def _acquire(lock: FileLock, path: Path) -> os.stat_result | None:
    """Take a lock and return what its file is, None where the file system knows no locks.

    Raises:
        Timeout: somebody else has it.
        OSError: its file cannot be written.
    """
    while True:
        try:
            lock.acquire(timeout=PATIENCE)
            return path.stat()
        except FileNotFoundError:
            if not lock.is_locked:
                raise
            lock.release()  # whoever had it before took the file away: this lock keeps nobody out
        except Timeout:
            raise
        except NotImplementedError:  # earlier versions of filelock say so
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return None


def _taken(folder: Path, pid: int | None) -> str:
    who = f"process {pid}" if pid is not None else f"it holds {LOCK}, perhaps on another machine"
    return f"{folder}: a run ({who}) is using this folder; wait for it or name another --run-dir"


def _live_process(folder: Path) -> int | None:
    """Return the other process that `process.json` names, None where it does not live."""
    try:
        described = json.loads((folder / PROCESS).read_text(encoding="utf-8"))
        pid, birth = described["pid"], described["start_time"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if pid != os.getpid() and lives(pid, birth) else None


def _last_line(path: Path) -> str:
    """Return the last line that says anything, read from the end: a long run tells many megabytes."""
    tail = b""
    try:
        with path.open("rb") as file:
            place = file.seek(0, os.SEEK_END)
            while place > 0 and b"\n" not in tail.rstrip():
                size = min(place, _CHUNK)
                place = file.seek(place - size)
                tail = file.read(size) + tail
    except OSError:
        return ""
    return tail.rstrip().rsplit(b"\n", 1)[-1].decode("utf-8", "replace")
