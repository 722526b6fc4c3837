"""The database opens as it must, refuses what is not ours, and is copied whole."""

import sqlite3 as system_sqlite
import threading
from pathlib import Path

import pysqlite3
import pytest

from storage.checks import find_faults
from storage.database import back_up, open_reader, open_writer, pragma, transaction
from storage.errors import StorageError
from storage.migrations import VERSION
from tests.storage.building import build

YESTERDAY = Path(__file__).parent / "schema-1.sql"


def test_it_is_durable_by_its_pragmas(path: Path) -> None:
    db = open_writer(path)
    found = {name: pragma(db, name) for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    assert pysqlite3.sqlite_version_info >= (3, 51, 3)
    db.close()


def test_a_reader_cannot_write(path: Path) -> None:
    open_writer(path).close()
    reader = open_reader(path)
    with pytest.raises(pysqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM person")
    reader.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label_event SET class = 1",
        "DELETE FROM label_event",
        "INSERT OR REPLACE INTO label_event SELECT * FROM label_event",
        "DELETE FROM class WHERE id = 0",
        "UPDATE class SET id = 99 WHERE id = 0",
        "DELETE FROM image WHERE id = 20",
        "UPDATE image SET state = 'nonsense'",
        "INSERT INTO label_event (uuid, body, batch, person, image, kind, source, created) "
        "VALUES ('x', x'', 'x', 1, 1, 'label', 'single', '')",
        "INSERT INTO prediction VALUES (999, 1, 0, 0.5, NULL, NULL, NULL, NULL, 0)",
    ],
)
def test_what_must_not_happen_is_refused(path: Path, statement: str) -> None:
    db = open_writer(path)
    scene = build(db)
    scene.say("Ann", "label", scene.images[0], class_id=0)
    before = [tuple(row) for row in db.execute("SELECT * FROM label_event")]
    with pytest.raises(pysqlite3.DatabaseError), transaction(db):
        db.execute(statement)
    assert [tuple(row) for row in db.execute("SELECT * FROM label_event")] == before
    db.close()


def test_a_newer_version_is_refused(path: Path) -> None:
    db = open_writer(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    for opener in (open_writer, open_reader):
        with pytest.raises(StorageError, match=r"project\.db: was written by a newer version"):
            opener(path)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    other = system_sqlite.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    with pytest.raises(StorageError, match="another program"):
        open_writer(path)


def test_a_damaged_file_is_refused_in_one_line(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(StorageError, match=r"cannot be used .*; restore a backup") as caught:
        open_writer(path)
    assert "\n" not in str(caught.value)


def test_no_project_is_made_by_reading(path: Path) -> None:
    with pytest.raises(StorageError, match="no such project"):
        open_reader(path)
    assert not path.exists()


def test_yesterdays_schema_is_todays(path: Path, tmp_path: Path) -> None:
    """A project of version 1, as its SQL was written down then, opens and works."""
    old = pysqlite3.connect(tmp_path / "old.db", isolation_level=None)
    old.executescript(YESTERDAY.read_text(encoding="utf-8"))
    old.close()
    db = open_writer(tmp_path / "old.db")
    scene = build(db)
    scene.say("Ann", "label", scene.images[0], class_id=1)
    assert scene.state(scene.images[0]) == ("labeled", 1)
    new = open_writer(path)
    assert _schema(db) == _schema(new), "a change of the schema needs a migration and a new version"
    assert pragma(db, "user_version") == VERSION
    assert len(list(tmp_path.glob("old.db.before-*"))) == 1, "a copy is kept before anything is changed"
    db.close()
    new.close()


def _schema(db: pysqlite3.Connection) -> list[str]:
    sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
    return [" ".join(row[0].split()) for row in db.execute(sql)]


def test_a_copy_is_whole_while_others_write(path: Path, tmp_path: Path) -> None:
    db = open_writer(path)
    scene = build(db, images=200)
    stop = threading.Event()

    def write() -> None:
        beside = open_writer(path)
        number = 0
        while not stop.wait(0.001):
            with transaction(beside):
                beside.execute("INSERT INTO project VALUES (?, '1')", (f"key {number}",))
            number += 1
        beside.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            scene.say("Ann", "label", scene.images[number], class_id=0)
            back_up(db, tmp_path / f"copy-{number}.db")
    finally:
        stop.set()
        thread.join()
    for number in range(3):
        copy = open_reader(tmp_path / f"copy-{number}.db")
        assert find_faults(copy) == []
        assert copy.execute("SELECT count(*) FROM label_event").fetchone()[0] == number + 1
        copy.close()
    assert not list(tmp_path.glob(".partial*"))
    db.close()


def test_a_failed_copy_leaves_nothing(path: Path, tmp_path: Path) -> None:
    db = open_writer(path)
    with pytest.raises(StorageError, match="cannot be"):
        back_up(db, tmp_path / "no" / "such" / "folder.db")
    assert not list(tmp_path.glob("**/.partial*"))
    db.close()
