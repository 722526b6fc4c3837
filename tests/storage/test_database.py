"""The database opens as it must, refuses what is not ours, and is copied whole."""

import sqlite3 as system_sqlite
import threading
from pathlib import Path

import pysqlite3
import pytest

from storage.checks import find_faults
from storage.classes import Merged, list_merged, merge_class, split_class
from storage.database import back_up, open_reader, open_writer, pragma, transaction
from storage.errors import StorageError
from storage.migrations import VERSION
from storage.people import list_members
from storage.stats import my_work
from tests.storage.building import Scene, build

YESTERDAY = sorted(Path(__file__).parent.glob("schema-*.sql"))
"""A project of each earlier version, as its SQL was written down when that was the newest."""


def test_it_is_durable_by_its_pragmas(path: Path) -> None:
    db = open_writer(path)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "trusted_schema": 0}
    assert {name: pragma(db, name) for name in wanted} == wanted
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


def _restore(written: Path, path: Path) -> Path:
    old = pysqlite3.connect(path, isolation_level=None)
    old.executescript(written.read_text(encoding="utf-8"))
    old.close()
    return path


def test_a_project_of_each_earlier_version_is_written_down() -> None:
    assert [written.name for written in YESTERDAY] == [f"schema-{version}.sql" for version in range(1, VERSION)]


@pytest.mark.parametrize("written", YESTERDAY, ids=lambda written: written.stem)
def test_yesterdays_schema_is_todays(written: Path, path: Path, tmp_path: Path) -> None:
    db = open_writer(_restore(written, tmp_path / "old.db"))
    new = open_writer(path)
    assert _schema(db) == _schema(new), "a change of the schema needs a migration and a new version"
    assert pragma(db, "user_version") == VERSION
    assert len(list(tmp_path.glob("old.db.before-*"))) == 1, "a copy is kept before anything is changed"
    assert find_faults(db) == []
    db.close()
    new.close()


def test_an_empty_project_of_the_first_version_works(tmp_path: Path) -> None:
    db = open_writer(_restore(YESTERDAY[0], tmp_path / "old.db"))
    scene = build(db)
    scene.say("Ann", "label", scene.images[0], class_id=1)
    assert scene.state(scene.images[0]) == ("labeled", 1)
    db.close()


def test_labels_merges_and_requests_of_the_second_version_are_read_and_go_on(tmp_path: Path) -> None:
    """In it c counts for nothing else, and a, merged into b first, and b count for c."""
    db = open_writer(_restore(YESTERDAY[1], tmp_path / "old.db"))
    scene = Scene(db, [1, 2, 3, 4, 5], [0, 1, 2])
    assert [scene.state(image) for image in scene.images] == [("labeled", 2)] * 3 + [("none", None)] * 2
    scene.say("Bob", "label", 4, class_id=1, source="browse")
    with transaction(db):
        split_class(db, 0)
        merge_class(db, 0, 1)
    assert [scene.state(image) for image in scene.images[:4]] == [("labeled", 2)] * 4
    with transaction(db):
        split_class(db, 1)
    assert [scene.state(image)[1] for image in scene.images[:4]] == [1, 1, 2, 1]
    assert find_faults(db) == []
    db.close()


def test_answers_of_the_fourth_version_count_where_they_stand(tmp_path: Path) -> None:
    db = open_writer(_restore(YESTERDAY[3], tmp_path / "old.db"))
    assert list_merged(db) == [Merged(0, "a", 1, 1)]
    assert [(item.name, item.answers) for item in list_members(db)] == [("Ann", 1), ("Bob", 1)]
    assert my_work(db, 2, "2000").answers == 1
    db.close()


def test_who_only_reads_brings_an_earlier_version_up_to_date_first(tmp_path: Path) -> None:
    reader = open_reader(_restore(YESTERDAY[1], tmp_path / "old.db"))
    assert find_faults(reader) == []
    assert pragma(reader, "user_version") == VERSION
    reader.close()


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
