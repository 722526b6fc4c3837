"""Exports as chores, each of a name of its own: started here, watched by what they write, found after a restart."""

import glob
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write
from labeling.chores import Chore
from labeling.processes import read_json
from labeling.project import ProjectFolder
from storage.errors import Refused

State = Literal["running", "done", "failed", "stopped"]
_REMOVED = ".removed-"
"""Begins the name of a folder that is being removed."""


@dataclass(frozen=True)
class Job:
    """An export and how far it is.

    Attributes:
        name: of the folder it makes.
        uuid: what it was started with; None where that was not here.
        format: `folders`, `seed` or `csv`.
        state: what became of it.
        done, total: images written so far and in all.
        message: why it failed, or what looks wrong about a finished one.
        created: when it was started.
        summary: what the finished export says of itself (event, labeled, left_out), {} before.
    """

    name: str
    uuid: str | None
    format: str
    state: State
    done: int
    total: int
    message: str | None
    created: str
    summary: dict[str, Any]

    @property
    def holds_name(self) -> bool:
        """Whether no other export may be called like it."""
        return self.state in ("running", "done")


class Exports:
    """The exports of a project.

    Args:
        paths: where the project is.
    """

    def __init__(self, paths: ProjectFolder) -> None:
        self._paths = paths
        self._jobs = paths.exports / ".jobs"
        self._started: dict[str, Chore] = {}

    def start(self, name: str, kind: str, own: str, created: str) -> None:
        """Start an export, unless it was started by this wish before.

        Raises:
            InputError: the disk cannot be written.
            Refused: another one of this name is at work.
        """
        chore = self._started.setdefault(name, Chore(self._jobs / name))
        about = {"uuid": own, "format": kind, "created": created}
        if chore.tell().about == about:
            return
        for job in self.list():
            if not job.holds_name:
                self._sweep(job.name)
        words = ["export", "--project", str(self._paths.folder), "--format", kind, "--name", name]
        if not chore.start(words, about):
            raise taken(name)

    def stop(self, name: str, own: str) -> None:
        """End the export that was started by this wish; what it had written goes.

        Raises:
            InputError: the disk cannot be written.
        """
        self._chore(name).stop(own)
        job = self.find(name)
        if job is not None and not job.holds_name:
            self._sweep(name)

    def check_removable(self, name: str, created: str) -> None:
        """Refuse to remove what is not a finished export of this name and time.

        Raises:
            Refused: it is not there, is at work or was never finished, or lies elsewhere.
        """
        job = self.find(name)
        if job is None or job.created != created:
            raise Refused(f"no export {name!r} of {created}", "name", "GET /api/exports lists them", "missing")
        if job.state != "done":
            raise Refused(f"the export {name} is not finished", "name", "stop it; nothing of it is left then")
        folder = self._paths.exports / name
        if folder.is_symlink():
            raise Refused(f"{folder} is a link to {folder.resolve()}", "name", "remove both by hand")

    def remove(self, name: str, created: str) -> None:
        """Remove the files of the finished export of this name and time; where it is gone already, nothing happens.

        Raises:
            InputError: the disk does not let it go.
            Refused: it lies elsewhere.
        """
        job = self.find(name)
        if job is not None and job.created == created:
            self.check_removable(name, created)
            folder = self._paths.exports / name
            try:
                folder.rename(self._paths.exports / f"{_REMOVED}{name}-{os.urandom(4).hex()}")  # goes as a whole
            except FileNotFoundError:
                return  # somebody else was faster
            except OSError as error:
                raise InputError(cannot_write(folder, error)) from error
        for rest in self._paths.exports.glob(f"{_REMOVED}*"):  # of an earlier removal too, which was killed
            shutil.rmtree(rest, ignore_errors=True)

    def find(self, name: str) -> Job | None:
        """Return an export by name; a finished one that somebody removed is none."""
        told = self._chore(name).tell()
        summary = read_json(self._paths.exports / name / "export.json")
        if not summary and told.state in ("never", "done"):
            return None
        ended = told.state != "running"  # what it wrote is whole a moment before it ends
        state: State = "done" if told.state == "never" or (summary and ended) else told.state
        return Job(
            name, told.about.get("uuid"), told.about.get("format") or summary["format"], state, told.done, told.total,
            summary.get("warning") if state == "done" else told.message,
            told.about.get("created") or summary["created"], summary,
        )  # fmt: skip

    def list(self) -> list[Job]:
        """Return all exports, newest first."""
        names = {path.name for folder in (self._jobs, self._paths.exports) for path in _folders(folder)}
        found = [job for job in map(self.find, names) if job is not None]
        return sorted(found, key=lambda job: (job.created, job.name), reverse=True)

    def _chore(self, name: str) -> Chore:
        return self._started.get(name) or Chore(self._jobs / name)

    def _sweep(self, name: str) -> None:
        """Remove what an export left aside that was killed: it may be most of a disk."""
        for partial in self._paths.exports.glob(f".partial-{glob.escape(name)}-{'[0-9a-f]' * 8}"):
            shutil.rmtree(partial, ignore_errors=True)


def taken(name: str) -> Refused:
    """Return what is said where another export holds a name."""
    return Refused(f"there is an export {name} already", "name", "take another name")


def default_name(kind: str) -> str:
    """Return a name for an export that was given none."""
    return f"{kind}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(2).hex()}"


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
