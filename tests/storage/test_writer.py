"""The writer answers after the commit, groups what waits, and lets each piece fail alone."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2 as sqlite3

from storage.database import Database, open_reader, open_writer, pragma
from storage.errors import DiskFull, StorageError
from storage.writer import Writer


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    opened = Writer(path)
    yield opened
    opened.close()


def put(key: str):  # noqa: ANN201
    return lambda db: db.execute("INSERT INTO project VALUES (?, '1')", (key,)).lastrowid


def keys(path: Path) -> set[str]:
    reader = open_reader(path)
    found = {row["key"] for row in reader.execute("SELECT key FROM project")}
    reader.close()
    return found


def test_who_has_an_answer_has_it_on_disk(writer: Writer, path: Path) -> None:
    for number in range(50):
        writer.write(put(f"k{number}"))
        assert f"k{number}" in keys(path)


def test_what_waits_together_shares_a_transaction(writer: Writer, path: Path) -> None:
    """All pieces queued behind one that blocks are visible to others at the same moment or not at all."""
    entered, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def block(db: Database) -> None:
        entered.set()
        go_on.wait()

    def look(_: Database) -> None:
        seen.append(len(keys(path)))

    blocked = writer.submit(block)
    entered.wait()
    waiting = [writer.submit(put(f"k{number}")) for number in range(10)] + [writer.submit(look)]
    go_on.set()
    for future in [blocked, *waiting]:
        future.result()
    assert seen == [0], "nothing of the group is committed while it is being written"
    assert len(keys(path)) == 10


def test_a_piece_that_fails_takes_back_only_itself(writer: Writer, path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def half_done(db: Database) -> None:
        db.execute("INSERT INTO project VALUES ('half', '1')")
        raise ValueError("broken")

    def wait(_: Database) -> None:
        entered.set()
        go_on.wait()

    first = writer.submit(wait)
    entered.wait()
    before, broken, after = (writer.submit(work) for work in (put("before"), half_done, put("after")))
    go_on.set()
    first.result()
    before.result()
    after.result()
    with pytest.raises(ValueError, match="broken"):
        broken.result()
    assert keys(path) == {"before", "after"}


def test_a_full_disk_is_said_to_all_and_nothing_is_stored(writer: Writer, path: Path) -> None:
    writer.write(put("before"))
    pages = writer.write(lambda db: pragma(db, "page_count"))
    writer.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone() and None)
    large = "x" * 100_000
    entered, go_on = threading.Event(), threading.Event()

    def wait(_: Database) -> None:
        entered.set()
        go_on.wait()

    first = writer.submit(wait)
    entered.wait()
    small = writer.submit(put("small"))
    full = writer.submit(lambda db: db.execute("INSERT INTO project VALUES ('large', ?)", (f'"{large}"',)) and None)
    go_on.set()
    first.result()
    for future in (small, full):
        with pytest.raises(DiskFull, match="nothing of this is stored"):
            future.result()
    assert keys(path) == {"before"}
    writer.write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone() and None)
    writer.write(put("small"))
    assert keys(path) == {"before", "small"}, "with space again the writer goes on"


def test_what_another_process_holds_for_too_long_is_said_in_words(writer: Writer, path: Path) -> None:
    writer.write(lambda db: db.execute("PRAGMA busy_timeout = 20").fetchone() and None)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another process has held it"):
        writer.write(put("never"))
    other.execute("COMMIT")
    other.close()
    writer.write(put("then"))
    assert keys(path) == {"then"}


def test_many_threads_lose_nothing(writer: Writer, path: Path) -> None:
    def write(name: int) -> None:
        for number in range(20):
            writer.write(put(f"{name}-{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(path)) == 160


def test_closing_finishes_what_is_queued(path: Path) -> None:
    writer = Writer(path)
    futures = [writer.submit(put(f"k{number}")) for number in range(30)]
    writer.close()
    assert all(future.done() for future in futures)
    assert len(keys(path)) == 30
    with pytest.raises(StorageError, match="being closed"):
        writer.submit(put("late"))


def test_what_is_queued_while_the_writer_closes_is_answered(path: Path) -> None:
    writer = Writer(path)
    queue = writer._queue
    closing = threading.Thread(target=writer.close)

    class Late:
        get, get_nowait = queue.get, queue.get_nowait

        def put(self, piece: Any) -> None:
            if piece is not None:
                closing.start()
                closing.join(0.3)
            queue.put(piece)

    writer._queue = Late()  # type: ignore[assignment]
    writer.submit(put("late")).result(10)
    closing.join()
    assert keys(path) == {"late"}


def test_a_database_that_cannot_be_opened_is_said_at_once(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be read as a header of one" * 40)
    with pytest.raises(StorageError, match="cannot be used"):
        Writer(path)


def test_another_process_may_write_beside(writer: Writer, path: Path) -> None:
    beside = open_writer(path)
    beside.execute("BEGIN IMMEDIATE")
    beside.execute("INSERT INTO project VALUES ('theirs', '1')")
    ours = writer.submit(put("ours"))
    beside.execute("COMMIT")
    ours.result()
    beside.close()
    assert keys(path) == {"theirs", "ours"}
