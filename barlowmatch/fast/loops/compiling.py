"""How the loops of this package are compiled for the CPU at hand, by numba."""

from collections.abc import Callable
from typing import Any

from numba import njit

FAST = ("contract", "reassoc", "nsz")
"""Sums may be regrouped; what is not finite stays so, because runs watch for it."""


def compiled(function: Callable[..., None]) -> Any:
    """Compile a function that does not hold the interpreter's lock, and keep it on disk where that can be written."""
    try:
        return njit(nogil=True, fastmath={*FAST}, cache=True)(function)
    except RuntimeError:  # neither beside this file nor in the user's folder for caches
        return njit(nogil=True, fastmath={*FAST})(function)
