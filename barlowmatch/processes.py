"""Whether a process still lives: its number alone may be another's by now."""

from pathlib import Path

import psutil

_PROC = Path("/proc")


def born(pid: int) -> str | None:
    """Return when a process began, as a text that with its number names it for good; None where it does not live."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _born_on_linux(pid) or str(process.create_time())
    except psutil.Error:
        return None


def lives(pid: object, birth: object) -> bool:
    """Say whether the process lives that had this number and was born then.

    Args:
        pid: what was noted as its number.
        birth: what `born` returned then; earlier versions noted seconds since 1970.
    """
    if not isinstance(pid, int) or birth is None:
        return False
    now = born(pid)
    if now is None or not isinstance(birth, float):
        return now == birth
    try:
        return abs(psutil.Process(pid).create_time() - birth) < 2
    except psutil.Error:
        return False


def _born_on_linux(pid: int) -> str | None:
    """Return boot and clock ticks since then: seconds since 1970 move there whenever the clock is corrected."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        behind_the_name = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return f"{boot} {int(behind_the_name[19])}"
