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

CHUNK = 64
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]

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
    `{"reason": …}`. Leaving the iterator early stops the workers.

    Args:
        task: name of a task of worker.py.
        items: what to do, each an argument of the task that JSON can carry.
        workers: processes; default one per core.
        setup: what all items share.
    """
    size = max(1, min(CHUNK, len(items) // (4 * (workers or cores()))))
    work = _Work(task, dict(setup or {}), items)
    for start in range(0, len(items), size):
        work.chunks.put(range(start, min(start + size, len(items))))
    count = min(workers or cores(), -(-len(items) // size))
    threads = [threading.Thread(target=work.serve, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(len(items)):
            answer = work.answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        work.stop()
        for thread in threads:
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
        process = self._start()
        try:
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
                    self.answers.put((place, {"reason": "the decoder crashed on it or took too long"}))
                    self._end(process)
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
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "barlowmatch.data.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            env=environment,
        )
        self._processes.add(process)
        return process

    def _end(self, process: "subprocess.Popen[str]") -> None:
        self._processes.discard(process)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
