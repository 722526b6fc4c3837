"""Looking at many pictures in several processes at once, none of which can take the caller down."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from barlowmatch.errors import InputError

CHUNK = 64
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_ENDED = {1: "failed on it or waited for it in vain", -9: "was killed on it, perhaps for want of memory"}
"""What the exit status says of a worker that did not crash: one that waited too long ends itself with 1."""
_WAY_OUT = "free memory or end other programs, or take fewer at once by --workers"

Answer = dict[str, Any]
Item = TypeVar("Item")


class Computed(Sequence[Item], Generic[Item]):
    """Things made when they are asked for: a list of what to do for millions of files would fill the memory.

    Args:
        count: how many.
        make: returns the one at a place.
    """

    def __init__(self, count: int, make: Callable[[int], Item]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        if isinstance(place, slice):
            return [self._make(one) for one in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return self._make(place % self._count)


def cores() -> int:
    """Return how many processes can work at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    task: str, items: Sequence[Any], workers: int | None = None, setup: Mapping[str, Any] | None = None
) -> Iterator[tuple[int, Answer]]:
    """Yield (place of the item, answer) as worker processes finish them, in any order.

    An item on which a worker dies is tried once more, alone in a new process; if that one dies too, its answer is
    `{"reason": …}`, `passing` where it did not crash. Leaving the iterator early stops the workers.

    Args:
        task: name of a task of worker.py.
        items: what to do, each an argument of the task that JSON can carry.
        workers: processes; default one per core.
        setup: what all items share.

    Raises:
        InputError: no worker can be started.
    """
    size = max(1, min(CHUNK, len(items) // (4 * (workers or cores()))))
    work = _Work(task, dict(setup or {}), items)
    for start in range(0, len(items), size):
        work.chunks.put(range(start, min(start + size, len(items))))
    count = min(workers or cores(), -(-len(items) // size))
    threads = [threading.Thread(target=work.serve, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(len(items)):
            answer = work.answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        work.stop()
        for thread in filter(threading.Thread.is_alive, threads):
            thread.join()


class _Work:
    """What the threads of one `run_tasks` share: each thread feeds one worker process at a time."""

    def __init__(self, task: str, setup: dict[str, Any], items: Sequence[Any]) -> None:
        self._request = {"task": task, "setup": setup}
        self._items = items
        self._stopped = threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()
        self.chunks: queue.SimpleQueue[range] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[tuple[int, Answer] | BaseException] = queue.SimpleQueue()

    def serve(self) -> None:
        """Work on chunks until none is left."""
        process = None
        try:
            process = self._start()
            while not self._stopped.is_set():
                chunk = self.chunks.get_nowait()
                done = self._ask(process, chunk)
                if done < len(chunk):
                    self._end(process)
                    self._one_by_one(chunk[done:])
                    process = self._start()
        except queue.Empty:
            pass
        except BaseException as error:
            self.answers.put(error)
        finally:
            if process is not None:
                self._end(process)

    def stop(self) -> None:
        """End at once; answers not yet given are lost."""
        self._stopped.set()
        for process in tuple(self._processes):
            process.kill()

    def _one_by_one(self, places: range) -> None:
        """Find the item that a worker died on: alone in a process, it dies again or was not the cause."""
        process = self._start()
        try:
            for place in places:
                if self._stopped.is_set():
                    return
                if self._ask(process, range(place, place + 1)) == 0:
                    self.answers.put((place, _obituary(self._end(process))))
                    process = self._start()
        finally:
            self._end(process)

    def _ask(self, process: "subprocess.Popen[str]", places: range) -> int:
        """Have a worker do some items; return how many it answered before it died, all where it lives."""
        assert process.stdin is not None
        assert process.stdout is not None
        request = self._request | {"items": [self._items[place] for place in places]}
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            for done, place in enumerate(places):
                line = process.stdout.readline()
                if not line.endswith("\n"):
                    return done
                self.answers.put((place, json.loads(line)[0]))
        except OSError:
            return 0
        return len(places)

    def _start(self) -> "subprocess.Popen[str]":
        path = os.pathsep.join(filter(None, (str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "barlowmatch.data.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="ascii",
                errors="backslashreplace",
                env=environment,
            )
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"no process can be started to read images ({why}); {_WAY_OUT}") from error
        self._processes.add(process)
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != "ready\n":
            said = process.stderr.read().splitlines()
            status = self._end(process)
            why = next(filter(None, map(str.strip, reversed(said))), f"exit status {status}")
            raise InputError(f"a process started to read images ended at once ({why}); {_WAY_OUT}")
        return process

    def _end(self, process: "subprocess.Popen[str]") -> int:
        """End a worker if it lives and return its exit status."""
        self._processes.discard(process)
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status


def _obituary(status: int) -> Answer:
    """Return the answer for an item that workers died on: a crash is the picture's fault, all else may pass."""
    if status in _ENDED:
        return {"reason": f"the decoder {_ENDED[status]}", "passing": True}
    return {"reason": "the decoder crashed on it or took too long"}
