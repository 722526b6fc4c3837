"""How a run learns that it is to stop: signals become a request that is looked at between steps, or an exception."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from barlowmatch import launcher

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


@contextmanager
def termination_raised() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` once, where it would end this process on the spot.

    Of several processes under a launcher none waits to take back what it has begun: another may wait for it.
    """
    alone = threading.current_thread() is threading.main_thread() and not launcher.is_one_of_several()
    if not alone or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    hook = sys.unraisablehook
    signal.signal(signal.SIGTERM, end)
    raise_again_where_lost(Terminated, end)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)


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
