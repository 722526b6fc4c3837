"""A dataset that changes under a project: what the project makes of it when it is read again."""

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from barlowmatch.errors import InputError
from labeling.dataset.indexing import Rescanned, init_project, rescan
from labeling.dataset.labels import import_table
from labeling.project import reading, writing
from storage.checks import find_faults
from storage.classes import merge_class, rename_class
from storage.database import transaction
from storage.images import all_images
from storage.records import Image as Known
from storage.records import NewItem
from storage.requests import add_request, list_requests
from tests.data.loading import write_pictures
from tests.waiting import until


@pytest.fixture
def own(dataset: Path, template: Path, tmp_path: Path) -> Path:
    """Return a project whose dataset, beside it as `images`, belongs to the test."""
    shutil.copytree(dataset, tmp_path / "images")
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    (tmp_path / "project" / "dataset").unlink()
    (tmp_path / "project" / "dataset").symlink_to(tmp_path / "images")
    return tmp_path / "project"


def images(folder: Path) -> dict[str, Known]:
    with reading(folder) as db:
        return {f"{image.id} {image.name}": image for image in all_images(db)}


def by_name(folder: Path) -> dict[str, Known]:
    return {image.name: image for image in images(folder).values() if image.present}


def test_moved_new_gone_and_replaced_files(own: Path) -> None:
    root = own.parent / "images" / "unlabeled"
    before = by_name(own)
    with writing(own) as db, transaction(db):
        asked = [before[f"unlabeled/{number:03d}.png"].id for number in (0, 1, 2, 3)]
        add_request(db, [NewItem(image) for image in asked], purpose="train", strategy=None)
    (root / "moved").mkdir()
    (root / "000.png").rename(root / "moved" / "renamed.png")
    (root / "001.png").unlink()
    shutil.copyfile(root / "020.png", root / "002.png")
    (root / "003.png").rename(root / "swap.png")
    (root / "004.png").rename(root / "003.png")
    (root / "swap.png").rename(root / "004.png")
    data = bytearray((root / "005.png").read_bytes())
    (root / "new.png").write_bytes(bytes(data) + b"tail")
    assert rescan(own) == Rescanned(added=2, moved=3, gone=1, replaced=1)
    after = by_name(own)
    assert after["unlabeled/moved/renamed.png"].id == before["unlabeled/000.png"].id
    assert after["unlabeled/003.png"].id == before["unlabeled/004.png"].id
    assert after["unlabeled/004.png"].id == before["unlabeled/003.png"].id
    assert after["unlabeled/002.png"].id not in {image.id for image in before.values()}, "new bytes are a new image"
    with reading(own) as db:
        assert find_faults(db) == []
        assert list_requests(db)[0].left == 2, "gone and replaced images are no longer asked about"
    assert rescan(own) == Rescanned(0, 0, 0, 0)


def test_the_time_of_a_file_that_was_copied_is_noted(own: Path) -> None:
    file = own.parent / "images" / "unlabeled" / "000.png"
    os.utime(file, (1, 1))
    assert rescan(own) == Rescanned(0, 0, 0, 0)
    assert by_name(own)["unlabeled/000.png"].mtime_ns == 10**9


def test_a_file_that_comes_back_is_the_image_it_was(own: Path) -> None:
    root = own.parent / "images" / "unlabeled"
    content, known = (root / "000.png").read_bytes(), by_name(own)["unlabeled/000.png"].id
    (root / "000.png").unlink()
    assert rescan(own) == Rescanned(0, 0, 1, 0)
    (root / "back.png").write_bytes(content)
    assert rescan(own) == Rescanned(0, 1, 0, 0)
    assert by_name(own)["unlabeled/back.png"].id == known


def test_labels_that_the_folder_has_by_now_are_counted_and_not_taken(own: Path) -> None:
    """A file was moved to another class's folder; people or an import may have known that already."""
    train, before = own.parent / "images" / "train", by_name(own)["train/cat/0.png"]
    (train / "cat" / "0.png").rename(train / "dog" / "moved.png")
    (train / "cat" / "1.png").rename(train / "cat" / "renamed.png")
    assert rescan(own) == Rescanned(0, 2, 0, 0, unlike=1)
    assert by_name(own)["train/dog/moved.png"].label == before.label
    (own.parent / "labels.csv").write_text("file,label\ntrain/dog/moved.png,dog\ntrain/dog/1.png,cat\n")
    import_table(own, own.parent / "labels.csv")
    assert rescan(own) == Rescanned(0, 0, 0, 0), "what was imported over a label of the folder is known to differ"
    with writing(own) as db, transaction(db):
        merge_class(db, by_name(own)["train/dog/moved.png"].label.class_id or 0, before.label.class_id or 0)
    (train / "cat" / "2.png").rename(train / "dog" / "cat.png")
    assert rescan(own) == Rescanned(0, 1, 0, 0), "both are one class by now"


