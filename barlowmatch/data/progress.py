"""Telling how far work on many things has come, a few times a second."""

import time

from barlowmatch.events import Emit, Progress

_EVERY_SECONDS = 0.5


class Rate:
    """Counts finished images, or other units, and reports progress with rate and time left.

    The rate is that since the first units were finished: before them processes start and files are opened, which says
    nothing of how long the others take.

    Args:
        work: what is being done, as a person would say it.
        total: units in all; nothing is reported where there are none.
        emit: hears of it.
        done: units finished before.
        unit: what is counted.
    """

    def __init__(self, work: str, total: int, emit: Emit, done: int = 0, unit: str = "image") -> None:
        self._work, self._total, self._emit, self._unit = work, total, emit, unit
        self._done = self._before = done
        self._start = self._told = time.monotonic()
        self._begun = False

    def step(self, count: int = 1) -> None:
        """Count units, and report where half a second has passed or all are done."""
        self._done += count
        now = time.monotonic()
        if not self._begun and self._before < self._done < self._total:
            self._begun, self._before, self._start = True, self._done, now
        if self._done < self._total and now - self._told < _EVERY_SECONDS:
            return
        self._told = now
        rate = (self._done - self._before) / max(now - self._start, 1e-9)
        self._emit(
            Progress(
                work=self._work,
                done=self._done,
                total=self._total,
                unit=self._unit,
                rate=rate,
                remaining=(self._total - self._done) / rate if rate else 0.0,
            )
        )
