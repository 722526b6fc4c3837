"""How a process ends that is asked to stop while it begins, or when its work is done: one line, status 130 or 143.

It takes effect as a program's first line, so nothing that takes time is imported here. A signal that raised would come
out of whatever package is just being imported, as a traceback or as that package's own error.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_last_words: list[Callable[[int], None]] = []


class _Leave:
    """The handler of both signals.

    Args:
        name: of the program, for its line.
    """

    def __init__(self, name: str) -> None:
        self._line = f"{name}: stopped\n".encode()

    def __call__(self, number: int, _frame: object) -> None:
        """End the process on the spot; a second signal does so even where this one is held up."""
        signal.signal(number, signal.SIG_DFL)
        for tell in _last_words:
            with suppress(Exception):
                tell(number)
        with suppress(Exception):  # nobody reads any more, or the signal came in the midst of writing
            sys.stdout.flush()
        if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
            with suppress(OSError):
                os.write(2, self._line)
        os._exit(128 + number)


def leave_when_asked(name: str) -> None:
    """Have SIGINT and SIGTERM end this process on the spot, unless whoever started it has them ignored.

    Args:
        name: of the program, for its line.
    """
    leave = _Leave(name)
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, leave)


def leaves_when_asked(number: int) -> bool:
    """Say whether a signal ends this process on the spot, by what is said here."""
    return isinstance(signal.getsignal(number), _Leave)


@contextmanager
def last_words(tell: Callable[[int], None]) -> Iterator[None]:
    """Have `tell` called with the signal's number before a signal ends this process on the spot."""
    _last_words.append(tell)
    try:
        yield
    finally:
        _last_words.remove(tell)


def drop_output() -> None:
    """Let nothing more be flushed into a closed pipe: whoever read our output (head, less) has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
