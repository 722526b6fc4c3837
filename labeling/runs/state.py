"""What is known of one run, from its files and whether its process lives."""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from barlowmatch.events import Progress, RunFailed, RunFinished
from barlowmatch.runs.names import CONFIG, EVENTS, PROCESS, RESULT
from labeling.processes import last_lines, read_json
from labeling.runs.launching import LAUNCH, OUTPUT
from labeling.runs.manifests import read_facts
from labeling.runs.stories import Story

State = Literal["running", "done", "stopped", "failed", "dead"]
"""`stopped` as asked, `failed` by its own account, `dead` without a word."""
_STOPPED = (130, 143)
_COMPLAINTS = ("barlowmatch: ", "labeling: ")
_AFTERWORDS = 300
"""Lines that a launcher such as torchrun may add to what the command itself said last."""


@dataclass(frozen=True)
class Run:
    """A run and how far it is.

    Attributes:
        name: of its folder.
        stage: what is run.
        state: what became of it.
        created: when it was first started, ISO 8601 in UTC.
        about: what it was asked for.
        within: the round it belongs to.
        event: the label event its manifest was written at, None before that or where there is none.
        labels: labels in its manifest, by split.
        progress: the latest progress.
        seconds: from its (latest) start to the latest that was heard of it.
        message: why it failed, or its last line where it died.
        figures: closing figures such as `accuracy`, and those of the latest evaluation before it is done.
        command: the exact words of its command line, () where it was not started by us.
    """

    name: str
    stage: str
    state: State
    created: str
    about: dict[str, Any]
    within: str | None
    event: int | None
    labels: dict[str, int]
    progress: Progress | None
    seconds: float
    message: str | None
    figures: dict[str, float]
    command: tuple[str, ...]


def fingerprint(folder: Path) -> tuple[int, ...]:
    """Return what changes whenever anything of a run changes; all zero where there is no run."""
    found = []
    for name in (LAUNCH, PROCESS, EVENTS, RESULT):
        try:
            status = (folder / name).stat()
        except OSError:
            found.append(0)
        else:
            found += [status.st_mtime_ns, status.st_size]
    return tuple(found)


def describe_run(name: str, folder: Path, story: Story, *, lives: bool) -> Run:
    """Return what is known of a run.

    Args:
        name: of the run.
        folder: its folder.
        story: what it has told, read after `lives` was asked.
        lives: whether its process does.
    """
    facts = read_json(folder / LAUNCH)
    manifest = read_facts(folder)
    launched = facts.get("launched")
    end = None if launched and (story.heard or 0.0) < timestamp(launched) - 1 else story.end  # of an earlier process
    said = last_word(folder, facts)
    state = _state(end, facts, said, lives=lives)
    seconds = 0.0
    if launched is not None:
        until = time.time() if state == "running" else story.heard
        seconds = max(0.0, (until or 0.0) - timestamp(launched))
    return Run(
        name=name, stage=facts.get("stage") or _stage_of(name, folder),
        state=state, created=facts.get("created") or _created(folder), about=facts.get("about", {}),
        within=facts.get("within"), event=None if manifest is None else manifest.event,
        labels={} if manifest is None else manifest.labels, progress=story.progress, seconds=seconds,
        message=_message(state, end, said), figures=_figures(folder, story, state),
        command=tuple(facts.get("command", ())),
    )  # fmt: skip


def _state(end: RunFinished | RunFailed | None, facts: dict[str, Any], said: str, *, lives: bool) -> State:
    if isinstance(end, RunFinished):
        return "done"
    if lives:
        return "running"
    if isinstance(end, RunFailed):
        return "stopped" if end.status in _STOPPED else "failed"
    if facts.get("cancelled"):
        return "stopped"
    return "failed" if _complaint(said) else "dead"


def _message(state: State, end: RunFinished | RunFailed | None, said: str) -> str | None:
    if state == "failed":
        return end.reason if isinstance(end, RunFailed) else _complaint(said)
    return (said or "it was ended from outside and left no word") if state == "dead" else None


def last_word(folder: Path, facts: dict[str, Any]) -> str:
    """Return the line with which a launched process ended: its complaint where it made one, else its last; "" for none.

    Args:
        folder: of the run.
        facts: of its `launch.json`.
    """
    lines = last_lines(folder / OUTPUT, _AFTERWORDS, facts.get("output", 0))
    return next((line for line in reversed(lines) if _complaint(line)), lines[-1] if lines else "")


def _complaint(said: str) -> str | None:
    """Return what a command complained of before its run began, None where its last line is no complaint."""
    return next((said.removeprefix(name) for name in _COMPLAINTS if said.startswith(name)), None)


def _figures(folder: Path, story: Story, state: State) -> dict[str, float]:
    """Return the closing figures, or else the latest on the validation split."""
    results = read_json(folder / RESULT) if state == "done" else {}
    found = {**results, **results.get("val", {})} if isinstance(results.get("val", {}), dict) else results
    closing = {name: float(value) for name, value in found.items() if _is_figure(value)}
    latest = {name: curve.points[-1][1] for name, curve in story.evaluations.items() if curve.points}
    return {**latest, **closing}


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _created(folder: Path) -> str:
    try:
        changed = folder.stat().st_mtime
    except OSError:
        changed = 0.0
    return datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def timestamp(text: str) -> float:
    """Return a stored time as seconds since the epoch, 0 where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _stage_of(name: str, folder: Path) -> str:
    return str(read_json(folder / CONFIG).get("stage") or name.split("-", maxsplit=1)[0])
