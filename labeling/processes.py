"""What our processes share: how they find the packages, how they end when asked to, and the files they leave."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from barlowmatch.machine.launcher import FOR_A_PROGRAM
from barlowmatch.stopping import raise_again_where_lost

PACKAGES = Path(__file__).parents[1]
"""Where `python -m barlowmatch` and `python -m labeling` are found."""


def prepare_children() -> None:
    """Let Python processes that this one starts find these packages anywhere, and know that a program reads them."""
    os.environ[FOR_A_PROGRAM] = "1"
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PACKAGES), *([others] if others else [])])


def leave_on_sigterm() -> None:
    """Let SIGTERM end this process by way of everything that is to be closed or taken back, with status 143."""
    signal.signal(signal.SIGTERM, _leave)
    raise_again_where_lost(SystemExit, _leave)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a file holds, {} where there is none or it is cut short."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value


def last_lines(path: Path, count: int, since: int = 0) -> list[str]:
    """Return the last lines of a log that say anything, each cut to 500 characters; reads no more than 64 KB.

    Args:
        path: of the log.
        count: how many lines at most.
        since: byte before which nothing is read.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(since, os.fstat(file.fileno()).st_size - 2**16))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.rsplit("\r", 1)[-1].rstrip()[:500] for line in text.split("\n")]
    return [line for line in lines if line][-count:]
