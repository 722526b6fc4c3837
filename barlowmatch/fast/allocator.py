"""The memory that the C library hands out."""

import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""Parameters of glibc's mallopt."""


def keep_freed_memory() -> None:
    """Have the C library keep the memory of a step for the next one, where it is glibc.

    Otherwise each activation above 32 MiB is mapped anew in every step, and the kernel hands it out page by page,
    zeroed: a seventh of the time of a training step on a CPU. One arena serves all threads, so that what the thread
    that makes batches frees is of use to the network.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return
    for parameter, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1)):
        mallopt(parameter, value)
