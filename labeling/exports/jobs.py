"""Exports as processes of their own: started here, watched by what they write, found again after a restart."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from barlowmatch.errors import InputError
from barlowmatch.events import Progress, RunFailed, read_events
from barlowmatch.files import write_json
from barlowmatch.processes import born, lives
from labeling.processes import last_line, read_json
from labeling.project import ProjectFolder

State = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Job:
    """An export and how far it is.

    Attributes:
        name: of the folder it makes.
        format: `folders`, `seed` or `csv`.
        state: what became of it.
        done, total: images written so far and in all.
        message: why it failed.
        created: when it was started.
        summary: what the finished export says of itself (event, labeled, left_out), {} before.
    """

    name: str
    format: str
    state: State
    done: int
    total: int
    message: str | None
    created: str
    summary: dict[str, Any]


class Exports:
    """The exports of a project.

    Args:
        paths: where the project is.
    """

    def __init__(self, paths: ProjectFolder) -> None:
        self._paths = paths
        self._jobs = paths.exports / ".jobs"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, kind: str, created: str) -> None:
        """Start an export unless one of this name was started.

        Raises:
            InputError: the disk cannot be written.
        """
        folder = self._jobs / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            return
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror}); free some space") from error
        command = [
            sys.executable, "-m", "labeling", "export", "--project", str(self._paths.folder), "--format", kind,
            "--name", name, "--events", str(folder / "events.jsonl"),
        ]  # fmt: skip
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._running[name] = process
        write_json(
            folder / "job.json",
            {"format": kind, "created": created, "pid": process.pid, "started": born(process.pid)},
        )

    def find(self, name: str) -> Job | None:
        """Return an export by name."""
        facts = read_json(self._jobs / name / "job.json")
        summary = read_json(self._paths.exports / name / "export.json")
        if not facts and not summary:
            return None
        done, total, message = _heard(self._jobs / name)
        state: State = "done" if summary else "running" if self._lives(name, facts) else "failed"
        if state == "failed":
            message = message or last_line(self._jobs / name / "log.txt") or "it was ended from outside"
        return Job(
            name, facts.get("format") or summary["format"], state, done, total, message if state == "failed" else None,
            facts.get("created") or summary["created"], summary,
        )  # fmt: skip

    def list(self) -> list[Job]:
        """Return all exports, newest first."""
        names = {path.name for folder in (self._jobs, self._paths.exports) for path in _folders(folder)}
        found = [job for job in map(self.find, names) if job is not None]
        return sorted(found, key=lambda job: (job.created, job.name), reverse=True)

    def _lives(self, name: str, facts: dict[str, Any]) -> bool:
        process = self._running.get(name)
        if process is not None:
            return process.poll() is None
        return lives(facts.get("pid"), facts.get("started"))


def default_name(kind: str) -> str:
    """Return a name for an export that was given none."""
    return f"{kind}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(2).hex()}"


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _heard(folder: Path) -> tuple[int, int, str | None]:
    done, total, message = 0, 0, None
    if (folder / "events.jsonl").is_file():
        for event in read_events(folder / "events.jsonl"):
            if isinstance(event, Progress):
                done, total = event.done, event.total
            elif isinstance(event, RunFailed):
                message = event.reason
    return done, total, message
