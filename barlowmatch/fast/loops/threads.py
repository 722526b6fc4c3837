"""The threads in which the compiled loops of this package run, each of which computes alone."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

Share = TypeVar("Share")
Result = TypeVar("Result")


def in_threads(work: Callable[[Share], Result], shares: list[Share]) -> list[Result]:
    """Return what `work` makes of each share of the work, in as many threads, each of which computes alone."""
    if len(shares) == 1:
        return [work(shares[0])]
    return list(_pool(torch.get_num_threads()).map(work, shares))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    all_there = Barrier(threads + 1)

    def begin() -> None:
        torch.get_num_threads()  # the first question in a thread sets its number to the process's
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="compute")
    for _ in range(threads):
        pool.submit(begin)
    all_there.wait()
    torch.set_num_threads(threads)  # threads that begin later take what was set last
    return pool
