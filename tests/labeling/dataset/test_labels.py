"""Labels of tables, as answers of the dataset."""

from pathlib import Path

from labeling.dataset.labels import Imported, import_table
from labeling.project import reading, writing
from storage.clock import instant
from storage.database import transaction
from storage.events import record
from storage.people import DATASET, find_or_add_person
from storage.records import Sent
from tests.labeling.conftest import new

IMAGE = "unlabeled/000.png"


def tell(folder: Path, label: str) -> Imported:
    table = folder.parent / "labels.csv"
    table.write_text(f"file,label\n{IMAGE},{label}\n")
    return import_table(folder, table)


def label_of(folder: Path) -> str | None:
    with reading(folder) as db:
        row = db.execute(
            "SELECT class.name FROM image LEFT JOIN class ON class.id = image.class WHERE image.name = ?", (IMAGE,)
        ).fetchone()
        return str(row["name"]) if row["name"] else None


def test_a_label_that_is_changed_back_counts_again(folder: Path) -> None:
    for label in ("cat", "dog", "cat"):
        assert tell(folder, label) == Imported(stored=1, known=0)
        assert label_of(folder) == label
        assert tell(folder, label) == Imported(stored=0, known=1)


def test_a_label_that_was_taken_back_can_be_imported_again(folder: Path) -> None:
    tell(folder, "cat")
    with writing(folder) as db, transaction(db):
        act = db.execute("SELECT batch FROM label_event ORDER BY id DESC LIMIT 1").fetchone()["batch"]
        person = find_or_add_person(db, DATASET).id
        record(db, Sent(new(), b"", "undo", person, undoes=act), instant(), 60)
    assert label_of(folder) is None
    assert tell(folder, "cat") == Imported(stored=1, known=0)
    assert label_of(folder) == "cat"
