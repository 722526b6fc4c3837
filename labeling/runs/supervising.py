"""The runs of a project: started, watched, stopped and gone on with, whoever started them and whichever server asks.

A run is a folder `runs/<stage>-<UTC>-<6 hex>/`. What is known of it is in its files alone: `launch.json` (what was
launched, which process), `manifest.json` (the label event it learned at), `events.jsonl`, `result.json`. Closing the
tab or ending the server changes nothing; a later server reads the same files. The table `run` of the database is an
index of these folders and can be made anew from them.

Whoever wants the figures of a run over the labels it had reads, of each `Run` in `Runs.newest()` whose state is `done`,
`run.event` (the label event) and `run.labels` (labels by split), and `val` in the `result.json` of its folder: count,
accuracy, accuracy_low, accuracy_high, balanced_accuracy, recalls by class and confusion, as
`barlowmatch.evaluation.Report` gives them.
"""

import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from barlowmatch.runs.names import CONFIG, EVENTS, LOG
from labeling.processes import last_lines, read_json
from labeling.project import ProjectFolder
from labeling.runs import launching
from labeling.runs.launching import LAUNCH, OUTPUT
from labeling.runs.manifests import read_facts
from labeling.runs.stages import STAGES, words_as_begun
from labeling.runs.state import Run, describe_run, fingerprint
from labeling.runs.stories import Story
from storage.clock import now
from storage.database import Database
from storage.errors import Refused
from storage.predictions import add_run, list_runs

