"""Run folders and the processes that work in them: launched without a shell, found again by any later process.

`launch.json` in a run folder says what was launched and which process does the work:

| field | holds |
|---|---|
| `stage` | `pretrain`, `train-classifier`, `fixmatch`, `embed` or `round` |
| `command` | the exact words of the command line |
| `created`, `launched` | when it was first and last launched (ISO 8601, UTC) |
| `about` | what it was asked for: preset, changed values, minutes, the round it belongs to |
| `pid`, `start_time` | its process; the number alone could be another's by now |
| `output` | how long `output.txt` was when it was last launched: from there on it is this process's |
| `cancelled` | when it was last asked to stop, null where it was not |

A launched process first writes the manifest of the labels of that moment beside it (`labeling.runs.manifests`) and then
becomes the command itself, so its number stays. A run that somebody started by hand has no `launch.json`; its own
`process.json` names the process then.
"""

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write, write_json
from barlowmatch.processes import born, lives
from barlowmatch.runs.names import PROCESS
from labeling.processes import PACKAGES, read_json
from labeling.project import reading, writing
from labeling.runs.manifests import read_facts, write_manifest
from storage.database import transaction
from storage.predictions import add_run

SCHEMA = 1
LAUNCH = "launch.json"
OUTPUT = "output.txt"
NICENESS = 5
"""Runs give way to the server: a page is to answer while a run uses all cores."""

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""Processes of this process's own, asked after so that dead ones do not linger as zombies."""


def new_name(stage: str) -> str:
    """Return a name for a run folder: stage, time, and what makes it the only one."""
    return f"{stage}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(3)}"


def python_words(launcher: str) -> list[str]:
    """Return the words that start Python, before `-m barlowmatch`.

    Args:
        launcher: the project's setting, such as `torchrun --nproc-per-node 8` or `srun python`; "" is this Python.

    Raises:
        InputError: its program is not there, or its quotes do not match.
    """
    if not launcher.strip():
        return [sys.executable]
    try:
        first, *rest = shlex.split(launcher)
    except ValueError as error:
        raise InputError(f"launcher {launcher!r}: {error}; close the quotes") from error
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which(first, path=beside)
    if program is None:
        raise InputError(f"launcher {launcher!r}: there is no program {first!r}; install it or name its full path")
    return [program, *rest]


def launch(folder: Path, facts: dict[str, Any], starter: Sequence[str], *, own_group: bool) -> int:
    """Start a process in a run folder and note it there; return its number.

    Args:
        folder: the run folder; made where it is new.
        facts: of `launch.json`, without the process.
        starter: what is really started; it becomes `facts["command"]`.
        own_group: whether it gets a process group of its own; without one it is stopped with its parent.

    Raises:
        InputError: the folder cannot be written, or the program not started.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTPUT).open("ab") as output:
            known = {"schema": SCHEMA, **facts, "output": output.tell(), "cancelled": None}
            write_json(folder / LAUNCH, known | {"pid": None, "start_time": None})
            process = subprocess.Popen(
                starter, cwd=PACKAGES, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=own_group,
            )  # fmt: skip
    except OSError as error:
        raise InputError(cannot_write(folder, error)) from error
    _children[process.pid] = process
    write_json(folder / LAUNCH, known | {"pid": process.pid, "start_time": born(process.pid)})
    return process.pid


def starter(project: Path, folder: Path) -> list[str]:
    """Return the words that start a stage in a run folder of a project, by way of its manifest."""
    return [sys.executable, "-m", "labeling", "launch", "--project", str(project), "--run", folder.name]


def note_own_process(folder: Path, facts: dict[str, Any]) -> None:
    """Note this very process as the one that works in a run folder that nobody launched."""
    mine = {"pid": os.getpid(), "start_time": born(os.getpid())}
    write_json(folder / LAUNCH, {"schema": SCHEMA, **facts, "cancelled": None, **mine})


def note(folder: Path, facts: dict[str, Any]) -> None:
    """Note something more about a run that was launched; of one started by hand nothing is noted."""
    known = read_json(folder / LAUNCH)
    if known:
        write_json(folder / LAUNCH, known | facts)


def become(project: Path, folder: Path) -> NoReturn:
    """Write the manifest of a launched run, where it has none yet, and turn this process into its command.

    Raises:
        InputError: nothing was launched there, the manifest cannot be written, or the program is gone.
    """
    facts = read_json(folder / LAUNCH)
    if not facts:
        raise InputError(f"{folder}: nothing was launched here; start runs from the page Train")
    if read_facts(folder) is None:
        with reading(project) as db:
            write_manifest(db, folder)
    manifest = read_facts(folder)
    if not folder.name.startswith("."):  # what only times steps is no run
        with writing(project) as db, transaction(db):
            add_run(db, os.fsencode(folder), facts["stage"], manifest.event if manifest else None)
    os.nice(NICENESS)
    command = facts["command"]
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be started ({error.strerror}); mend the launcher") from error


def living_process(folder: Path) -> int | None:
    """Return the number of the process that works in a run folder, None where none lives."""
    for name in (LAUNCH, PROCESS):
        facts = read_json(folder / name)
        pid = facts.get("pid")
        if pid in _children:
            _children[pid].poll()  # takes leave of a dead child, which would else count as a process
        if isinstance(pid, int) and lives(pid, facts.get("start_time")):
            return pid
    return None


def ask_to_stop(pid: int) -> None:
    """Ask the process group of a run to stop: a stage writes a checkpoint, and a round stops with its present stage."""
    with suppress(ProcessLookupError):
        group = os.getpgid(pid)
        if group == os.getpgrp():  # of a run in our own group only the process itself is asked
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(group, signal.SIGTERM)


def learned_at(embeddings: Path) -> int | None:
    """Return the label event that the network behind a run's embeddings was trained at, None for those from elsewhere.

    Args:
        embeddings: folder in the run folder of `embed`.
    """
    run = embeddings.absolute().parent
    trained = read_json(run / LAUNCH).get("about", {}).get("starts_from")
    manifest = read_facts(run.parent / trained) if trained else None
    return None if manifest is None else manifest.event
