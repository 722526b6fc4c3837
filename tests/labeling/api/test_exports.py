"""Exports as the page sees them: processes that are watched, stopped, and tried again under the same name."""

import json
import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from barlowmatch.processes import born
from labeling.project import writing
from storage.database import transaction
from tests.labeling.conftest import Tab, serving_tab
from tests.waiting import until


@pytest.fixture
def images(folder: Path) -> Path:
    """Return the images of the project, a copy of the test's own."""
    copy = folder.parent / "images"
    shutil.copytree(folder / "dataset", copy)
    with writing(folder) as db, transaction(db):
        db.execute("UPDATE project SET value = json_quote(?) WHERE key = 'root'", (str(copy),))
    return copy


@pytest.fixture
def stuck(images: Path) -> Path:
    """Return an image that never ends: whoever copies it waits."""
    path = images / "train" / "dog" / "2.png"
    path.unlink()
    os.mkfifo(path)
    return path


@pytest.fixture
def tab(folder: Path) -> Iterator[Tab]:
    with serving_tab(folder) as ann:
        yield ann


def begin(tab: Tab, name: str, kind: str = "folders") -> dict[str, str]:
    """Start an export, and return what it was wished by."""
    wish = {"uuid": str(uuid.uuid4()), "format": kind, "name": name}
    tab.post("/api/exports", wish, 202)
    return wish


def ended(tab: Tab, name: str) -> Any:
    return until(lambda: (job := tab.get(f"/api/exports/{name}"))["state"] != "running" and job)


def asides(folder: Path) -> list[str]:
    return [path.name for path in (folder / "exports").glob(".partial-*")]


def process_of(folder: Path, name: str) -> int:
    pid: int = json.loads((folder / "exports" / ".jobs" / name / "chore.json").read_text())["pid"]
    return pid


def test_an_export_runs_as_a_process_and_is_watched(tab: Tab, folder: Path) -> None:
    wish = begin(tab, "v1")
    assert tab.post("/api/exports", wish, 202)["name"] == "v1"
    tab.post("/api/exports", {**wish, "uuid": str(uuid.uuid4())}, 409)
    if born(pid := process_of(folder, "v1")) is not None:
        psutil.Process(pid).wait(timeout=60)
    done = tab.get("/api/exports/v1")
    assert (done["state"], done["done"], done["labeled"], done["event"]) == ("done", 10, 10, 10)
    assert (done["uuid"], done["message"]) == (wish["uuid"], None)
    assert [export["name"] for export in tab.get("/api/exports")["exports"]] == ["v1"]
    tab.post("/api/exports", {**wish, "uuid": str(uuid.uuid4())}, 409)
    assert tab.post("/api/exports/v1/stop", {"uuid": wish["uuid"]})["state"] == "done"
    table = tab.http.get("/api/exports/v1/labels.csv")
    assert table.headers["content-disposition"] == 'attachment; filename="v1-labels.csv"'
    assert table.text.splitlines()[0] == "file,sha256,split,label"


def test_the_name_of_an_export_that_failed_is_free_again(tab: Tab, folder: Path) -> None:
    (folder / "exports" / "v1").write_text("in the way")
    begin(tab, "v1", "csv")
    failed = ended(tab, "v1")
    assert failed["state"] == "failed"
    assert "exists already" in failed["message"]
    (folder / "exports" / "v1").unlink()
    begin(tab, "v1", "csv")
    assert ended(tab, "v1")["state"] == "done"
    shutil.rmtree(folder / "exports" / "v1")
    assert tab.get("/api/exports")["exports"] == [], "one that somebody removed is none"
    begin(tab, "v1", "csv")
    assert ended(tab, "v1")["state"] == "done"


def test_an_export_is_stopped_by_its_uuid_and_leaves_nothing(tab: Tab, folder: Path, stuck: Path) -> None:
    wish = begin(tab, "v1")
    until(lambda: asides(folder))
    assert tab.post("/api/exports/v1/stop", {"uuid": str(uuid.uuid4())})["state"] == "running"
    assert tab.post("/api/exports/v1/stop", {"uuid": wish["uuid"]})["state"] == "stopped"
    assert born(process_of(folder, "v1")) is None
    assert asides(folder) == []
    assert tab.post("/api/exports", wish, 202)["state"] == "stopped", "a wish that comes again starts nothing"
    tab.post("/api/exports/v2/stop", {"uuid": wish["uuid"]}, 404)
    stuck.unlink()
    begin(tab, "v1")
    assert ended(tab, "v1")["state"] == "done"


