"""Timing training steps: our training loop as the stages run it, and a stock loop over a DataLoader."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from barlowmatch.configs.shared import RunOptions
from barlowmatch.events import silent
from barlowmatch.machine.compute import Compute
from barlowmatch.runs.run import Run
from barlowmatch.training.loop import Trainer
from barlowmatch.training.task import Task
from benchmarks.sides import Figures

Mark = tuple[float, float, float]
"""When a step had its batch: the time, the processor time so far, and the seconds waited for batches so far."""


def mark(waited: float) -> Mark:
    """Return this moment; the processor time is this process's and its children's."""
    process = psutil.Process()
    times = [process.cpu_times(), *(child.cpu_times() for child in process.children(recursive=True))]
    return time.perf_counter(), sum(spent.user + spent.system for spent in times), waited


def figures(marks: list[Mark]) -> Figures:
    """Return seconds and processor seconds a step, and the share of the time spent waiting for batches.

    The first step and the last are left out: a step lasts from its batch being there to the next one being there.
    """
    steps = list(itertools.pairwise(marks[1:]))
    return {
        "seconds": statistics.median(later[0] - earlier[0] for earlier, later in steps),
        "processor_seconds": statistics.median(later[1] - earlier[1] for earlier, later in steps),
        "stall_share": (marks[-1][2] - marks[1][2]) / (marks[-1][0] - marks[1][0]),
    }


def run_of(folder: Path) -> Run:
    """Return a run that reports to nobody."""
    return Run("benchmark", folder, silent, folder / "last.pt", folder / "best.pt")


@contextmanager
def watched(task: Task, look: Callable[[int], None]) -> Iterator[None]:
    """Call `look(step)` whenever a step of `task` has its batch and begins."""
    rate = task.rate

    def looked_at(step: int, total: int) -> float:
        look(step)
        return rate(step, total)

    task.rate = looked_at  # type: ignore[method-assign]
    try:
        yield
    finally:
        del task.rate


def time_trainer(task: Task, config: RunOptions, compute: Compute, folder: Path, steps: int) -> Callable[[], Figures]:
    """Return a function that goes on training for a few steps and returns their figures."""
    trainer = Trainer(task, config, run_of(folder), compute, {})

    def measure() -> Figures:
        marks: list[Mark] = []
        trainer.state.total_steps = trainer.state.step + steps + 2
        with watched(task, lambda _step: marks.append(mark(trainer.prefetcher.waited))):
            trainer.train()
        return figures(marks)

    return measure


def time_loop(loader: Iterable[Any], step: Callable[[Any], None], steps: int) -> Callable[[], Figures]:
    """Return a function that makes a few steps of `loader`'s next pass and returns their figures."""

    def measure() -> Figures:
        marks: list[Mark] = []
        waited, batches = 0.0, iter(loader)
        for _ in range(steps + 2):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            marks.append(mark(waited))
            step(batch)
        return figures(marks)

    return measure
