"""Waiting for something that another process does: asked again and again, with a pause that leaves it the cores."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(condition: Callable[[], Found], what: str = "", seconds: float = 120, pause: float = 0.05) -> Found:
    """Wait until something is so, and return it.

    Raises:
        AssertionError: it was not in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what or "it took too long"
        time.sleep(pause)
    return found
