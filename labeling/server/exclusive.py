"""One server a project: the second is refused and told where the first is."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from barlowmatch.errors import InputError
from barlowmatch.files import write_json
from labeling.project import ProjectFolder


@contextmanager
def serving(paths: ProjectFolder, url: str) -> Iterator[None]:
    """Hold the project for a server at `url`; the operating system lets go of it when the process ends, however.

    Raises:
        InputError: another server holds it; the line says which.
    """
    lock = FileLock(paths.folder / ".server.lock", timeout=0)
    note = paths.folder / ".server.json"
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{paths.folder}: {_holder(note)}; open that page, or end that server first") from None
    try:
        write_json(note, {"pid": os.getpid(), "url": url})
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: "os.PathLike[str]") -> str:
    try:
        with open(note, encoding="utf-8") as file:  # noqa: PTH123 - any path-like
            facts = json.load(file)
        return f"is served already, at {facts['url']} by process {facts['pid']}"
    except (OSError, ValueError, KeyError):
        return "is served already by another process"
