"""What our processes share: how they find the packages, how they end when asked to, and the files they leave."""

import json
import os
import signal
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).parents[1]
"""Where `python -m barlowmatch` and `python -m labeling` are found."""


def let_children_import() -> None:
    """Let Python processes that this one starts find these packages, whatever folder they are started in."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PACKAGES), *([others] if others else [])])


def leave_on_sigterm() -> None:
    """Let SIGTERM end this process by way of everything that is to be closed or taken back, with status 143."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a file holds, {} where there is none or it is cut short."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value


def last_line(path: Path) -> str:
    """Return the last line of a log that says anything, cut to 500 characters."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]
