"""What work tells of itself as a whole: one start and one end, whatever comes between."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Event, JsonLines, RunFailed, RunFinished, RunStarted, fan_out
from barlowmatch.files import cannot_write
from barlowmatch.stopping import Interrupted, Terminated

Mistakes = tuple[type[Exception], ...]


class Report:
    """Passes on what work tells, of starts and ends one each.

    Work that knows no better says `start`; starts and ends of what runs within it are left out then. A run tells its
    own, with its folder and its step, and these are passed on.

    Args:
        stage: what the work is called.
        emit: who listens.
        mistakes: errors that bad input causes.

    Attributes:
        results: its closing figures, where it does not tell its end itself.
        begun: whether it told that it begins.
    """

    def __init__(self, stage: str, emit: Emit, mistakes: Mistakes = (InputError,)) -> None:
        self.results: dict[str, Any] = {}
        self.begun = False
        self._stage, self._emit, self._mistakes = stage, emit, mistakes
        self._is_whole = False
        self._ended = False

    def start(self, folder: str = "") -> None:
        """Tell that the work begins, and that nobody else tells its start and its end.

        Args:
            folder: of its run, "" where it has none.
        """
        self(RunStarted(stage=self._stage, folder=folder))
        self._is_whole = True

    def __call__(self, event: Event) -> None:
        """Pass on an event, unless it is a second start or end."""
        if isinstance(event, (RunStarted, RunFinished, RunFailed)) and (self._is_whole or self._ended):
            return
        if isinstance(event, RunStarted):
            if self.begun:
                return
            self.begun = True
        if isinstance(event, (RunFinished, RunFailed)):
            self._end(event)
        else:
            self._emit(event)

    def end(self, error: BaseException | None) -> None:
        """Tell the end, where the work has not: that it is done, or what ended it."""
        if self._ended:
            return
        if error is None:
            self._end(RunFinished(step=0, results=self.results))
        else:
            self._end(RunFailed(reason=reason(error), status=exit_status(error, self._mistakes)))

    def _end(self, event: Event) -> None:
        if not self.begun:
            self._emit(RunStarted(stage=self._stage, folder=""))
        self._ended = True
        self._emit(event)


@contextmanager
def reported(stage: str, emit: Emit, mistakes: Mistakes = (InputError,)) -> Iterator[Report]:
    """Report work: that it began, what it tells, and how it ended, however that came.

    Args:
        stage: what it is called.
        emit: who listens.
        mistakes: errors that bad input causes.
    """
    report = Report(stage, emit, mistakes)
    try:
        yield report
    except BaseException as error:
        report.end(error)
        raise
    report.end(None)


@contextmanager
def written(path: Path | None, emit: Emit) -> Iterator[Emit]:
    """Append what is emitted to a file too, where one is named, as JSON lines.

    Raises:
        InputError: it cannot be written.
    """
    if path is None:
        yield emit
        return
    try:
        lines = JsonLines(path)
    except OSError as error:
        raise InputError(cannot_write(path, error)) from error
    try:
        yield fan_out(emit, lines)
    finally:
        lines.close()


def exit_status(error: BaseException, mistakes: Mistakes = (InputError,)) -> int:
    """Return the exit status an error ends a command with: 2 for `mistakes`, 143 or 130 when asked to stop, else 1."""
    match error:
        case Interrupted() | Terminated():
            return error.status
        case SystemExit(code=int(code)):
            return code
        case KeyboardInterrupt():
            return 130
        case _:
            return 2 if isinstance(error, mistakes) else 1


def reason(error: BaseException) -> str:
    """Return in one line why work ended early."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return "stopped"
    return (str(error).strip() or type(error).__name__).splitlines()[0]
