"""Kill a process that writes, again and again, and see whether all it acknowledged is there.

    python -m tests.faults.killed_writer DATABASE KILLS [early]

A warm parent forks a child that labels from four threads and reports each acknowledged event through a pipe; the
parent kills it by SIGKILL at a random moment and looks for what was reported. With `early` the writer answers before
the commit: a fault put in on purpose, which this has to find. The last line is JSON: {acknowledged, lost, faults}.
"""

import json
import os
import random
import select
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from storage.checks import find_faults
from storage.clock import instant
from storage.database import Database, open_reader, open_writer, transaction
from storage.events import record
from storage.people import find_or_add_person
from storage.records import Sent
from storage.writer import Work, Writer
from tests.storage.building import build, is_stored

IMAGES = 50


class EarlyWriter(Writer):
    """Answers each piece of a group when it is done, before the commit of the group."""

    def _serve(self, db: Database) -> bool:
        group = [self._queue.get()]
        while not self._queue.empty():
            group.append(self._queue.get())
        with transaction(db):
            for piece in group:
                assert piece is not None
                self._settle([piece], [self._attempt(db, piece[0])])
        return True


def label(number: int, thread: int, person: int) -> tuple[str, Work]:
    own = str(uuid.uuid4())
    sent = Sent(
        own, b"", "label", person, image=1 + (number * 7 + thread) % IMAGES, class_id=number % 3, source="browse"
    )
    return own, lambda db: record(db, sent, instant(), 60.0)


def child(path: Path, pipe: int, kind: type[Writer]) -> None:
    """Label until killed."""
    writer = kind(path)

    def work(thread: int) -> None:
        number = 0
        while True:
            own, piece = label(number, thread, 1)
            if writer.write(piece).status == "acknowledged":
                os.write(pipe, own.encode())
            number += 1

    for thread in range(4):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    signal.pause()


def drain(pipe: int, seconds: float | None) -> bytes:
    """Return what comes through a pipe for some time, or (None) until it ends."""
    end = None if seconds is None else time.monotonic() + seconds
    heard = b""
    while True:
        wait = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([pipe], [], [], wait)[0]:
            return heard
        chunk = os.read(pipe, 65536)
        if not chunk:
            return heard
        heard += chunk


def kill_once(path: Path, kind: type[Writer], draw: random.Random) -> list[str]:
    """Fork a child, kill it at one of its answers, and return what it acknowledged.

    Half of the kills come the moment an answer is heard, when a commit that is still to come would be lost.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(path, writing, kind)
        os._exit(0)
    os.close(writing)
    select.select([reading], [], [], 30.0)
    heard = drain(reading, draw.uniform(0.0, 0.02))
    if draw.random() < 0.5:
        select.select([reading], [], [], 30.0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    heard += drain(reading, None)
    os.close(reading)
    return [heard[start : start + 36].decode() for start in range(0, len(heard), 36)]


def main() -> None:
    path, kills, kind = Path(sys.argv[1]), int(sys.argv[2]), (EarlyWriter if "early" in sys.argv[3:] else Writer)
    db = open_writer(path)
    build(db, images=IMAGES)
    with transaction(db):
        find_or_add_person(db, "Ann")
    db.close()
    draw = random.Random(0)
    found: dict[str, Any] = {"acknowledged": 0, "lost": 0}
    for _ in range(kills):
        acknowledged = kill_once(path, kind, draw)
        reader = open_reader(path)
        found["acknowledged"] += len(acknowledged)
        found["lost"] += sum(not is_stored(reader, own) for own in acknowledged)
        reader.close()
    reader = open_reader(path)
    found["faults"] = find_faults(reader)
    reader.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
