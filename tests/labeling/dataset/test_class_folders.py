"""Projects of images whose folders are no classes."""

import shutil
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
    init_project(tmp_path / "p", dataset_folder=folder, class_folders=0)
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
        assert read_source(db).class_folders == 0


@pytest.mark.parametrize(
    ("stored", "names", "source", "state"),
    [
        (None, ("cat", "dog"), Source(), "labeled"),
        ("true", ("cat", "dog"), Source(), "labeled"),
        ("true", ("plate1", "plate2"), Source(), "none"),
        ("false", ("cat", "dog"), Source(class_folders=0), "none"),
        ("1", ("plate1", "plate2"), Source(class_folders=1), "labeled"),
    ],
)
def test_what_projects_of_earlier_versions_know_of_folders_is_understood(
    stored: str | None, names: tuple[str, str], source: Source, state: str, tmp_path: Path
) -> None:
    """Those that did not ask, and those for which true meant to go by what folders look like."""
    folder = tmp_path / "images"
    write_pictures(folder / "unlabeled", 1, seed=9)
    init_project(tmp_path / "p", dataset_folder=folder)
    with writing(tmp_path / "p") as db, transaction(db):
        db.execute("DELETE FROM project WHERE key = 'class_folders'")
        if stored is not None:
            db.execute("INSERT INTO project (key, value) VALUES ('class_folders', ?)", (stored,))
    with reading(tmp_path / "p") as db:
        assert read_source(db) == source
    shutil.rmtree(folder / "unlabeled")
    paint(folder, *(f"{name}/{n}.png" for name in names for n in range(1, 5)))
    assert rescan(tmp_path / "p").added == 8
    with reading(tmp_path / "p") as db:
        assert {image.label.state for image in all_images(db) if image.present} == {state}


def test_where_folders_are_no_classes_ways_to_label_are_named_that_a_project_has(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, folder in enumerate(("plate1", "plate2")):
        write_pictures(tmp_path / "images" / folder, 3, seed=number)
    init_project(tmp_path / "p", dataset_folder=tmp_path / "images")
    rescan(tmp_path / "p")
    why = "folders such as plate1 look like dates, batches or cameras"
    ways = "make another project with --class-folders 1, else label in the app, or bring labels in by import --labels"
    told = f"WARNING: no labels from the folders' names: {why}; where folders are classes, {ways}"
    assert capfd.readouterr().err.splitlines().count(told) == 2
    init_project(tmp_path / "q", dataset_folder=tmp_path / "images", class_folders=1)
    assert told not in capfd.readouterr().err
    with reading(tmp_path / "q") as db:
        assert [item.name for item in list_classes(db)] == ["plate1", "plate2"]
