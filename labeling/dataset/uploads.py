"""Uploaded tables: kept in the project's cache until they are stored or something else is looked at.

An upload that was broken off, which nobody looks at, goes when another one begins a week later.
"""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write
from labeling.project import ProjectFolder
from storage.errors import Refused

_WEEK = 7 * 24 * 3600.0


class Uploads:
    """The uploads of a project, each in a folder of its own, under the name that its file had.

    Args:
        paths: of the project.
    """

    def __init__(self, paths: ProjectFolder) -> None:
        self._folder = paths.cache / "uploads"

    def place(self, uuid: str, name: str) -> Path:
        """Return where an upload lies."""
        plain = name.replace("\0", "").rpartition("/")[2].lstrip(".")[:200] or "labels.csv"
        return self._folder / uuid / plain

    def put(self, path: Path, at: int, part: bytes) -> int:
        """Write a part of an upload at its place in bytes, and return how many there are.

        Raises:
            Refused: a part before it is missing.
            InputError: the disk cannot be written.
        """
        try:
            if not path.parent.exists():
                self._drop_forgotten()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            if at > path.stat().st_size:
                raise Refused("a part before this one is missing", "at", "send the parts in order")
            with path.open("r+b") as file:
                file.seek(at)
                file.write(part)
            return path.stat().st_size
        except OSError as error:
            raise InputError(cannot_write(path, error)) from error

    def drop(self, source: Path) -> None:
        """Remove a source that is an upload; any other is the user's own and stays."""
        if self._holds(source):
            shutil.rmtree(source.parent, ignore_errors=True)

    def _drop_forgotten(self) -> None:
        """Remove the uploads of which nothing was written for a week."""
        last = time.time() - _WEEK
        for folder in self._folder.glob("*"):
            with suppress(FileNotFoundError):  # another one begins too
                if all(path.stat().st_mtime < last for path in (folder, *folder.glob("*"))):
                    shutil.rmtree(folder, ignore_errors=True)

    def as_called(self, message: str, source: Path) -> str:
        """Return a message about a source with an upload named as its user called it, who knows no other place."""
        return message.replace(f"{source.parent}{os.sep}", "") if self._holds(source) else message

    def _holds(self, source: Path) -> bool:
        return Path(os.path.realpath(source)).parents[1:2] == (Path(os.path.realpath(self._folder)),)
