"""What a run that never begins leaves behind: nothing of its own, and the files of an earlier run as they were."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from barlowmatch.errors import InputError
from barlowmatch.files import whole_file
from barlowmatch.runs.names import CONFIG, EVENTS, LOG, PROCESS


class Traces:
    """A run folder as it was before a run was opened in it.

    A run that starts up tells of itself at once, so that others see it live. Where it is refused, or stopped before
    its first step, what it told is taken back: a finished or resumable run is what it was.

    Args:
        folder: the run folder.
        made: it and those above it that were made for the run, the innermost first.

    Attributes:
        folder: the run folder.
        of_earlier_run: whether a run has been here before.
    """

    def __init__(self, folder: Path, made: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.of_earlier_run = (folder / CONFIG).is_file()
        self._made = made
        self._process = _content(folder / PROCESS)
        self._sizes = {path: _size(path) for path in (folder / EVENTS, folder / LOG)}

    def undo(self, error: BaseException) -> None:
        """Take back what a run wrote that ended with `error` before it began."""
        if self.of_earlier_run:
            with suppress(OSError, InputError):  # the error that ended the run is the one to tell
                self._restore()
        elif self._made and isinstance(error, InputError):  # bad input leaves nothing behind
            shutil.rmtree(self.folder, ignore_errors=True)
            for parent in self._made[1:]:
                with suppress(OSError):  # somebody else may have put something into it
                    parent.rmdir()

    def _restore(self) -> None:
        for path, size in self._sizes.items():
            if size is None:
                path.unlink(missing_ok=True)
            else:
                with path.open("rb+") as file:
                    file.truncate(size)
        if self._process is None:
            (self.folder / PROCESS).unlink(missing_ok=True)
        else:
            with whole_file(self.folder / PROCESS) as partial:
                partial.write_bytes(self._process)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
