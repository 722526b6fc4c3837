"""Batches made ahead: while one step is computed, a thread makes the next one's batch, on a stream of its own."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

from barlowmatch.training.task import Task


class Prefetcher:
    """Gives the batches of a run in order, each made while the one before is in use.

    On an accelerator the batch is made on a second stream, so that its many small operations fill what the network
    leaves idle.

    Args:
        task: makes the batches.
        device: where batches live.

    Attributes:
        waited: seconds that somebody stood still because a batch was not ready.
    """

    def __init__(self, task: Task, device: torch.device) -> None:
        self.waited = 0.0
        self._task = task
        self._device = device
        on_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]

    @contextmanager
    def batches(self, first: int) -> Iterator[Iterator[Any]]:
        """Yield the endless batches from step `first` on; the thread ends with the context."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
            yield self._ahead(pool, first)

    def _ahead(self, pool: ThreadPoolExecutor, step: int) -> Iterator[Any]:
        waiting: Future[Any] = pool.submit(self._made, step, self._so_far())
        while True:
            asked = time.monotonic()
            # `batch` holds the one before until this one is made: none of its memory is reused on the other stream
            # while the network may still be reading it.
            batch = waiting.result()
            self.waited += time.monotonic() - asked
            if self._stream is not None:
                torch.cuda.current_stream(self._device).wait_stream(self._stream)
            step += 1
            waiting = pool.submit(self._made, step, self._so_far())
            yield batch

    def _so_far(self) -> torch.cuda.Event | None:
        """Mark the end of the steps that the device was given so far.

        What they have freed may be reused from there on. The mark is set before the next step is given: a batch that
        waited for that one as well would not be made while it is computed.
        """
        return None if self._stream is None else torch.cuda.current_stream(self._device).record_event()

    def _made(self, step: int, after: torch.cuda.Event | None) -> Any:
        if self._stream is None or after is None:
            return self._task.batch(step)
        self._stream.wait_event(after)
        with torch.cuda.stream(self._stream):
            return self._task.batch(step)
