"""The dataset report, reading the images anew, and what was merged into a class."""

import json
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from starlette.testclient import TestClient

from barlowmatch.events import JsonLines, RunFailed, RunFinished, RunStarted
from barlowmatch.processes import born
from labeling.chores import Chore
from labeling.dataset.indexing import init_project
from labeling.project import Project, reading
from labeling.server.application import build_app
from storage.checks import find_faults
from tests.labeling.conftest import Tab, serving_tab


def fresh() -> str:
    return str(uuid.uuid4())


def finished(tab: Tab, path: str, part: str) -> Any:
    """Wait until a chore has ended, and return the whole answer."""
    kind = {"reading": "reading", "chore": "labels"}[part]
    wait_for(tab.http.app.state.context.project.paths.cache / "chores" / kind)  # type: ignore[attr-defined]
    answer = tab.get(path)
    assert answer[part]["state"] in ("done", "failed")
    return answer


def wait_for(folder: Path) -> None:
    """Wait until the process of a chore has ended."""
    facts = json.loads((folder / "chore.json").read_text())
    if born(facts["pid"]) is not None:
        psutil.Process(facts["pid"]).wait(timeout=120)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Return a folder with a broken file, an image that is there twice, and pictures of two sizes."""
    folder = tmp_path / "messy"
    (folder / "cats").mkdir(parents=True)
    draw = np.random.default_rng(3)
    for number, side in enumerate((12, 12, 20)):
        Image.fromarray(draw.integers(0, 255, (side, side, 3), np.uint8)).save(folder / f"{number}.png")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:60])
    return folder


@pytest.fixture
def tab(messy: Path, tmp_path: Path) -> Any:
    init_project(tmp_path / "project", dataset_folder=messy)
    with serving_tab(tmp_path / "project") as tab:
        yield tab


def test_the_report_is_there_from_the_start_and_names_what_is_wrong(tab: Tab, messy: Path) -> None:
    found = tab.get("/api/dataset")
    report = found["report"]

    assert (found["root"], found["there"], found["images"], found["missing"]) == (str(messy), True, 4, 0)
    assert (report["images"], report["unreadable_count"], report["copies_count"]) == (5, 1, 1)
    assert report["unreadable"][0]["file"] == "broken.png"
    assert report["copies"][0]["files"] == ["0.png", "copy.png"]
    assert tab.http.get(report["copies"][0]["thumb"]).headers["content-type"] == "image/webp"
    assert {tuple(size) for size in report["sizes"]["common"]} == {(12, 12, 3), (20, 20, 1)}
    assert {sample["file"] for sample in found["samples"]} == {"0.png", "1.png", "2.png", "copy.png"}
    assert found["reading"]["state"] == "never"


def test_names_that_are_no_utf8_are_shown_escaped_and_still_found(tmp_path: Path) -> None:
    images = tmp_path / "caf\udce9"
    content = BytesIO()
    Image.new("RGB", (9, 9), "red").save(content, "PNG")
    for label in ("train/cat", "train/dog"):
        (images / label).mkdir(parents=True)
        (images / label / "\udce9.png").write_bytes(content.getvalue())
    (images / "train" / "cat" / "broken\udce9.png").write_bytes(b"no picture")
    init_project(tmp_path / "project", dataset_folder=images)
    with (
        Project(tmp_path / "project") as project,
        TestClient(build_app(project, pages=False), base_url="http://127.0.0.1") as server,
    ):
        tab = Tab(server, "Ann")
        found = tab.get("/api/dataset")
        report = found["report"]
        assert found["root"] == str(tmp_path / "caf\\xe9")
        assert "train/cat/\\xe9.png" in report["warnings"][-1]
        assert report["unreadable"][0]["file"] == "train/cat/broken\\xe9.png"
        assert report["copies"][0]["files"] == ["train/cat/\\xe9.png", "train/dog/\\xe9.png"]
        assert tab.http.get(report["copies"][0]["thumb"]).headers["content-type"] == "image/webp"


def test_read_anew_takes_up_what_is_new_and_tells_how_it_ended(tab: Tab, messy: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(messy / "new.png")
    wish = {"uuid": fresh()}
    tab.post("/api/dataset/read", wish, 202)
    done = finished(tab, "/api/dataset", "reading")
    assert done["reading"]["state"] == "done", done["reading"]
    assert (done["images"], done["report"]["images"], done["changed"]["added"]) == (5, 6, 1)
    assert done["reading"]["total"] == 6

    assert tab.post("/api/dataset/read", wish, 202)["state"] == "done", "sent again, it is not done again"

    messy.rename(messy.with_name("elsewhere"))
    assert not tab.get("/api/dataset")["there"]
    tab.post("/api/dataset/read", {"uuid": fresh(), "folder": str(messy.with_name("elsewhere"))}, 202)
    again = finished(tab, "/api/dataset", "reading")
    assert (again["reading"]["state"], again["missing"], again["there"]) == ("done", 0, True)


def test_reading_is_stopped_by_its_uuid_and_changes_nothing(tab: Tab, messy: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(messy / "new.png")
    wish = {"uuid": fresh()}
    tab.post("/api/dataset/read", wish, 202)
    assert tab.post("/api/dataset/stop", {"uuid": fresh()})["state"] == "running"
    assert tab.post("/api/dataset/stop", wish)["state"] == "stopped"
    stopped = tab.get("/api/dataset")
    assert (stopped["images"], stopped["reading"]["uuid"], stopped["changed"]) == (4, wish["uuid"], {})
    tab.post("/api/dataset/read", {"uuid": fresh()}, 202)
    assert finished(tab, "/api/dataset", "reading")["changed"]["added"] == 1
    assert tab.post("/api/dataset/stop", wish)["state"] == "done"


def test_a_chore_that_another_server_started_can_be_stopped(tmp_path: Path) -> None:
    Chore(tmp_path / "chore").start(["choose", "--project", str(tmp_path), "--budget", "1"], {"uuid": "1"})
    later = Chore(tmp_path / "chore")
    assert later.tell().state == "running"
    later.stop("1")
    assert later.tell().state == "stopped"


def test_a_dead_chore_is_told_as_dead_with_its_last_line(tmp_path: Path) -> None:
    chore = Chore(tmp_path / "chore")
    assert chore.tell().state == "never"
    chore.start(["import", "--project", str(tmp_path / "nowhere"), "--rescan"], {"uuid": "1"})
    wait_for(tmp_path / "chore")
    failed = Chore(tmp_path / "chore").tell()  # as a server finds it that was started later
    assert (failed.state, failed.about) == ("failed", {"uuid": "1"})
    assert "no labeling project" in (failed.message or "")


def test_what_was_merged_is_named_counted_and_split_again(ann: Tab, folder: Path) -> None:
    item = ann.lease(1)[0]
    ann.label(item, "cat")
    cat, dog = ann.classes["cat"], ann.classes["dog"]
    before = {each["name"]: each["count"] for each in ann.get("/api/dataset/classes")["classes"]}
    ann.post(f"/api/classes/{cat}/merge", {"uuid": fresh(), "into": dog})

    merged = ann.get("/api/dataset/classes")["classes"]
    assert [(each["name"], each["count"]) for each in merged] == [("dog", before["cat"] + before["dog"])]
    assert merged[0]["merged"] == [{"id": cat, "name": "cat", "answers": 6}]

    ann.post(f"/api/classes/{cat}/split", {"uuid": fresh()})
    after = ann.get("/api/dataset/classes")["classes"]
    assert {each["name"]: each["count"] for each in after} == before
    assert all(each["merged"] == [] for each in after)
    with reading(folder) as db:
        assert find_faults(db) == []


def test_a_chore_that_died_is_not_done_and_one_that_was_stopped_has_not_failed(tmp_path: Path) -> None:
    folder = tmp_path / "chore"
    folder.mkdir()
    (folder / "chore.json").write_text(json.dumps({"about": {}, "pid": 1, "started": 0.5}))
    lines = JsonLines(folder / "events.jsonl")
    lines(RunStarted(stage="init", folder=""))
    assert Chore(folder).tell().state == "failed"
    lines(RunFinished(step=0, results={"control": 20}))
    assert (Chore(folder).tell().state, Chore(folder).tell().results) == ("done", {"control": 20})
    lines(RunFailed(reason="stopped", status=143))
    lines.close()
    assert (Chore(folder).tell().state, Chore(folder).tell().message) == ("stopped", None)
