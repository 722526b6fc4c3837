"""How a run learns that it is to stop: signals become a request that is looked at between steps, or an exception."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from barlowmatch.leaving import leaves_when_asked
from barlowmatch.machine import launcher

_AGAIN_SECONDS = 0.05


class Interrupted(Exception):  # noqa: N818 - not a fault
    """The run was asked to stop and can go on later; `status` is the exit status (143 SIGTERM, 130 SIGINT)."""

    way_on = "a checkpoint is saved, --resume auto goes on from it"

    def __init__(self, status: int) -> None:
        super().__init__(f"stopped as asked; {self.way_on}")
        self.status = status


class Terminated(KeyboardInterrupt):
    """SIGTERM came where no loop looks for it: work ends as Ctrl-C would end it, and takes back what it has begun."""

    status = 128 + signal.SIGTERM


class StopRequest:
    """Whether SIGTERM or SIGINT came, and the exit status that goes with it."""

    status: int | None = None

    def wish(self) -> KeyboardInterrupt:
        """Return what ends work as asked; SIGTERM is from now on ignored, while that takes back what it has begun."""
        if self.status != Terminated.status:
            return KeyboardInterrupt()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return Terminated()


@contextmanager
def stops_raised() -> Iterator[None]:
    """Let SIGINT raise `KeyboardInterrupt` and SIGTERM, once, `Terminated`, where they would end this process at once.

    What packages make of these on their way out, their own errors or nothing, ends in the same two.

    Of several processes under a launcher none waits to take back what it has begun: another may wait for it. SIGTERM
    ends such a one even where it waits for others itself and no handler is called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    request = StopRequest()

    def end(number: int, _frame: object) -> None:
        request.status = 128 + number if number != signal.SIGALRM else request.status
        raise request.wish()

    with _handled({number: end for number in (signal.SIGINT, signal.SIGTERM) if _ends_at_once(number)}):
        try:
            yield
        except Exception as error:
            if request.status is None or isinstance(error, Interrupted):
                raise
            raise request.wish() from error
        if request.status is not None:
            raise request.wish()


@contextmanager
def _handled(handlers: dict[int, Any]) -> Iterator[None]:
    """Have signals call handlers, which raise `KeyboardInterrupt`, and what is lost of that raised once more."""
    if not handlers:
        yield
        return
    again = next(iter(handlers.values()))
    if signal.SIGTERM in handlers and launcher.is_one_of_several():
        handlers[signal.SIGTERM] = signal.SIG_DFL
    hook, before = sys.unraisablehook, {number: signal.signal(number, handler) for number, handler in handlers.items()}
    raise_again_where_lost(KeyboardInterrupt, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for number, handler in (before | {signal.SIGALRM: signal.SIG_DFL}).items():
            signal.signal(number, handler)


def _ends_at_once(number: int) -> bool:
    return leaves_when_asked(number) or signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def raise_again_where_lost(kind: type[BaseException], handler: Callable[[int, object], None]) -> None:
    """Have a signal's handler, which raises `kind`, called once more a moment later where that came to nothing.

    Python cannot pass on what is raised within a callback from C, or while an object is cleared away, and goes on. It
    tells `sys.unraisablehook`, and here that sets the alarm clock.
    """

    def tell(lost: "sys.UnraisableHookArgs") -> None:
        if isinstance(lost.exc_value, kind):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(lost)

    signal.signal(signal.SIGALRM, handler)
    sys.unraisablehook = tell


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Turn SIGTERM and SIGINT into a request that the loop looks at between steps."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # signals reach the main thread only; whoever runs a stage elsewhere stops it otherwise
        return

    def handle(number: int, _frame: object) -> None:
        request.status = 128 + number

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
