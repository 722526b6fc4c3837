"""Trials side by side: each keeps one core busy, and all of them the machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits

from barlowmatch.simulation.learners import Learner
from barlowmatch.simulation.protocol import Protocol, Trial, run_trial
from barlowmatch.simulation.world import World

Work = tuple[str, int]
"""A strategy and a repetition."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What all trials of a simulation share."""

    world: World
    protocol: Protocol
    learner: Learner

    def trial(self, work: Work) -> Trial:
        """Run one."""
        name, repeat = work
        return run_trial(self.world, name, repeat, self.protocol, self.learner)


def run_trials(setting: Setting, work: Sequence[Work], processes: int) -> Iterator[Trial]:
    """Yield trials as they end, in any order.

    A trial is a long row of small computations: threads would spend most of it waiting for each other.

    Args:
        setting: what they share; goes to each process once.
        work: which trials.
        processes: how many at once; one runs them here, with all threads.
    """
    if min(processes, len(work)) < 2:
        yield from map(setting.trial, work)
        return
    pool = ProcessPoolExecutor(
        min(processes, len(work)), multiprocessing.get_context("spawn"), initializer=_set_up, initargs=(setting,)
    )
    try:
        for future in as_completed([pool.submit(_trial, item) for item in work]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_setting: Setting


def _set_up(setting: Setting) -> None:
    global _setting  # noqa: PLW0603 - a process of the pool serves one simulation
    _setting = setting
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started this process ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpool_limits(1)
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """Do not outlive a simulation that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _trial(work: Work) -> Trial:
    return _setting.trial(work)
