"""Runs: real processes that are started, watched, stopped and gone on with, by one server or by the next one."""

import json
import os
import signal
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.errors import InputError
from barlowmatch.events import JsonLines, Progress, RunFailed, RunStarted, Said, silent
from barlowmatch.runs.folders import Place
from barlowmatch.runs.run import finish, open_run, start
from labeling.project import Project, ProjectFolder, writing
from labeling.runs.launching import living_process, new_name, python_words
from labeling.runs.stories import POINTS
from labeling.runs.supervising import Runs, Wish
from labeling.server.application import build_app
from storage.database import transaction
from storage.errors import Refused
from tests.labeling.conftest import Tab
from tests.waiting import until

SMALL = {
    "image_size": 8,
    "backbone": "resnet18_quarter",
    "projector_width": 16,
    "threads": 1,
    "batch_size": 16,
    "workers": 1,
}


def waiting(seconds: float = 60, then: str = "") -> Wish:
    """A run that writes a line and waits; it needs no torch."""
    code = f"import time; print('waiting', flush=True); time.sleep({seconds}); {then}"
    return Wish("pretrain", ("timeit", "-n1", "-r1", code))


def test_a_run_is_found_by_another_server_and_stopped_by_it(paths: ProjectFolder) -> None:
    name = new_name("pretrain")
    Runs(paths).start(name, waiting())
    other = Runs(paths)
    run = until(lambda: other.need(name))
    assert run.state == "running"
    assert other.running() is not None
    with pytest.raises(Refused, match=name):
        other.start(new_name("pretrain"), waiting())
    until(lambda: "waiting" in other.log(name))

    other.cancel(name)
    until(lambda: other.need(name).state != "running")
    assert other.need(name).state == "stopped"
    assert other.running() is None
    other.cancel(name)  # once more changes nothing


def test_a_run_that_is_killed_is_told_as_dead_with_its_last_line(paths: ProjectFolder) -> None:
    name, runs = new_name("pretrain"), Runs(paths)
    runs.start(name, waiting())
    until(lambda: "waiting" in runs.log(name))
    pid = living_process(runs.folder(name))
    assert pid is not None
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    run = until(lambda: (found := Runs(paths).need(name)).state != "running" and found)

    assert (run.state, run.message) == ("dead", "waiting")


def test_a_run_that_is_refused_under_torchrun_has_failed_with_its_reason(paths: ProjectFolder, tmp_path: Path) -> None:
    """What torchrun tells of its processes is the last word, and a later end has its own."""
    name, runs = new_name("pretrain"), Runs(paths)
    gone = f"import pathlib, time; pathlib.Path('{tmp_path}/begun').touch(); time.sleep(60)"
    command = ("barlowmatch", "pretrain", "--dataset-folder", str(tmp_path / "nowhere"))
    runs.start(name, Wish("pretrain", command, launcher="torchrun --nproc-per-node 2"))
    run = until(lambda: (found := runs.need(name)).state != "running" and found)
    assert run.message == f"{tmp_path}/nowhere: no such folder; name the folder that holds the images"
    assert run.state == "failed"
    facts = json.loads((runs.folder(name) / "launch.json").read_text())
    facts["command"] = [sys.executable, "-c", gone]
    (runs.folder(name) / "launch.json").write_text(json.dumps(facts))
    runs.resume(name)
    until((tmp_path / "begun").exists)
    pid = living_process(runs.folder(name))
    assert pid is not None
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    run = until(lambda: (found := runs.need(name)).state != "running" and found)
    assert (run.state, run.message) == ("dead", "it was ended from outside and left no word")


def test_another_process_with_the_number_of_a_run_is_not_taken_for_it(paths: ProjectFolder) -> None:
    folder = paths.runs / "pretrain-20260101T000000Z-abcdef"
    folder.mkdir(parents=True)
    facts = {
        "stage": "pretrain",
        "created": "2026-01-01T00:00:00Z",
        "launched": "2026-01-01T00:00:00Z",
        "command": ["x"],
    }
    (folder / "launch.json").write_text(
        json.dumps(facts | {"pid": os.getpid(), "start_time": psutil.Process().create_time() - 500})
    )

    assert Runs(paths).need(folder.name).state == "dead"


