"""Labels of tables and class folders, as answers of the dataset."""

import hashlib
import shutil
from pathlib import Path

import pytest

from labeling.configs import Format
from labeling.dataset.importing import preview
from labeling.dataset.indexing import init_project, rescan
from labeling.dataset.labels import Imported, import_table
from labeling.exports.writing import export
from labeling.project import reading, writing
from storage.clock import instant
from storage.database import transaction
from storage.events import record
from storage.people import DATASET, find_or_add_person
from storage.records import Sent
from tests.browser.bench import paint
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


def test_all_images_of_a_content_get_the_label_of_its_sorted_copy(dataset: Path, tmp_path: Path) -> None:
    own, folder, sorted_copies = tmp_path / "images", tmp_path / "project", tmp_path / "sorted" / "dog"
    shutil.copytree(dataset, own)
    shutil.copy(own / IMAGE, own / "unlabeled" / "again.png")
    init_project(folder, dataset_folder=own)
    sorted_copies.mkdir(parents=True)
    shutil.copy(own / IMAGE, sorted_copies / "copy.png")
    shutil.copy(own / IMAGE, sorted_copies / "second copy.png")
    found = preview(folder, sorted_copies.parent)
    assert {field: found[field] for field in ("fresh", "twice", "unknown_files")} == {
        "fresh": 2, "twice": 0, "unknown_files": 0,
    }  # fmt: skip
    (own / "unlabeled" / "again.png").unlink()
    rescan(folder)
    assert preview(folder, sorted_copies.parent)["fresh"] == 1, "the file of the other is gone"


def test_a_table_that_tells_contents_labels_what_has_them_whatever_the_names(dataset: Path, folder: Path) -> None:
    """Names of an export are its own: `train/0.png` may be there too, and another picture."""
    shas = [hashlib.sha256((dataset / f"unlabeled/{name}.png").read_bytes()).hexdigest() for name in ("000", "001")]
    table = folder.parent / "labels.csv"
    rows = (f"{IMAGE},{shas[1]},cat", f"train/red/x.png,{shas[0].upper()},dog", f"{IMAGE},{'0' * 64},cow")
    table.write_text("\n".join(["file,sha256,label", *rows, "unlabeled/002.png,,cat"]))
    found = preview(folder, table)
    assert (found["fresh"], found["twice"], found["first_unknown_files"]) == (3, 0, [IMAGE])
    table.write_text("\n".join(["file,sha256,label", *rows[:2]]))
    assert import_table(folder, table).stored == 2
    assert label_of(folder) == "dog"


@pytest.mark.parametrize("kind", ["folders", "csv"])
def test_the_labels_of_an_export_are_taken_by_another_project_of_the_images(
    dataset: Path, folder: Path, tmp_path: Path, kind: Format
) -> None:
    tell(folder, "cat")
    export(folder, kind, "e", lambda _: None)
    other = tmp_path / "other"
    init_project(other, dataset_folder=dataset)
    for table in ("labels.csv", "manifest.csv"):
        found = preview(other, folder / "exports" / "e" / table)
        assert (found["fresh"], found["same"], found["differ"], found["unknown_files"]) == (1, 10, 0, 0)
    import_table(other, folder / "exports" / "e" / "labels.csv")
    assert label_of(other) == "cat"


def test_a_table_may_put_letters_together_that_the_names_of_the_files_take_apart(tmp_path: Path) -> None:
    apart, whole, mixed = "e\u0301a\u0300.png", "\u00e9\u00e0.png", "\u00e9a\u0300.png"
    images = paint(tmp_path / "images", apart)
    init_project(tmp_path / "p", dataset_folder=images, control=0)
    table = tmp_path / "labels.csv"
    for name in (apart, whole):
        table.write_text(f"file,label\n{name},cat\n", encoding="utf-8")
        assert preview(tmp_path / "p", table)["fresh"] == 1
    paint(images, whole)
    rescan(tmp_path / "p")
    table.write_text(f"file,label\n{apart},cat\n{whole},dog\n{mixed},cow\n", encoding="utf-8")
    found = preview(tmp_path / "p", table)
    assert (found["fresh"], found["first_unknown_files"]) == (2, [mixed]), "which of both is meant is not known"
