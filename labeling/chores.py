"""Chores: work on a project that takes a while and runs as a process of its own, one of a kind at a time.

A chore is a `python -m labeling …` command that reports into an events file. What became of it stands in its folder,
so that the page finds it again after the server was restarted; a process that died is told as dead, one that somebody
stopped as stopped.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from barlowmatch.errors import InputError
from barlowmatch.events import Progress, RunFailed, RunFinished, Said, read_events
from barlowmatch.files import cannot_write, write_json
from barlowmatch.processes import born, lives
from labeling.processes import last_lines, read_json
from labeling.project import ProjectFolder

State = Literal["never", "running", "done", "failed", "stopped"]
_ENDING = 30.0
"""Seconds to wait for a stopped process: it takes back what it had begun."""


@dataclass(frozen=True)
class Told:
    """What a chore has told of itself.

    Attributes:
        state: what became of it; `never` where it was not started yet.
        about: what it was started with.
        work: what it is doing, in words, "" where it has not said.
        done, total: units finished and in all.
        remaining: seconds left at the present rate; None where unknown.
        message: why it failed, or the latest warning.
        results: its closing figures, {} before it is done.
        said: its latest sentences, the newest last.
    """

    state: State = "never"
    about: dict[str, Any] = field(default_factory=dict)
    work: str = ""
    done: int = 0
    total: int = 0
    remaining: float | None = None
    message: str | None = None
    results: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()


class Chore:
    """One kind of work; started again, it forgets the time before.

    Args:
        folder: where it keeps what it tells; made when it is started.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    @property
    def events(self) -> Path:
        """The file it reports into."""
        return self._folder / "events.jsonl"

    @property
    def _notes(self) -> Path:
        return self._folder / "chore.json"

    def start(self, words: Sequence[str], about: dict[str, Any]) -> bool:
        """Start it unless it runs, or was last started with the same `about` and did not fail; say whether it did.

        Args:
            words: of the command line after `python -m labeling`; `--events FILE` is added.
            about: names this start, such as its UUID.

        Raises:
            InputError: the disk cannot be written.
        """
        with self._starting:
            before = self.tell()
            if before.state == "running" or (before.about == about and before.state == "done"):
                return False
            try:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir(parents=True)
                command = [sys.executable, "-m", "labeling", *words, "--events", str(self.events)]
                with (self._folder / "log.txt").open("wb") as log:
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise InputError(cannot_write(self._folder, error)) from error
            pid = self._process.pid
            write_json(self._notes, {"about": about, "pid": pid, "started": born(pid)})
            return True

    def stop(self, uuid: str) -> None:
        """End what was started with this UUID, and what that started; anything else, or what has ended, stays as it is.

        Raises:
            InputError: the disk cannot be written.
        """
        with self._starting:
            facts = read_json(self._notes)
            if not facts or facts["about"].get("uuid") != uuid or not self._lives(facts):
                return
            write_json(self._notes, facts | {"stopped": True})
            with suppress(ProcessLookupError):
                os.killpg(facts["pid"], signal.SIGTERM)
            if self._process is not None and self._process.pid == facts["pid"]:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_ENDING)
            else:
                with suppress(psutil.Error):
                    psutil.Process(facts["pid"]).wait(_ENDING)

    def tell(self) -> Told:
        """Return what became of it."""
        facts = read_json(self._notes)
        if not facts:
            return Told()
        lives = self._lives(facts)  # asked first: whoever lived then may have finished its story since
        told = dataclasses.replace(_told(self.events), about=facts["about"])
        if told.state == "done" or lives:
            return told
        if facts.get("stopped"):
            return dataclasses.replace(told, state="stopped", message=None, remaining=None)
        if told.state in ("failed", "stopped"):
            return told
        last = last_lines(self._folder / "log.txt", 1) or ["it was ended from outside; start it again"]
        return dataclasses.replace(told, state="failed", message=last[0])

    def _lives(self, facts: dict[str, Any]) -> bool:
        if self._process is not None and self._process.pid == facts["pid"]:
            return self._process.poll() is None
        return lives(facts["pid"], facts.get("started"))


class Chores:
    """The chores of a project.

    Attributes:
        reading: looks through the images and takes up what became of them.
        labels: previews, stores or takes back imported labels.
        choosing: lets a strategy choose what to ask for.
    """

    def __init__(self, paths: ProjectFolder) -> None:
        self.reading = Chore(paths.cache / "chores" / "reading")
        self.labels = Chore(paths.cache / "chores" / "labels")
        self.choosing = Chore(paths.cache / "chores" / "choosing")


def _told(events: Path) -> Told:
    """Return what a file of events adds up to."""
    told: dict[str, Any] = {"state": "running"}
    if not events.is_file():
        return Told(**told)
    for event in read_events(events):
        match event:
            case Progress():
                told |= {"work": event.work, "done": event.done, "total": event.total, "remaining": event.remaining}
            case Said(level="note"):
                told["said"] = (*told.get("said", ()), event.message)[-5:]
            case Said(level="warning"):
                told["message"] = event.message
            case RunFinished():
                told |= {"state": "done", "results": json.loads(json.dumps(event.results)), "remaining": None}
            case RunFailed(status=143 | 130):
                told |= {"state": "stopped", "message": None, "remaining": None}
            case RunFailed():
                told |= {"state": "failed", "message": event.reason, "remaining": None}
            case _:
                pass
    return Told(**told)
