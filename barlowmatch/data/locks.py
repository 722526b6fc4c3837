"""Locks between the processes that share a cache folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write


@contextmanager
def locked(folder: Path, name: str, *, patience: float = -1) -> Iterator[None]:
    """Hold a lock; it goes with the process that holds it.

    Args:
        folder: of the cache.
        name: of what is locked.
        patience: seconds to wait for another process; −1 waits for as long as it takes.

    Raises:
        InputError: the folder cannot be written.
        Timeout: another process still holds it.
    """
    try:
        (folder / "locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "locks" / f"{name}.lock", timeout=patience)
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        raise InputError(cannot_write(folder, error)) from error
    try:
        yield
    finally:
        lock.release()
