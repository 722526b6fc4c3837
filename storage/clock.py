"""Time as leases count it: the monotonic clock of one boot, which no change of the date can move."""

import time
from dataclasses import dataclass
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
