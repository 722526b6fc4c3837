"""How the commands of `python -m labeling` tell of themselves: to the terminal, and to a file where one is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from barlowmatch.configs.fields import need_inputs
from barlowmatch.errors import InputError
from barlowmatch.events import Console, Emit, fan_out, silent
from barlowmatch.files import paths_explained
from barlowmatch.reporting import reported, written
from storage.errors import StorageError

MISTAKES = (InputError, StorageError)
"""Errors that bad input causes: told in one line, exit status 2."""


@dataclass
class Account:
    """How a command tells what it does.

    Attributes:
        emit: tells the terminal and the file.
        note: tells the file alone what the terminal shows anyway.
        results: its closing figures.
    """

    emit: Emit
    note: Emit
    results: dict[str, Any] = field(default_factory=dict)


@contextmanager
def telling(stage: str, events: Path | None, folder: str = "") -> Iterator[Account]:
    """Tell that a command began, how far it is, and how it ended, however that came.

    Args:
        stage: what it is called.
        events: a file that gets everything as JSON lines, if any.
        folder: of its run, "" where it has none.

    Raises:
        InputError: the file cannot be written.
    """
    console = Console()
    try:
        with (
            written(events, silent) as note,
            reported(stage, fan_out(console, note), MISTAKES) as report,
            paths_explained(),
        ):
            report.start(folder)
            account = Account(report, note)
            yield account
            report.results = account.results
    finally:
        console.close()


class Told(Protocol):
    """The config of a command that tells of itself."""

    @property
    def events(self) -> Path | None: ...  # noqa: D102


@contextmanager
def telling_of(command: str, config: Told) -> Iterator[Account]:
    """Tell what a command does, and first of all what it should read and is not there.

    Raises:
        InputError: something to read is not there, or the file of events cannot be written.
    """
    with telling(command, config.events) as account:
        need_inputs(config)
        yield account
