"""The one thread that writes: it takes what has queued up, stores it in one transaction, and only then answers."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from storage.database import Database, close_writer, explained, is_disk_error, open_writer, savepoint, transaction
from storage.errors import DiskFull, StorageError

Result = TypeVar("Result")
Work = Callable[[Database], Any]
GROUP = 256
"""Most pieces of work in one transaction."""


class Writer:
    """Runs pieces of work one after another on the only writing connection of the process.

    A piece of work is a function of the database. Pieces that wait together share a transaction (group commit: one
    sync of the disk for all of them), each inside a savepoint, so that one that fails takes back only itself. A
    piece's future gets its result after the commit: who has an answer, has it on disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="writer", daemon=True)
        self._thread.start()
        opened.result()

    def submit(self, work: Callable[[Database], Result]) -> "Future[Result]":
        """Queue a piece of work; the future answers when it is on disk.

        The future raises what the work raised, or `DiskFull` where the commit failed.
        """
        future: Future[Result] = Future()
        with self._closing:  # a piece behind the end of the queue would never be answered
            if self._closed:
                raise StorageError("the project is being closed; try again in a moment")
            self._queue.put((work, future))
        return future

    def write(self, work: Callable[[Database], Result]) -> Result:
        """Do a piece of work and wait until it is on disk."""
        return self.submit(work).result()

    def close(self) -> None:
        """Finish what is queued, write the log back into the database, and close it."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self, opened: "Future[None]") -> None:
        try:
            db = open_writer(self._path)
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while self._serve(db):
                pass
        finally:
            close_writer(db)

    def _serve(self, db: Database) -> bool:
        """Store what waits; return whether to go on."""
        group = [self._queue.get()]
        while group[-1] is not None and len(group) < GROUP:
            try:
                group.append(self._queue.get_nowait())
            except queue.Empty:
                break
        pieces = [piece for piece in group if piece is not None]
        if pieces:
            self._settle(pieces, self._store(db, [work for work, _ in pieces]))
        return group[-1] is not None

    def _store(self, db: Database, works: list[Work]) -> list[Any]:
        """Return the result of each piece, or the exception that it failed with, once all is on disk."""
        try:
            with explained(self._path), transaction(db):
                return [self._attempt(db, work) for work in works]
        except Exception as error:  # whatever it is, nothing was stored and each asker hears it
            return [error] * len(works)

    @staticmethod
    def _attempt(db: Database, work: Work) -> Any:
        try:
            with savepoint(db):
                return work(db)
        except Exception as error:
            if is_disk_error(error) or isinstance(error, DiskFull) or not db.in_transaction:
                raise  # the whole transaction is lost
            return error

    @staticmethod
    def _settle(pieces: list[tuple[Work, "Future[Any]"]], results: list[Any]) -> None:
        for (_, future), result in zip(pieces, results, strict=True):
            if not future.set_running_or_notify_cancel():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
