"""How long work reports: frozen events of plain numbers, and who listens.

A stage calls `emit(event)`. Listeners write `events.jsonl`, draw a progress bar, or do what the app likes. The state
of a run is what its last event says and whether its process lives.
"""

import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from barlowmatch.data.tables import shown

VERSION = 1
LINE_SECONDS = 10.0
"""Between two lines of progress where there is no terminal."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened; `time` is seconds since the epoch."""

    time: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """Work began or, with `step` above zero, goes on from a checkpoint; `folder` is its run's, "" where it has none."""

    stage: str
    folder: str
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """How far a piece of work has come.

    Attributes:
        work: what is being done, as a person would say it ("pretrain", "decode images").
        done: units finished.
        total: units in all.
        unit: what is counted ("step", "image").
        rate: units a second of late; samples_rate, where set, counts samples a second.
        remaining: seconds left at that rate, 0 where it is not known yet.
        metrics: the latest figures (loss, learning rate, …).
    """

    work: str
    done: int
    total: int
    unit: str = "step"
    rate: float = 0.0
    samples_rate: float = 0.0
    remaining: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """Figures measured on a split; accuracies are shares between 0 and 1."""

    step: int
    split: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is durable at `path`."""

    step: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Said(Event):
    """A sentence for the user: what was decided for them, or what looks wrong (`level` note or warning)."""

    message: str
    level: str = "note"


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The work ended as planned; `results` are its closing figures."""

    step: int
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunFailed(Event):
    """The work ended early: `reason` in one line, `status` its exit status."""

    reason: str
    status: int


Emit = Callable[[Event], None]
KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (RunStarted, Progress, Evaluated, CheckpointSaved, Said, RunFinished, RunFailed)
}


def silent(event: Event) -> None:
    """Listen to nothing; the default where nobody wants to hear."""


def to_json(event: Event) -> str:
    """Return the event as one line of JSON; numbers that JSON lacks (NaN, infinity) become null."""
    values = {"event": type(event).__name__, "version": VERSION, **dataclasses.asdict(event)}
    return json.dumps(_finite(values), default=str)


def from_json(line: str) -> Event | None:
    """Return the event of a line, or None for a line cut short or an event of a newer version.

    Stories are read to be shown: their text has escapes for bytes of file names that are no UTF-8.
    """
    try:
        values = shown(json.loads(line))
        kind = KINDS[values.pop("event")]
        known = {item.name for item in dataclasses.fields(kind)}
        return kind(**{name: value for name, value in values.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of an `events.jsonl`, passing over what cannot be read."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            event = from_json(line)
            if event is not None:
                yield event


def fan_out(*listeners: Emit) -> Emit:
    """Return a listener that calls each of `listeners`; one that fails is named once and left out afterwards."""
    working = list(listeners)

    def emit(event: Event) -> None:
        for listener in tuple(working):
            try:
                listener(event)
            except Exception as error:
                working.remove(listener)
                print(f"barlowmatch: a listener failed and is left out: {error}", file=sys.stderr)  # noqa: T201

    return emit


class JsonLines:
    """Appends each event to a file as one flushed line."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        """Write the event."""
        self._file.write(to_json(event) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; what a full disk has not taken was told when it was written."""
        with suppress(OSError):
            self._file.close()


class Console:
    """Draws progress on a terminal and prints the rest as lines; without a terminal it prints a line now and then."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: tqdm[Any] | None = None
        self._work = ""
        self._last_line = 0.0

    def __call__(self, event: Event) -> None:
        """Show the event."""
        match event:
            case Progress():
                self._progress(event)
            case RunStarted(step=step) if step:
                self._line(f"{event.stage}: going on from step {step} in {event.folder}")
            case RunStarted() if event.folder:
                self._line(f"{event.stage}: run folder {event.folder}")
            case Evaluated():
                self._line(f"{event.split} after step {event.step}: {describe_shares(event.metrics)}")
            case Said(level="warning"):
                self._line(f"WARNING: {event.message}")
            case Said():
                self._line(event.message)
            case RunFinished(results={"best": best, "checkpoint": last}):
                self._line(f"finished after step {event.step}; the model is {best}, the state to go on from {last}")
            case _:
                pass

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, text: str) -> None:
        tqdm.write(text, file=self._stream)

    def _progress(self, event: Progress) -> None:
        if not self._stream.isatty():
            now = time.monotonic()
            if event.work != self._work or event.done >= event.total or now - self._last_line >= LINE_SECONDS:
                self._work, self._last_line = event.work, now
                self._line(progress_line(event))
            return
        if self._bar is None or self._work != event.work:
            self.close()
            self._work = event.work
            self._bar = tqdm(
                total=event.total,
                initial=event.done,
                desc=event.work,
                unit=event.unit,
                file=self._stream,
                dynamic_ncols=True,
            )
        self._bar.total = event.total
        self._bar.set_postfix_str(describe(event.metrics), refresh=False)
        self._bar.update(event.done - self._bar.n)
        if event.done >= event.total:
            self.close()


def progress_line(event: Progress) -> str:
    """Return progress as a sentence: `pretrain 40/200 steps, 12.5 step/s, 13 s left, loss 3.21`."""
    rate = f"{rounded(event.rate)} {event.unit}/s" if event.rate else ""
    samples = f"{rounded(event.samples_rate)} images/s" if event.samples_rate else ""
    left = f"{duration(event.remaining)} left" if event.remaining else ""
    parts = [f"{event.work} {event.done:,}/{event.total:,} {event.unit}s", rate, samples, left, describe(event.metrics)]
    return ", ".join(part for part in parts if part)


def describe(metrics: Mapping[str, float]) -> str:
    """Return figures as `name value, …`, learning rates and losses with three significant digits."""
    return ", ".join(f"{name.replace('_', ' ')} {rounded(value)}" for name, value in metrics.items())


def rounded(value: float) -> str:
    """Return a number with three significant digits: `0.0123`, `12.5`, `1,430`."""
    short = f"{value:.3g}"
    return f"{float(short):,.0f}" if 1000 <= abs(float(short)) < math.inf else short


def describe_shares(metrics: Mapping[str, float]) -> str:
    """Return accuracies in percent, each with its 95 % interval where `NAME_low` and `NAME_high` are there."""
    parts = []
    for name, value in metrics.items():
        if name.endswith(("_low", "_high")):
            continue
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        interval = "" if low is None or high is None else f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        parts.append(f"{name.replace('_', ' ')} {100 * value:.1f} %{interval}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time as people say it: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
