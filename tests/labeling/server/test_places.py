"""Where images and projects may lie, and which projects are remembered."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from httpx import Response
from starlette.testclient import TestClient

from barlowmatch.data.folders import read_tree
from labeling.security.guard import App
from labeling.server import places
from labeling.server.config import ServerConfig
from labeling.server.opening import Opening
from labeling.server.places import list_folders, look_at_images, look_at_project, suggest_project
from labeling.server.recent import KEPT, recent_projects, remember_project
from labeling.server.serving import _opened
from storage.errors import DiskFull
from tests.waiting import until


def _unopened(project: Path) -> AbstractAsyncContextManager[App]:
    raise AssertionError(f"{project} was opened")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "barlowmatch" / "recent.json"


def test_images_are_counted_by_name_and_what_will_not_do_is_said(dataset: Path, tmp_path: Path) -> None:
    assert look_at_images(dataset).words == "40 images"
    (tmp_path / "notes.txt").touch()
    assert not look_at_images(tmp_path).ok
    assert look_at_images(tmp_path / "none").words == "There is no such folder."
    assert not look_at_images(Path("relative")).ok
    assert look_at_images(tmp_path / ("a" * 300)).words == "It cannot be looked at (File name too long)."
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "A.JPG").touch()
    assert look_at_images(tmp_path / "one").words == "1 image"
    (tmp_path / "one" / "B.jfif").touch()
    (tmp_path / "one" / ".C.png").touch()
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "linked").symlink_to(tmp_path / "one")
    (tmp_path / "many" / "around").symlink_to(tmp_path / "many")
    assert look_at_images(tmp_path / "many").words == "2 images", "as many as will be read"
    assert len(read_tree(tmp_path / "many").pictures) == 2


def test_folders_that_will_be_taken_for_classes_are_named(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for folder in ("microscope 1", "élan", "a", "b"):
        (images / folder).mkdir(parents=True)
        for number in range(2):
            (images / folder / f"{number}.png").touch()
    said = look_at_images(images)
    assert said.ok
    assert said.words == "8 images"
    assert said.classes == "4 folders would become 4 classes: a, b, microscope 1 and 1 more."
    (images / "labels.csv").write_text("file,label\na/0.png,crow\n")
    told = look_at_images(images)
    why = "a table calls images in them by other names, such as crow"
    assert (told.classes, told.taken) == (f"4 folders (a, b, microscope 1 and 1 more): {why}.", False)
    (images / "labels.csv").write_text("file,label\na/0.png,b\n")
    assert look_at_images(images) == said, "folders fill what a table leaves out"
    (images / "labels.csv").write_text(
        "file,label\n" + "".join(f"{file.relative_to(images)},b\n" for file in images.glob("*/*"))
    )
    assert look_at_images(images).classes == "", "it leaves out nothing"
    (images / "labels.csv").unlink()
    images.rename(tmp_path / "unlabeled")
    images.mkdir()
    (tmp_path / "unlabeled").rename(images / "unlabeled")
    assert look_at_images(images).classes == ""
    (images / "unlabeled").rename(images / "train")
    assert look_at_images(images).classes == said.classes, "in a split too"
    shutil.rmtree(images / "train" / "a")
    (images / "train" / os.fsdecode(b"caf\xe9")).mkdir()
    (images / "train" / os.fsdecode(b"caf\xe9") / "1.png").touch()
    with TestClient(Opening(_unopened, lambda app: None), base_url="http://127.0.0.1") as client:
        seen = client.post("/api/opening/check", json={"images": str(images)}).json()
        assert seen["classes"].startswith("4 folders would become 4 classes: b, caf")


def test_of_folders_that_are_too_many_to_look_through_the_choice_is_offered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_SECONDS", 0.0)
    (tmp_path / "a").mkdir()
    for name in ("0.png", "a/1.png"):
        (tmp_path / name).touch()
    seen = look_at_images(tmp_path)
    assert seen.words == "At least 1 image; counting stopped there."
    assert seen.classes == "Folders may become classes, where they look like some."


def test_a_project_lies_beside_its_images_on_a_disk_one_may_write_to(
    dataset: Path, folder: Path, tmp_path: Path
) -> None:
    beside = suggest_project(dataset)
    assert beside == dataset.parent / "images-labels"
    assert look_at_project(beside, dataset).state == "new"
    assert look_at_project(folder, None).state == "open"
    assert not look_at_project(dataset / "train" / "here", dataset).ok
    assert not look_at_project(dataset.parent, dataset).ok
    assert not look_at_project(Path("/proc/here"), None).ok or os.geteuid() == 0
    assert not look_at_project(tmp_path / ("a" * 300), dataset).ok
    (tmp_path / "link").symlink_to(dataset, target_is_directory=True)
    assert not look_at_project(tmp_path / "link" / "p", dataset).ok
    assert list_folders(dataset) == ["train", "unlabeled", "val"]
    assert list_folders(tmp_path / "none") == []


def test_the_projects_opened_last_come_first_and_only_those_that_are_there(folder: Path, config: Path) -> None:
    assert recent_projects() == []
    for number in range(KEPT + 3):
        remember_project(folder.with_name(f"gone {number}"))
    remember_project(folder)
    remember_project(folder)
    assert recent_projects() == [folder]
    assert len(json.loads(config.read_text())) == KEPT
    config.write_text("{ torn")
    assert recent_projects() == []


def test_nothing_is_remembered_where_nothing_can_be_written(folder: Path, config: Path) -> None:
    config.parent.parent.write_text("in the way")
    remember_project(folder)
    assert recent_projects() == []


def test_what_cannot_be_made_or_opened_is_refused(dataset: Path, folder: Path, tmp_path: Path) -> None:
    with TestClient(Opening(_unopened, lambda app: None), base_url="http://127.0.0.1") as client:
        page = client.get("/")
        assert "workbench/opening.js" in page.text
        for images, project in ((tmp_path / "no", tmp_path / "p"), (dataset, dataset / "p"), (dataset, folder)):
            wish = {"uuid": "11111111-1111-4111-8111-111111111111", "images": str(images), "project": str(project)}
            assert client.post("/api/opening/make", json=wish).status_code == 422
        for place in (tmp_path, tmp_path / ("a" * 300)):
            assert client.post("/api/opening/open", json={"folder": str(place)}).status_code == 422
        assert client.get("/api/opening").json()["making"]["state"] == "never"


def test_the_home_of_nobody_is_a_folder_that_is_not_there(dataset: Path, tmp_path: Path) -> None:
    nobody = "~nobody-of-this-name/x"
    with TestClient(Opening(_unopened, lambda app: None), base_url="http://127.0.0.1") as client:
        found = client.get("/api/opening/folders", params={"path": nobody})
        assert (found.status_code, found.json()["folders"]) == (200, [])
        assert client.get("/api/opening/folders", params={"path": "~"}).json()["folder"] == str(Path.home())
        for images, project in ((nobody, tmp_path / "p"), (dataset, nobody)):
            wish = {"uuid": "11111111-1111-4111-8111-111111111111", "images": str(images), "project": str(project)}
            assert "Type the whole path" in client.post("/api/opening/make", json=wish).json()["error"]
        assert client.post("/api/opening/open", json={"folder": nobody}).status_code == 422


def test_a_project_whose_making_is_stopped_is_not_there_and_can_be_made(dataset: Path, tmp_path: Path) -> None:
    project = tmp_path / "new" / "project"
    wish = {"uuid": "11111111-1111-4111-8111-111111111111", "images": str(dataset), "project": str(project)}
    with TestClient(Opening(_unopened, lambda app: None), base_url="http://127.0.0.1") as client:
        assert client.post("/api/opening/make", json=wish).json()["making"]["state"] == "running"
        until((project / "runs").is_dir)
        stopped = client.post("/api/opening/stop", json={"uuid": wish["uuid"]}).json()
        assert stopped["making"]["state"] == "stopped"
        assert not project.exists()

        client.post("/api/opening/make", json=wish)
        until(lambda: client.get("/api/opening").json()["making"]["state"] != "running")
        assert client.get("/api/opening").json()["making"]["state"] == "done"


def test_the_page_lives_on_when_a_project_cannot_be_opened(folder: Path) -> None:
    def served(project: Path) -> object:
        raise DiskFull(f"{project}: cannot be written")

    with TestClient(Opening(served, lambda app: None), base_url="http://127.0.0.1") as client:  # type: ignore[arg-type]
        for _ in range(2):
            answer = client.post("/api/opening/open", json={"folder": str(folder)})
            assert "cannot be written" in answer.json()["error"]


def test_of_two_projects_opened_at_once_one_is_served_and_who_wanted_the_other_is_told(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other, symlinks=True)
    app = Opening(partial(_opened, ServerConfig(), "http://127.0.0.1:1"), lambda app: None)
    with TestClient(app, base_url="http://127.0.0.1") as client, ThreadPoolExecutor(2) as tabs:

        def wish(project: Path) -> Response:
            return client.post("/api/opening/open", json={"folder": str(project)})

        answers = dict(zip((folder, other), tabs.map(wish, (folder, other)), strict=True))
        won, lost = sorted(answers, key=lambda project: answers[project].status_code)
        assert [answers[project].status_code for project in (won, lost)] == [200, 409]
        assert f"this server serves {won.name} by now" in answers[lost].json()["error"]
        assert (won / ".server.json").exists()
        assert not (lost / ".server.json").exists()
        assert wish(won).json() == {"name": won.name}, "whoever wants the one that is open goes on into it"
        assert client.get("/api/opening").status_code == 409
        assert client.get("/api/people").status_code == 200
