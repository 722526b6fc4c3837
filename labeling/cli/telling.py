"""How the commands of `python -m labeling` tell of themselves: to the terminal, and to a file where one is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from barlowmatch.errors import InputError
from barlowmatch.events import Console, Emit, JsonLines, RunFailed, RunFinished, RunStarted, fan_out
from storage.errors import StorageError


class Account:
    """What a command will have done: `results` are its closing figures."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.results: dict[str, Any] = {}


@contextmanager
def telling(stage: str, folder: Path, events: Path | None) -> Iterator[Account]:
    """Tell that a command began, how far it is, and how it ended.

    Args:
        stage: what it is called.
        folder: what it works on.
        events: a file that gets everything as JSON lines, if any.
    """
    console = Console()
    lines = JsonLines(events) if events is not None else None
    account = Account(fan_out(console, *([lines] if lines else [])))
    if lines:
        lines(RunStarted(stage=stage, folder=str(folder)))
    try:
        yield account
        account.emit(RunFinished(step=0, results=account.results))
    except (InputError, StorageError) as error:
        account.emit(RunFailed(reason=str(error), status=2))
        raise
    finally:
        console.close()
        if lines:
            lines.close()
