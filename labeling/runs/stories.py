"""What a run has told so far, read from its `events.jsonl` bit by bit and kept small.

A file of a long run has hundreds of thousands of lines. Each is looked at once, as it is written; of a long file met
for the first time only so many lines of progress are read as a plot can show; and curves are thinned as they grow.
"""

import os
import threading
from array import array
from collections import deque
from pathlib import Path

from barlowmatch.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Progress,
    RunFailed,
    RunFinished,
    RunStarted,
    Said,
    from_json,
)

POINTS = 500
"""Points of a curve at most."""
SENTENCES = 50
_CHUNK = 2**18
_LONGEST_LINE = 2**25
_PROGRESS = b'{"event": "Progress"'
_PROGRESS_BYTES = 400  # of a usual line of progress, to guess how many a file holds


class Curve:
    """A figure over the steps of a run, as no more than `POINTS` points spread evenly over it."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._values = array("d")
        self._stride = 1
        self._seen = 0
        self._last: tuple[int, float] | None = None

    def add(self, step: int, value: float) -> None:
        """Add a point."""
        if self._seen % self._stride == 0:
            self._steps.append(step)
            self._values.append(value)
        self._seen += 1
        self._last = (step, value)
        if len(self._steps) >= POINTS:
            self._steps, self._values = self._steps[::2], self._values[::2]
            self._stride *= 2

    def go_back(self, step: int) -> None:
        """Forget what came after `step`: a resumed run does it again."""
        keep = sum(known <= step for known in self._steps)
        del self._steps[keep:], self._values[keep:]
        if self._last is not None and self._last[0] > step:
            self._last = None

    @property
    def points(self) -> list[tuple[int, float]]:
        """The points by rising step, the latest always among them."""
        found = list(zip(self._steps, self._values, strict=True))
        return found if self._last is None or found[-1:] == [self._last] else [*found, self._last]


class Story:
    """The story of one run.

    Attributes:
        progress: the latest progress.
        end: how it ended, None while it has not said so.
        heard: when the latest event was written, seconds since the epoch.
        checkpoint: step of the latest checkpoint.
        sentences: the latest things said to the user.
        curves: figures of training, by name.
        evaluations: figures measured on the validation split, by name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._inode, self._offset, self._rest = 0, 0, b""
        self._progress_lines = 0
        self.progress: Progress | None = None
        self.end: RunFinished | RunFailed | None = None
        self.heard: float | None = None
        self.checkpoint: int | None = None
        self.sentences: deque[Said] = deque(maxlen=SENTENCES)
        self.curves: dict[str, Curve] = {}
        self.evaluations: dict[str, Curve] = {}

    def catch_up(self) -> "Story":
        """Read what was written since the last time; a file that was begun anew is read anew."""
        with self._reading:
            try:
                with self._path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    if status.st_ino != self._inode or status.st_size < self._offset:
                        self._forget()
                        self._inode = status.st_ino
                    file.seek(self._offset)
                    self._read(file.fileno(), status.st_size - self._offset)
            except OSError:
                pass  # no event yet
        return self

    def _read(self, handle: int, size: int) -> None:
        every = max(1, size // (_PROGRESS_BYTES * 2 * POINTS))
        latest = b""
        while chunk := os.read(handle, _CHUNK):
            self._offset += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > _LONGEST_LINE:
                self._rest = b""  # whatever it is, it is no event
            for line in lines:
                if not line.startswith(_PROGRESS):
                    latest = self._hear(latest) or self._hear(line)
                    continue
                self._progress_lines += 1
                latest = line if self._progress_lines % every else self._hear(line)
        self._hear(latest)

    def _hear(self, line: bytes) -> bytes:
        """Take in a line, b"" being none; returns b"", that nothing is left to hear."""
        event = None if not line else from_json(line.decode("utf-8", "replace"))
        if event is not None:
            self.heard = event.time
            self._take(event)
        return b""

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.end = None
                for curve in (*self.curves.values(), *self.evaluations.values()):
                    curve.go_back(event.step)
            case Progress():
                self.progress = event
                _add(self.curves, event.done, dict(event.metrics))
            case Evaluated():
                _add(self.evaluations, event.step, dict(event.metrics))
            case CheckpointSaved():
                self.checkpoint = event.step
            case Said():
                self.sentences.append(event)
            case RunFinished() | RunFailed():
                self.end = event
            case _:
                pass


def _add(curves: dict[str, Curve], step: int, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        if isinstance(value, int | float):  # a figure that was no number is null
            curves.setdefault(name, Curve()).add(step, float(value))
