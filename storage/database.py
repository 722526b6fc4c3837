"""Opening a project's database, bringing it up to date, and copying it.

`pysqlite3` brings its own SQLite: versions 3.7.0 to 3.51.2 can lose committed writes in WAL mode. With
`synchronous=FULL` a commit that returned survives kill −9 and power failure. Nothing in the process may `open()` the
live file by other means: closing that handle would drop SQLite's locks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlite_utils

from storage.clock import stamp
from storage.errors import DiskFull, StorageError
from storage.migrations import VERSION, migrations

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

Database = sqlite3.Connection
Row = sqlite3.Row

SAFE_SQLITE = (3, 51, 3)
BUSY_SECONDS = 30.0
_WRITER_CACHE, _READER_CACHE = 65536, 8192
"""Kibibytes of pages a connection keeps; a server has one writer and several readers."""
_APPLICATION_ID = 0x424D4C42  # "BMLB", so that any other SQLite file is told apart
_WRITER = {
    "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "trusted_schema": 0,
}  # fmt: skip


def open_writer(path: Path) -> Database:
    """Open the database for writing, made or migrated where needed (after a backup).

    Raises:
        StorageError: no project, one of a newer version, damaged, or on a disk that cannot be written.
    """
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} can lose labels; install pysqlite3 0.6 or newer")
    with explained(path):
        db = _connect(path, "rwc")
        try:
            _check_identity(db, path)  # before the pragmas: one of them writes into the file
            db.execute(f"PRAGMA cache_size = -{_WRITER_CACHE}")
            _set_pragmas(db)
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
    return db


def close_writer(db: Database) -> None:
    """Bring the statistics that queries are planned by up to date where they changed much, and close."""
    with suppress(sqlite3.DatabaseError):  # a full, busy or damaged file is no reason not to close
        db.execute("PRAGMA optimize")
    db.close()


def open_reader(path: Path) -> Database:
    """Open the database for reading only; it sees what was committed when each statement or transaction began.

    One of an earlier version is brought up to date first, as `open_writer` does.

    Raises:
        StorageError: as for `open_writer`.
    """
    with explained(path):
        if not path.is_file():
            raise StorageError(f"{path}: no such project; make one with python -m labeling init")
        db = _connect(path, "ro")
        db.execute("PRAGMA query_only = 1")
        db.execute(f"PRAGMA cache_size = -{_READER_CACHE}")
        _check_identity(db, path)
        if 0 < int(pragma(db, "user_version")) < VERSION:
            close_writer(open_writer(path))
    return db


def _connect(path: Path, mode: str) -> Database:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def pragma(db: Database, name: str) -> int | str:
    """Return the value of a pragma."""
    value: int | str = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


@contextmanager
def transaction(db: Database) -> Iterator[Database]:
    """Run the body in one immediate transaction: all of it is stored, or nothing.

    Raises:
        DiskFull: it could not be brought to disk.
    """
    nested = db.in_transaction
    assert not nested, "an immediate transaction is the outermost one"
    try:
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
    except BaseException as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if is_disk_error(error):
            raise DiskFull("the disk of the project is full or fails; nothing of this is stored") from error
        raise


@contextmanager
def savepoint(db: Database) -> Iterator[Database]:
    """Run the body inside the open transaction so that its own failure leaves the rest untouched."""
    db.execute("SAVEPOINT part")
    try:
        yield db
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK TO part")
            db.execute("RELEASE part")
        raise
    db.execute("RELEASE part")


def is_disk_error(error: BaseException) -> bool:
    """Say whether SQLite failed because the disk is full or broken."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return isinstance(error, sqlite3.OperationalError) and any(
        words in str(error) for words in ("disk is full", "disk I/O error")
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's complaints about a file into one line for the user."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a fault of the program, not of the file
    except sqlite3.DatabaseError as error:
        if is_disk_error(error):
            raise DiskFull(f"{path}: cannot be written ({error}); free some space") from error
        if "locked" in str(error):
            raise StorageError(f"{path}: another process has held it for {BUSY_SECONDS:.0f} s; try again") from error
        raise StorageError(f"{path}: cannot be used ({error}); restore a backup or name another project") from error


def _check_identity(db: Database, path: Path) -> None:
    version = int(pragma(db, "user_version"))
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and pragma(db, "application_id") != _APPLICATION_ID:
        raise StorageError(f"{path}: is a database of another program; name the folder of a labeling project")
    if version > VERSION:
        raise StorageError(
            f"{path}: was written by a newer version (schema {version}, this one knows {VERSION}); update the program"
        )


def _set_pragmas(db: Database) -> None:
    for name, wanted in _WRITER.items():
        db.execute(f"PRAGMA {name} = {wanted}")
        found = pragma(db, name)
        if found != wanted:
            raise StorageError(f"SQLite refuses {name} = {wanted} (it is {found}); put the project on a local disk")


def _migrate(db: Database, path: Path) -> None:
    """Apply pending migrations in one transaction, so that two processes that open an old project do it once."""
    if pragma(db, "user_version") == VERSION:
        return
    if pragma(db, "user_version"):
        back_up(db, path.with_name(f"{path.name}.before-{VERSION}-{stamp()}"))
    with transaction(db):
        migrations.apply(sqlite_utils.Database(db))
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")


def back_up(db: Database, target: Path) -> None:
    """Write a whole, checked copy of the database to `target`, while others go on reading and writing.

    Raises:
        StorageError: the copy does not pass SQLite's integrity check, or cannot be written.
    """
    partial = target.with_name(f".partial-{target.name}-{os.getpid()}")
    try:
        with explained(target):
            copy = sqlite3.connect(partial, isolation_level=None)
            try:
                db.backup(copy)
                copy.execute("PRAGMA journal_mode = delete")
                if copy.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    raise StorageError(f"{target}: the copy is damaged, as the project seems to be; run verify")
            finally:
                copy.close()
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(f"{target}: cannot be written ({error.strerror}); name another place") from error
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