def test_the_same_name_is_started_once_and_strange_names_are_no_runs(paths: ProjectFolder) -> None:
    runs, name = Runs(paths), new_name("pretrain")
    runs.start(name, waiting())
    first = living_process(runs.folder(name))
    runs.start(name, waiting())
    assert living_process(runs.folder(name)) == first
    for strange in ("..", "../runs", ".hidden", "a/b", "", "x" * 300):
        assert runs.find(strange) is None
        with pytest.raises(Refused):
            runs.cancel(strange)


def test_the_index_of_runs_can_be_made_anew(paths: ProjectFolder, folder: Path) -> None:
    runs, name = Runs(paths), new_name("pretrain")
    runs.start(name, waiting(0))
    until(lambda: runs.need(name).state != "running")
    rows = "SELECT folder, stage, event FROM run"
    with writing(folder) as db, transaction(db):
        before = [tuple(row) for row in db.execute(rows)]
        db.execute("DELETE FROM run")
    with writing(folder) as db, transaction(db):
        runs.index(db)
        after = [tuple(row) for row in db.execute(rows)]

    assert [(os.fsencode(runs.folder(name)), "pretrain", runs.need(name).event)] == before == after


def test_a_run_that_starts_up_is_seen_and_one_that_is_refused_leaves_the_finished_one_done(
    paths: ProjectFolder,
) -> None:
    folder = paths.runs / "by-hand"
    config = PretrainConfig(run_dir=folder)
    place, runs = Place(folder, folder / "last.pt", folder / "best.pt"), Runs(paths)
    with open_run("pretrain", config, place, {}, silent) as run:
        starting = runs.need("by-hand")
        assert (starting.state, starting.stage) == ("running", "pretrain")
        start(run, 0)
        finish(run, 3, {"steps": 3})
    assert runs.need("by-hand").state == "done"
    with suppress(InputError), open_run("pretrain", config, place, {}, silent) as again:
        again.emit(Said(message="images are decoded"))
        assert runs.need("by-hand").state == "done"
        raise InputError("too few images")
    found = runs.need("by-hand")
    assert (found.state, found.message, found.figures) == ("done", None, {"steps": 3.0})


def test_the_launcher_is_split_into_words_without_a_shell() -> None:
    assert python_words("") == [sys.executable]
    assert python_words("env 'A=b; c' python")[1:] == ["A=b; c", "python"]
    for wrong in ("no-such-program", "torchrun 'unclosed"):
        with pytest.raises(Exception, match="launcher"):
            python_words(wrong)


def forget(launched: Path, flag: str) -> None:
    """Take a flag and its value out of the command of a run."""
    facts = json.loads(launched.read_text())
    place = facts["command"].index(flag)
    del facts["command"][place : place + 2]
    launched.write_text(json.dumps(facts))


