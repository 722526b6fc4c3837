"""Projects of images whose folders are no classes."""

import subprocess
import sys
from pathlib import Path

import pytest

from labeling.dataset.indexing import init_project, read_source, rescan
from labeling.dataset.inspecting import Source
from labeling.project import reading, writing
from labeling.runs.manifests import write_manifest
from storage.classes import list_classes
from storage.control import find_control
from storage.database import transaction
from storage.images import all_images
from tests.browser.bench import paint
from tests.data.loading import write_pictures


def test_a_project_remembers_that_folders_are_no_classes(tmp_path: Path) -> None:
    """On reading them again, by a process of its own, and in what its runs learn from."""
    folder = paint(tmp_path / "images", *(f"{day}/{n}.png" for day in ("dawn", "noon") for n in range(4)))
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    init_project(tmp_path / "p", dataset_folder=folder, class_folders=False)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
    paint(folder, "dusk/10.jpg", "dusk/11.jpg")
    command = [sys.executable, "-m", "labeling", "import", "--rescan", "--project", tmp_path / "p"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("files: 2 new")
    assert "--class-folders" not in said.stderr
    with reading(tmp_path / "p") as db:
        assert {image.label.class_id for image in all_images(db)} == {None}
        assert list_classes(db) == []
        assert find_control(db) is not None
        assert "train" not in write_manifest(db, tmp_path).labels
        assert read_source(db).class_folders is False


def test_projects_of_earlier_versions_take_folders_for_classes(tmp_path: Path) -> None:
    folder = paint(tmp_path / "images", *(f"{name}/{n}.png" for name in ("cat", "dog") for n in range(4)))
    init_project(tmp_path / "p", dataset_folder=folder)
    with writing(tmp_path / "p") as db, transaction(db):
        db.execute("DELETE FROM project WHERE key = 'class_folders'")
    with reading(tmp_path / "p") as db:
        assert read_source(db) == Source()
    paint(folder, "cat/9.jpg")
    assert rescan(tmp_path / "p").added == 1
    with reading(tmp_path / "p") as db:
        assert {image.label.state for image in all_images(db)} == {"labeled"}


def test_where_folders_are_no_classes_ways_to_label_are_named_that_a_project_has(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, folder in enumerate(("plate1", "plate2")):
        write_pictures(tmp_path / "images" / folder, 3, seed=number)
    init_project(tmp_path / "p", dataset_folder=tmp_path / "images")
    rescan(tmp_path / "p")
    why = "folders such as plate1 look like dates, batches or cameras"
    told = f"no labels: {why}; label in the app, or bring labels in by import --labels"
    assert capfd.readouterr().err.splitlines().count(told) == 2
