"""How the commands of `python -m labeling` tell of themselves: to the terminal, and to a file where one is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from barlowmatch.configs.fields import need_inputs
from barlowmatch.errors import InputError
from barlowmatch.events import Console, Emit, JsonLines, RunFailed, RunFinished, RunStarted, fan_out
from storage.errors import StorageError


class Told(Protocol):
    """The config of a command that tells of itself."""

    @property
    def project(self) -> Path: ...  # noqa: D102

    @property
    def events(self) -> Path | None: ...  # noqa: D102


class Account:
    """What a command will have done: `results` are its closing figures."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.results: dict[str, Any] = {}


@contextmanager
def telling(stage: str, config: Told, folder: Path | None = None) -> Iterator[Account]:
    """Tell that a command began, how far it is, and how it ended: at once where what it reads is not there.

    Args:
        stage: what it is called.
        config: of the command; its `events` gets everything as JSON lines.
        folder: what it works on, by default the project.

    Raises:
        InputError: something to read is not there.
    """
    events, folder = config.events, folder or config.project
    console = Console()
    lines = JsonLines(events) if events is not None else None
    account = Account(fan_out(console, *([lines] if lines else [])))
    if lines:
        lines(RunStarted(stage=stage, folder=str(folder)))
    try:
        need_inputs(config)
        yield account
        account.emit(RunFinished(step=0, results=account.results))
    except (InputError, StorageError) as error:
        account.emit(RunFailed(reason=str(error), status=2))
        raise
    finally:
        console.close()
        if lines:
            lines.close()