ROUND = "round"
STORIES = 32
"""Runs whose curves are kept in memory."""
LINES = 100
"""Of a log, the last ones, that are shown."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_STAMP = re.compile(r"-(\d{8}T\d{6})Z-[0-9a-f]{6}$")


@dataclass(frozen=True)
class Wish:
    """What to run.

    Attributes:
        stage: name of the stage, or `round`.
        command: words of the command line after `python -m`.
        about: what it was asked for, as plain values: preset, config, minutes, starts_from.
        within: the round it belongs to, None for a run by itself.
        launcher: the project's way to start Python; "" for this Python.
    """

    stage: str
    command: tuple[str, ...]
    about: dict[str, Any] = field(default_factory=dict)
    within: str | None = None
    launcher: str = ""


class Runs:
    """The runs of a project.

    Args:
        paths: where the project is.
    """

    def __init__(self, paths: ProjectFolder) -> None:
        self._paths = paths
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._ended: dict[str, tuple[tuple[int, ...], Run]] = {}
        self._changing = threading.Lock()

    def folder(self, name: str) -> Path:
        """Return the folder of a run, whether it is there or not.

        Raises:
            Refused: no run can have this name.
        """
        if not _NAME.fullmatch(name):
            raise _missing(name)
        return self._paths.runs / name

    def newest(self, limit: int | None = None) -> list[Run]:
        """Return the runs, newest first, no more than `limit`."""
        if not self._paths.runs.is_dir():
            return []
        names = [entry.name for entry in os.scandir(self._paths.runs) if entry.is_dir() and _NAME.fullmatch(entry.name)]
        newest = sorted(names, key=lambda name: (self._age(name), name), reverse=True)[:limit]
        found = [self._look(name) for name in newest]
        return [run for run in found if run is not None]

    def find(self, name: str) -> Run | None:
        """Return a run by name."""
        return self._look(name) if _NAME.fullmatch(name) else None

    def need(self, name: str) -> Run:
        """Return a run by name.

        Raises:
            Refused: there is none.
        """
        run = self.find(name)
        if run is None:
            raise _missing(name)
        return run

    def story(self, name: str) -> Story:
        """Return what a run has told, with its curves."""
        with self._changing:
            story = self._stories.setdefault(name, Story(self.folder(name) / EVENTS))
            self._stories.move_to_end(name)
            while len(self._stories) > STORIES:
                self._stories.popitem(last=False)
        return story.catch_up()

    def log(self, name: str) -> list[str]:
        """Return the last lines that a run wrote."""
        folder = self.folder(name)
        return last_lines(folder / OUTPUT, LINES) or last_lines(folder / LOG, LINES)

    def running(self, *, but: str | None = None) -> Run | None:
        """Return a run that is at work, other than `but` and its parts; None where the machine is free."""
        for run in self.newest():
            is_part = but is not None and but in (run.name, run.within)
            if run.state == "running" and not is_part:
                return run
        return None

    def start(self, name: str, wish: Wish) -> None:
        """Start a run unless one of this name was started.

        Raises:
            Refused: another run is at work; two would only make each other slow.
            InputError: the folder cannot be written or the program not started.
        """
        folder = self.folder(name)
        with self._one_at_a_time():
            if (folder / LAUNCH).exists():
                return
            self.need_free(wish.within)
            created = now()
            facts = {
                "stage": wish.stage, "created": created, "launched": created, "about": wish.about,
                "within": wish.within, "used_minutes": 0.0,
                "command": [*launching.python_words(wish.launcher), "-m", *wish.command],
            }  # fmt: skip
            self._launch(folder, facts, own_group=wish.within is None)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; a training stage writes a checkpoint first. One that has ended is left alone.

        Raises:
            Refused: there is no such run.
        """
        self.need(name)
        folder = self.folder(name)
        with self._one_at_a_time():
            pid = launching.living_process(folder)
            if pid is not None:
                launching.note(folder, {"cancelled": now()})
                launching.ask_to_stop(pid)

    def resume(self, name: str, *, within: str | None = None, minutes: float | None = None) -> None:
        """Let a run that stopped, failed or died go on where its checkpoint is; a running one is left alone.

        Its command is the same as before, except for `--minutes` and what its preset has come to mean since.

        Args:
            name: of the run.
            within: the round that it goes on in, None for the one that it belongs to.
            minutes: time from now on, None for what is left of its own, and at least a tenth of that.

        Raises:
            Refused: there is no such run, it is done, was started by hand, or another run is at work.
        """
        with self._one_at_a_time():
            run = self.need(name)
            if run.state == "running":
                return
            if run.state == "done":
                raise Refused(f"{name} is done", "name", "start a new run")
            if not run.command:
                raise Refused(f"{name} was started by hand", "name", "go on with it by its own command line")
            self.need_free(within)
            folder = self.folder(name)
            facts = read_json(folder / LAUNCH)
            used = float(facts.get("used_minutes", 0.0)) + run.seconds / 60
            facts |= {"launched": now(), "used_minutes": used, "within": within or facts.get("within")}
            if minutes is not None:
                facts["about"]["minutes"] = used + minutes
            if run.stage in STAGES and (begun := read_json(folder / CONFIG).get("config")):
                facts["command"] = words_as_begun(STAGES[run.stage], facts["about"]["preset"], facts["command"], begun)
            whole = facts["about"].get("minutes")
            if whole is not None:
                left = minutes or max(whole - used, whole / 10)
                facts["command"] = _with_minutes(facts["command"], round(left, 3))
            self._launch(folder, facts, own_group=within is None)

    def index(self, db: Database) -> None:
        """Enter the run folders into the database's index, those that are there already excepted."""
        known = {run.folder for run in list_runs(db)}
        for folder in sorted(self._paths.runs.glob(f"[!.]*/{LAUNCH}")):
            if os.fsencode(folder.parent) in known:
                continue  # not read again at each start, while labels wait
            manifest = read_facts(folder.parent)
            stage = read_json(folder).get("stage", "")
            add_run(db, os.fsencode(folder.parent), stage, manifest.event if manifest else None)

    def _launch(self, folder: Path, facts: dict[str, Any], *, own_group: bool) -> None:
        is_round = facts["stage"] == ROUND
        starter = facts["command"] if is_round else launching.starter(self._paths.folder, folder)
        launching.launch(folder, facts, starter, own_group=own_group)

    def need_free(self, within: str | None = None) -> None:
        """Refuse while a run is at work that is no part of the round `within`.

        Raises:
            Refused: one is; the message names it.
        """
        other = self.running(but=within)
        if other is not None:
            raise Refused(
                f"{other.name} is running", "stage", "wait until it is done, or cancel it; it can go on later", "taken"
            )

    def _one_at_a_time(self) -> FileLock:
        """Return what keeps two servers, rounds or tabs from starting runs at the same moment."""
        self._paths.runs.mkdir(parents=True, exist_ok=True)
        return FileLock(self._paths.runs / ".starting.lock", timeout=30, thread_local=False)

    def _age(self, name: str) -> str:
        stamp = _STAMP.search(name)
        if stamp:
            return stamp[1]
        try:
            changed = (self._paths.runs / name).stat().st_mtime
        except OSError:
            return ""
        return datetime.fromtimestamp(changed, UTC).strftime("%Y%m%dT%H%M%S")

    def _look(self, name: str) -> Run | None:
        folder = self._paths.runs / name
        known = fingerprint(folder)
        if not any(known):
            return None
        kept = self._ended.get(name)
        if kept is not None and kept[0] == known:
            return kept[1]
        lives = launching.living_process(folder) is not None  # asked first: it may end while its story is read
        run = describe_run(name, folder, self.story(name), lives=lives)
        if run.state != "running":
            self._ended[name] = (known, run)
        return run


def _with_minutes(command: list[str], minutes: float) -> list[str]:
    """Return a command line with these `--minutes`."""
    place = command.index("--minutes") if "--minutes" in command else len(command)
    return [*command[:place], "--minutes", str(minutes), *command[place + 2 :]]


def _missing(name: str) -> Refused:
    return Refused(f"no run {name!r}", "name", "GET /api/runs lists them", "missing")
