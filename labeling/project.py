"""A project: a folder with the database, the runs, the cache and the exports, and a link to the images.

The images are never written to. `dataset` in the project folder is a link to them, so that manifests written beside
it can name them by relative paths.
"""

import os
import queue
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from barlowmatch.command_line.near_paths import or_near
from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write, whole_file
from storage.clock import instant
from storage.database import Database, close_writer, explained, open_reader, open_writer
from storage.errors import StorageError
from storage.leases import adopt_leases
from storage.settings import get_setting
from storage.writer import Writer

Result = TypeVar("Result")

TERM_SECONDS = 900.0
"""How long a lease lasts; a client renews it while its page is open."""
READERS = 8
NETWORK_DISKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "fuse.sshfs"}


class ProjectFolder:
    """Where things are in a project folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.database = self.folder / "project.db"
        self.runs = self.folder / "runs"
        self.cache = self.folder / "cache"
        self.exports = self.folder / "exports"
        self.dataset = self.folder / "dataset"

    @property
    def parts(self) -> tuple[Path, ...]:
        """What `init` makes in the folder, beside the database."""
        return (self.runs, self.cache, self.exports, self.dataset)

    @property
    def exists(self) -> bool:
        """Whether there is a project here."""
        return self.database.is_file()

    def need(self) -> "ProjectFolder":
        """Return the folder itself.

        Raises:
            InputError: there is no project in it.
        """
        if not self.exists:
            make = f"make one with python -m labeling init --project {shlex.quote(str(self.folder))}"
            way_out = or_near(self.folder, lambda near: ProjectFolder(near).exists, make)
            raise InputError(f"{self.folder}: no labeling project{way_out}")
        return self

    def make(self) -> None:
        """Make the folders of a project.

        Raises:
            InputError: they cannot be made, or lie on a network disk, where SQLite is not safe.
        """
        try:
            for folder in (self.folder, self.runs, self.cache, self.exports):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(cannot_write(self.folder, error)) from error
        kind = disk_kind(self.folder)
        if kind in NETWORK_DISKS:
            raise InputError(
                f"{self.folder}: lies on a network disk ({kind}), where a database is not safe; put the project on a "
                "local disk (the images may stay where they are)"
            )


def disk_kind(path: Path) -> str:
    """Return the kind of file system a path lies on, "" where that is unknown."""
    real = Path(os.path.realpath(path))
    parts = psutil.disk_partitions(all=True)
    around = [part for part in parts if real.is_relative_to(part.mountpoint)]
    return max(around, key=lambda part: len(part.mountpoint)).fstype if around else ""


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Turn what storage complains of into the user's kind of error."""
    try:
        yield
    except StorageError as error:
        raise InputError(str(error)) from error


class Project:
    """An open project: one writer thread, and connections that only read.

    Args:
        folder: the project's folder.

    Raises:
        InputError: there is none, it is damaged, or of a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = ProjectFolder(folder).need()
        self._idle: queue.SimpleQueue[Database] = queue.SimpleQueue()
        with as_input_errors(), explained(self.paths.database), ExitStack() as opened:
            self._writer = Writer(self.paths.database)
            opened.callback(self._writer.close)
            self._readers = [open_reader(self.paths.database) for _ in range(READERS)]
            for reader in self._readers:
                opened.callback(reader.close)
                self._idle.put(reader)
            self.write(lambda db: adopt_leases(db, instant(), TERM_SECONDS))
            with self.reading() as db:
                self.id: str = get_setting(db, "id", "")
                self.name: str = get_setting(db, "name", self.paths.folder.name)
            opened.pop_all()  # from here on `close` does it
        self.find_root()

    def find_root(self) -> Path:
        """Return where the images lie, and remember it: reading them anew may have found them elsewhere."""
        with self.reading() as db:
            self.root = Path(get_setting(db, "root", str(self.paths.dataset)))
        return self.root

    def submit(self, work: Callable[[Database], Result]) -> "Future[Result]":
        """Queue a write; the future answers when it is on disk."""
        return self._writer.submit(work)

    def write(self, work: Callable[[Database], Result]) -> Result:
        """Do a write and wait until it is on disk."""
        return self._writer.write(work)

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Lend a connection that shows the project at one moment."""
        db = self._idle.get()
        try:
            db.execute("BEGIN")
            yield db
        finally:
            if db.in_transaction:  # where memory or the disk failed, SQLite has ended it by itself
                db.execute("ROLLBACK")
            self._idle.put(db)

    def close(self) -> None:
        """Finish writing and let go of the database."""
        for reader in self._readers:
            reader.close()
        self._writer.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def writing(folder: Path) -> Iterator[Database]:
    """Open a project's database for a command beside the server; each transaction waits for the server's.

    Raises:
        InputError: no project there, or it cannot be used.
    """
    path = ProjectFolder(folder).need().database
    with as_input_errors(), explained(path):
        db = open_writer(path)
        try:
            yield db
        finally:
            close_writer(db)


@contextmanager
def creating(paths: ProjectFolder) -> Iterator[Database]:
    """Open a new database, which is the project's when all of it is there: killed before that, there is no project.

    Raises:
        InputError: it cannot be written.
    """
    with as_input_errors(), explained(paths.database), whole_file(paths.database) as partial:
        db = open_writer(partial)
        try:
            yield db
        finally:
            close_writer(db)


@contextmanager
def reading(folder: Path) -> Iterator[Database]:
    """Open a project's database for reading, at one moment.

    Raises:
        InputError: no project there, or it cannot be used.
    """
    path = ProjectFolder(folder).need().database
    with as_input_errors(), explained(path):
        db = open_reader(path)
        try:
            db.execute("BEGIN")
            yield db
        finally:
            db.close()
