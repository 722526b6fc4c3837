"""Projects of datasets: what is made of which, whole or not at all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from barlowmatch.errors import InputError
from labeling.dataset.indexing import init_project, rescan
from labeling.project import reading, writing
from storage.checks import find_faults
from storage.clock import instant
from storage.control import find_control
from storage.database import transaction
from storage.images import all_images
from storage.leases import lease_next
from storage.people import find_or_add_person
from storage.records import Image as Known
from storage.records import NewItem
from storage.requests import add_request, list_requests
from tests.data.loading import write_pictures
from tests.waiting import until


def by_name(folder: Path) -> dict[str, Known]:
    with reading(folder) as db:
        return {image.name: image for image in all_images(db)}


def test_a_dataset_becomes_a_project_and_is_not_written_to(dataset: Path, tmp_path: Path) -> None:
    before = sorted((str(path), path.stat().st_mtime_ns) for path in dataset.rglob("*"))
    assert init_project(tmp_path / "p", dataset_folder=dataset) is None, "there is a validation split"
    assert sorted((str(path), path.stat().st_mtime_ns) for path in dataset.rglob("*")) == before
    found = by_name(tmp_path / "p")
    assert len(found) == 40
    with reading(tmp_path / "p") as db:
        names = {row["id"]: row["name"] for row in db.execute("SELECT id, name FROM class")}
        assert find_faults(db) == []
    labels = {name: names.get(image.label.class_id or -1) for name, image in found.items()}
    assert labels == {name: (name.split("/")[1] if name.count("/") == 2 else None) for name in found}
    assert {name.split("/")[0]: image.split for name, image in found.items()} == {
        "train": "train", "val": "val", "unlabeled": "unlabeled",
    }  # fmt: skip


def test_what_is_read_is_told_meanwhile(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also that folders are taken for classes, which makes all their images labeled ones, and what to do about it.

    A project that is there keeps how its folder is read, so that it takes another one.
    """
    for number, folder in enumerate(("morning", "noon")):
        write_pictures(tmp_path / "images" / folder, 3, seed=number)
    init_project(tmp_path / "p", dataset_folder=tmp_path / "images")
    told = capfd.readouterr().err.splitlines()
    taken = "the folders' names are taken as classes; if they are none, make another project with --class-folders 0"
    assert taken in told
    assert f"{tmp_path / 'images'}: class-folders layout, 2 classes, images: 6 train" in told
    assert any(line.startswith("examine images 6/6") for line in told)
    rescan(tmp_path / "p")
    assert taken in capfd.readouterr().err.splitlines()


def test_no_project_is_made_inside_its_dataset(dataset: Path) -> None:
    with pytest.raises(InputError, match=r"--project .*: would be written into the dataset folder"):
        init_project(dataset / "project", dataset_folder=dataset)
    assert not (dataset / "project").exists()


def test_without_a_validation_split_a_blind_random_sample_comes_first(dataset: Path, tmp_path: Path) -> None:
    control = init_project(tmp_path / "p", dataset_folder=dataset / "unlabeled", control=6)
    assert control is not None
    assert control.items == 6
    with writing(tmp_path / "p") as db:
        (request,) = list_requests(db)
        assert (request.purpose, request.blind) == ("control", True)
        with transaction(db):
            again = add_request(db, [NewItem(image.id) for image in all_images(db)], purpose="train", strategy=None)
            ann = find_or_add_person(db, "Ann").id
            leased = lease_next(db, ann, "tab", 6, instant(), 60)
        kept = {image.id for image in all_images(db) if image.split == "val"}
    assert (again.items, again.left_out) == (24, {"kept for validation": 6})
    assert {lease.image for lease in leased} == kept, "the control sample is asked about first"


def test_a_test_split_is_no_control_sample(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "val", tmp_path / "images" / "test")
    shutil.copytree(dataset / "unlabeled", tmp_path / "images" / "unlabeled")
    control = init_project(tmp_path / "p", dataset_folder=tmp_path / "images", control=6)
    assert control is not None
    assert control.items == 6
    found = by_name(tmp_path / "p").values()
    assert sorted({(image.name.split("/")[0], image.split) for image in found}) == [
        ("test", "test"), ("unlabeled", "unlabeled"), ("unlabeled", "val"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"),
    [("missing", "no such folder"), ("empty", "no image"), ("inside", "lies in the project folder")],
)
def test_what_is_no_dataset_leaves_no_project(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    inside = tmp_path / "p" / "inside"
    inside.mkdir(parents=True)
    folder = inside if source == "inside" else tmp_path / source
    with pytest.raises(InputError) as caught:
        init_project(tmp_path / "p", dataset_folder=folder)
    assert "\n" not in str(caught.value)
    assert words in str(caught.value)
    assert not (tmp_path / "p" / "project.db").exists()


def test_classes_that_differ_in_case_alone_are_named_with_the_way_out(tmp_path: Path) -> None:
    for number, name in enumerate(("A", "a")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for other in range(3):
            Image.new("RGB", (8, 8), (90 * number, 60 * other, 0)).save(tmp_path / "images" / name / f"{other}.png")
    with pytest.raises(InputError, match=r'images: the class "a": .* A exists already, .*; rename one of the two'):
        init_project(tmp_path / "p", dataset_folder=tmp_path / "images")
    assert not (tmp_path / "p" / "project.db").exists()


def test_a_project_is_not_made_twice(folder: Path, dataset: Path) -> None:
    with pytest.raises(InputError, match="is a project already"):
        init_project(folder, dataset_folder=dataset)


def test_a_manifest_becomes_a_project(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "images"
    shutil.copytree(dataset, copy)
    (copy / "m.csv").write_text(
        "file,split,label\nunlabeled/000.png,train,sheep\nunlabeled/001.png,val,goat\nunlabeled/002.png,,\n"
    )
    init_project(tmp_path / "p", manifest=copy / "m.csv")
    found = by_name(tmp_path / "p")
    assert {name: (image.split, image.label.state) for name, image in found.items()} == {
        "unlabeled/000.png": ("train", "labeled"), "unlabeled/001.png": ("val", "labeled"),
        "unlabeled/002.png": ("unlabeled", "none"),
    }  # fmt: skip


def test_a_project_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        init_project(tmp_path / "new", dataset_folder=tmp_path / "images")
    assert not (tmp_path / "new").exists()


def test_a_project_that_cannot_be_made_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "mine" / "runs").mkdir(parents=True)
    (tmp_path / "mine" / "project.db.bak").write_text("mine")
    with pytest.raises(InputError, match="holds no images"):
        init_project(tmp_path / "mine", dataset_folder=tmp_path / "images")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["project.db.bak", "runs"]


def test_killed_while_it_is_made_there_is_a_whole_project_or_none(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    command = [sys.executable, "-m", "labeling", "init", "--project", folder, "--dataset-folder", dataset / "unlabeled"]
    with subprocess.Popen(command) as making:
        until(lambda: list(folder.glob("*project.db*")), pause=0.001)
        making.kill()
    if not (folder / "project.db").exists():
        init_project(folder, dataset_folder=dataset / "unlabeled")
    with reading(folder) as db:
        assert find_control(db) is not None, "a project without its control sample measures nothing"
    assert len(by_name(folder)) == 30
