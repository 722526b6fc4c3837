"""What is known of other processes: whether they live, and the files they leave; and how ours end when asked to."""

import json
import signal
from pathlib import Path
from typing import Any

import psutil


def started_at(pid: int) -> float | None:
    """Return when a process started, None where there is none; with the number it names a process for good."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


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