class TestByTheApi:
    def start(self, tab: Tab, status: int = 202, **wish: Any) -> Any:
        body = {"uuid": str(uuid.uuid4()), "stage": "pretrain", "preset": "quick", "config": SMALL, **wish}
        return tab.post("/api/runs", body, status)

    def test_stop_go_on_and_end_as_if_it_had_never_stopped(
        self, ann: Tab, project: Project, paths: ProjectFolder
    ) -> None:
        ann.get("/api/runs")
        whole = {**SMALL, "num_epochs": 30, "trust": 0.005}
        name = self.start(ann, config=whole)["name"]
        assert self.start(ann, 409, config=whole)["error"] == f"{name} is running"
        until(lambda: (told := ann.get(f"/api/runs/{name}")["progress"]) and told["work"] == "pretrain")
        ann.post(f"/api/runs/{name}/cancel", {"uuid": str(uuid.uuid4())})
        stopped = until(lambda: (found := ann.get(f"/api/runs/{name}"))["state"] != "running" and found)
        assert stopped["state"] == "stopped"
        assert stopped["checkpoint"] > 0
        assert "pretrain" in stopped["command"]
        assert "--resume auto" in stopped["command"]
        forget(paths.runs / name / "launch.json", "--trust")  # as if a preset of then had said it

        with TestClient(build_app(project, pages=False), base_url="http://127.0.0.1") as later:
            tab = Tab(later, "Ben")
            tab.post(f"/api/runs/{name}/resume", {"uuid": str(uuid.uuid4())})
            done = until(
                lambda: (found := tab.get(f"/api/runs/{name}"))["state"] not in ("running", "stopped") and found
            )
        assert done["state"] == "done", done
        assert done["command"].count("--trust 0.005") == 1
        steps = [step for step, _ in done["curves"]["loss"]]
        assert steps == sorted(set(steps))
        assert done["progress"]["total"] == done["figures"]["steps"] == 60
        assert done["event"] == 10
        assert done["labels"] == {"train": 6, "val": 4}
        estimate = ann.post("/api/estimate", {"stage": "pretrain", "preset": "quick", "config": whole})
        assert (estimate["state"], estimate["by"], estimate["steps"]) == ("known", name, done["figures"]["steps"])

    def test_what_a_run_says_of_names_that_are_no_utf8_is_shown(self, ann: Tab, paths: ProjectFolder) -> None:
        folder = paths.runs / "pretrain-20260101T000000Z-abcdef"
        folder.mkdir(parents=True)
        (folder / "launch.json").write_text(json.dumps({"stage": "pretrain", "command": ["x", "caf\udce9"]}))
        lines = JsonLines(folder / "events.jsonl")
        lines(Said(message="caf\udce9.png cannot be read", level="warning"))
        lines(RunFailed(reason="caf\udce9.png cannot be read", status=2))
        lines.close()

        run = ann.get(f"/api/runs/{folder.name}")
        assert {run["message"], run["said"][0]["message"]} == {"caf\\xe9.png cannot be read"}
        assert run["command"] == "x 'caf\\xe9'"

    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            ({"stage": "dance"}, "stage"), ({"preset": "huge"}, "preset"),
            ({"config": {"batch_size": 1}}, "batch_size"),
            ({"config": {"batch_size": 4000}}, "batch_size"), ({"config": {"run_dir": "/x"}}, "run_dir"),
            ({"minutes": 0}, "minutes"), ({"starts_from": "x", "stage": "fixmatch", "config": {}}, "starts_from"),
            ({"stage": "embed", "preset": None, "config": {}}, "stage"),
            ({"stage": "embed", "preset": None, "config": {}, "minutes": 3}, "minutes"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_run_is_refused_at_its_field(self, ann: Tab, wish: dict[str, Any], field: str) -> None:
        refusal = self.start(ann, 422, **wish)
        assert refusal["field"] == field, refusal
        assert ann.get("/api/runs")["runs"] == []

    def test_one_uuid_starts_one_run(self, ann: Tab, paths: ProjectFolder) -> None:
        same = str(uuid.uuid4())
        first = self.start(ann, uuid=same)
        assert self.start(ann, uuid=same)["name"] == first["name"]
        assert len(ann.get("/api/runs")["runs"]) == 1
        assert paths.runs.is_dir()

    def test_each_stage_has_a_form_that_says_what_it_lacks(self, ann: Tab) -> None:
        forms = {
            stage: ann.get(f"/api/forms/{stage}") for stage in ("pretrain", "train-classifier", "fixmatch", "embed")
        }
        assert [form["lacks"] is None for form in forms.values()] == [True, True, True, False]
        batch = {preset["values"]["batch_size"] for preset in forms["train-classifier"]["presets"]}
        assert batch == {None, 6}, "no batch is larger than the labels there are"
        assert ann.get("/api/forms/dance", 422)["field"] == "stage"

    @pytest.mark.slow
    def test_ten_tabs_that_poll_for_an_hour_do_not_grow_the_memory(self, ann: Tab, paths: ProjectFolder) -> None:
        folder = paths.runs / "pretrain-20260101T000000Z-abcdef"
        folder.mkdir(parents=True)
        (folder / "process.json").write_text(
            json.dumps({"pid": os.getpid(), "start_time": psutil.Process().create_time()})
        )
        lines = JsonLines(folder / "events.jsonl")
        lines(RunStarted(stage="pretrain", folder=str(folder)))
        used = []
        for step in range(1, 1201):
            lines(Progress(work="pretrain", done=step, total=10**6, metrics={"loss": 1.0, "lr": 0.1}))
            assert len(ann.get(f"/api/runs/{folder.name}")["curves"]["loss"]) <= POINTS + 1
            if step in (600, 1200):
                used.append(psutil.Process().memory_info().rss)
        lines.close()

        assert used[1] - used[0] < 8 * 2**20, f"{(used[1] - used[0]) / 2**20:.1f} MiB more"