@pytest.mark.parametrize("noticed", [True, False])
def test_of_two_copies_the_answered_one_is_linked_where_one_file_is_left(own: Path, noticed: bool) -> None:
    root = own.parent / "images" / "unlabeled"
    shutil.copy(root / "000.png", root / "copy.png")
    rescan(own)
    (own.parent / "labels.csv").write_text("file,label\nunlabeled/copy.png,cat\n")
    import_table(own, own.parent / "labels.csv")
    labeled = by_name(own)["unlabeled/copy.png"]
    (root / "000.png").unlink()
    if noticed:
        assert rescan(own) == Rescanned(0, 0, 1, 0)
    (root / "copy.png").rename(root / "renamed.png")
    assert rescan(own) == Rescanned(0, 1, 0 if noticed else 1, 0)
    left = by_name(own)["unlabeled/renamed.png"]
    assert (left.id, left.label) == (labeled.id, labeled.label)
    assert left.label.state == "labeled"


def test_a_dataset_that_moved_as_a_whole_is_found_again(own: Path) -> None:
    before = {name: image.id for name, image in by_name(own).items()}
    (own.parent / "images").rename(own.parent / "elsewhere")
    with pytest.raises(InputError):
        rescan(own)
    assert rescan(own, own.parent / "elsewhere") == Rescanned(0, 0, 0, 0)
    assert {name: image.id for name, image in by_name(own).items()} == before
    assert (own / "dataset").readlink() == own.parent / "elsewhere"


def test_a_folder_that_cannot_be_taken_up_is_not_read_again(own: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"^{tmp_path}/empty: holds no images"):
        rescan(own, tmp_path / "empty")
    assert (own / "dataset").resolve() == (tmp_path / "images").resolve()


def test_killed_while_another_folder_is_read_the_project_keeps_its_own(own: Path, tmp_path: Path) -> None:
    picture = (tmp_path / "images" / "unlabeled" / "000.png").read_bytes()
    (tmp_path / "other").mkdir()
    for number in range(3000):
        (tmp_path / "other" / f"{number}.png").write_bytes(picture + str(number).encode())
    events = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "labeling", "import", "--rescan", "--project", own]
    with subprocess.Popen([*command, "--dataset-folder", tmp_path / "other", "--events", events]) as reading_it:
        until(lambda: events.exists() and "Progress" in events.read_text(), pause=0.005)
        reading_it.kill()
    assert (own / "dataset").resolve() == (tmp_path / "images").resolve()
    assert rescan(own) == Rescanned(0, 0, 0, 0)


def test_a_renamed_class_is_still_that_of_its_folder(own: Path) -> None:
    with writing(own) as db, transaction(db):
        cat = db.execute("SELECT id FROM class WHERE name = 'cat'").fetchone()["id"]
        rename_class(db, cat, "feline")
    new = own.parent / "images" / "train" / "cat" / "new.png"
    Image.new("RGB", (9, 9), (1, 2, 3)).save(new)
    assert rescan(own) == Rescanned(added=1, moved=0, gone=0, replaced=0)
    assert by_name(own)["train/cat/new.png"].label.class_id == cat


def test_a_class_whose_folder_is_spelled_with_composed_signs_by_now_is_the_one_it_was(tmp_path: Path) -> None:
    apart, composed = (tmp_path / "images" / unicodedata.normalize(form, "Bär") for form in ("NFD", "NFC"))
    write_pictures(apart, 3)
    write_pictures(tmp_path / "images" / "cat", 3, seed=1)
    init_project(tmp_path / "p", dataset_folder=tmp_path / "images")
    with writing(tmp_path / "p") as db, transaction(db):
        bear = db.execute("SELECT id FROM class WHERE name <> 'cat'").fetchone()["id"]
        rename_class(db, bear, "bear")
    apart.rename(composed)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(composed / "new.png")

    assert rescan(tmp_path / "p") == Rescanned(added=1, moved=3, gone=0, replaced=0)

    found = by_name(tmp_path / "p")
    assert {image.label.class_id for name, image in found.items() if name.startswith(composed.name)} == {bear}
    assert rescan(tmp_path / "p") == Rescanned(0, 0, 0, 0)
