"""An open project: what becomes of it where its database is damaged."""

import threading
from pathlib import Path

import pytest

from barlowmatch.errors import InputError
from labeling.project import Project, writing
from storage.database import pragma


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