def test_what_a_killed_export_left_goes_before_the_next_one(tab: Tab, folder: Path, stuck: Path) -> None:
    begin(tab, "v1")
    until(lambda: asides(folder))
    os.killpg(process_of(folder, "v1"), signal.SIGKILL)
    assert ended(tab, "v1")["message"] == "it was ended from outside; start it again"
    assert len(asides(folder)) == 1
    begin(tab, "v2", "csv")
    assert ended(tab, "v2")["state"] == "done"
    assert asides(folder) == []


def test_a_finished_export_is_removed_once_and_no_later_one_of_its_name(tab: Tab, folder: Path) -> None:
    wish = begin(tab, "v1")
    begin(tab, "v2", "csv")
    done = ended(tab, "v1")
    assert ended(tab, "v2")["state"] == "done"
    (folder / "exports" / ".removed-v0-01234567").mkdir()  # of a removal that was killed
    removal = {"uuid": str(uuid.uuid4()), "created": done["created"]}
    other = {"uuid": str(uuid.uuid4()), "created": "2020-01-01T00:00:00Z"}
    tab.post("/api/exports/v1/remove", other, 404)
    tab.post("/api/exports/..%2Fexports%2Fv1/remove", other, 404)

    left = tab.post("/api/exports/v1/remove", removal)

    assert [export["name"] for export in left["exports"]] == ["v2"]
    assert sorted(path.name for path in (folder / "exports").iterdir()) == [".jobs", "v2"]
    assert tab.get("/api/progress")["labeled"] == 10
    tab.post("/api/exports", wish, 404)  # a wish that comes again starts nothing
    (folder / "exports" / "v1").mkdir()
    shutil.copy(folder / "exports" / "v2" / "export.json", folder / "exports" / "v1")  # a later one of its name
    again = json.loads((folder / "exports" / "v1" / "export.json").read_text()) | {"created": "2099-01-01T00:00:00Z"}
    (folder / "exports" / "v1" / "export.json").write_text(json.dumps(again))
    shutil.rmtree(folder / "exports" / ".jobs" / "v1")
    names = [export["name"] for export in tab.post("/api/exports/v1/remove", removal)["exports"]]
    assert sorted(names) == ["v1", "v2"], "sent again, it does nothing"
    with writing(folder) as db:
        acts = db.execute("SELECT person.name FROM written JOIN person ON person.id = person WHERE uuid = ?",
                          (removal["uuid"],))  # fmt: skip
        assert [tuple(act) for act in acts] == [("Ann",)]


def test_neither_what_runs_nor_what_lies_elsewhere_is_removed(
    tab: Tab, folder: Path, stuck: Path, tmp_path: Path
) -> None:
    begin(tab, "v1")
    running = until(lambda: (job := tab.get("/api/exports/v1"))["state"] == "running" and job)
    wish = {"uuid": str(uuid.uuid4()), "created": running["created"]}
    assert "not finished" in tab.post("/api/exports/v1/remove", wish, 409)["error"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "export.json").write_text(json.dumps({"format": "csv", "created": "2024-05-06T00:00:00Z"}))
    (folder / "exports" / "v2").symlink_to(elsewhere)
    wish = {"uuid": str(uuid.uuid4()), "created": "2024-05-06T00:00:00Z"}
    assert "is a link to" in tab.post("/api/exports/v2/remove", wish, 409)["error"]
    assert (elsewhere / "export.json").is_file()
    assert tab.post("/api/exports/v1/stop", {"uuid": running["uuid"]})["state"] == "stopped"


def test_an_export_of_an_earlier_server_is_stopped_too(folder: Path, stuck: Path) -> None:
    with serving_tab(folder) as before:
        wish = begin(before, "v1")
        until(lambda: asides(folder))
    with serving_tab(folder) as tab:
        assert tab.get("/api/exports/v1")["state"] == "running"
        assert tab.post("/api/exports/v1/stop", {"uuid": wish["uuid"]})["state"] == "stopped"
    assert asides(folder) == []


def test_a_finished_export_warns_of_images_that_are_away(tab: Tab, images: Path) -> None:
    (images / "train" / "cat" / "0.png").unlink()
    begin(tab, "v1")
    done = ended(tab, "v1")
    assert (done["state"], done["labeled"], done["left_out"]) == ("done", 9, {"its file is gone": 1})
    assert done["message"].startswith("1 file could not be read as indexed: look through the images again")
