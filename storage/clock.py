"""Two kinds of time: the monotonic clock of one boot, by which leases end, and the date, which is written down.

No change of the date can move the first.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Instant:
    """A moment: `seconds` on the monotonic clock of the boot `boot`."""

    boot: str
    seconds: float


def boot_id() -> str:
    """Return what names this boot of the machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"booted-{psutil.boot_time():.0f}"


_BOOT = boot_id()


def instant() -> Instant:
    """Return the present moment."""
    return Instant(_BOOT, time.monotonic())


def now() -> str:
    """Return the present time as it is stored: ISO 8601, UTC, milliseconds."""
    return as_stored(datetime.now(UTC))


def as_stored(moment: datetime) -> str:
    """Return a moment in UTC as times are stored."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp() -> str:
    """Return the present time as a part of a file name: UTC, seconds."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
