"""An open project: what becomes of it where its database is damaged, or reading fails."""

import resource
import threading
from pathlib import Path

import pytest

from barlowmatch.errors import InputError
from labeling.project import READERS, Project, writing
from storage.database import Database, pragma


@pytest.mark.filterwarnings("error")  # of a thread that ends in an error
def test_a_damaged_project_is_refused_in_one_line_and_let_go_of(folder: Path) -> None:
    with writing(folder) as db:
        size = int(pragma(db, "page_size"))
        pages = [row[0] for row in db.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'lease'")]
    with (folder / "project.db").open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    before = threading.active_count()
    with pytest.raises(InputError, match=r"project\.db: cannot be used .*restore a backup"):
        Project(folder)
    assert threading.active_count() == before, "its writer has ended"


def test_reads_that_fail_for_lack_of_memory_take_no_connection_from_others(folder: Path) -> None:
    with Project(folder) as project:
        for _ in range(READERS + 1):
            with pytest.raises(MemoryError), project.reading() as db:
                _read_beyond_memory(db)


def _read_beyond_memory(db: Database) -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, limits[1]))
    try:
        db.execute("SELECT randomblob(500000000) FROM image").fetchone()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
