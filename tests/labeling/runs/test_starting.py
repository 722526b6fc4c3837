"""Starting a run while people label, and starting it twice at the same moment."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labeling.project import ProjectFolder, writing
from labeling.runs.supervising import Runs
from storage.database import transaction
from storage.predictions import list_runs
from tests.labeling.conftest import Tab, new
from tests.labeling.runs.test_running import SMALL
from tests.waiting import until

SLOW = "pretrain-20260101T000000Z-abcdef"
WITHOUT_MODEL = {"stage": "embed", "config": {}}
"""Refused once all runs were looked at: none has a checkpoint."""


@contextmanager
def slow_run(runs: Path) -> Iterator[Callable[[], object]]:
    """Make a run whose files are read for as long as the block lasts; yields once somebody reads them."""
    folder = runs / SLOW
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(json.dumps({"stage": "pretrain", "command": ["x"]}))
    os.mkfifo(folder / "manifest.json")
    ends: list[int] = []

    def is_read() -> bool:
        try:
            ends.append(os.open(folder / "manifest.json", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads it yet
            return False
        return True

    try:
        yield lambda: until(is_read, pause=0.005)
    finally:
        (folder / "manifest.json").unlink()
        for end in ends:
            os.close(end)


@pytest.mark.parametrize(("path", "wish"), [("/api/runs", WITHOUT_MODEL), ("/api/rounds", {"budget": 1000})])
def test_a_label_is_stored_while_a_start_reads_what_all_runs_told(
    ann: Tab,
    paths: ProjectFolder,
    path: str,
    wish: dict[str, Any],
) -> None:
    item = ann.lease(1)[0]
    with ThreadPoolExecutor() as pool:
        with slow_run(paths.runs) as wait_until_read:
            started = pool.submit(ann.http.post, path, json={"uuid": new(), **wish})
            wait_until_read()
            said = pool.submit(ann.label, item, "cat")
            assert said.result(timeout=5)["status"] == "acknowledged"
            assert not started.done()
        assert started.result().status_code == 422


def test_of_starts_at_the_same_moment_one_runs_and_the_same_wish_gets_the_same_answer(
    ann: Tab,
    paths: ProjectFolder,
) -> None:
    wishes = [new(), new()] * 2
    body = {"stage": "pretrain", "preset": "quick", "config": SMALL}
    with ThreadPoolExecutor(len(wishes)) as pool:
        with slow_run(paths.runs) as wait_until_read:
            answers = [pool.submit(ann.http.post, "/api/runs", json={"uuid": uuid, **body}) for uuid in wishes]
            wait_until_read()
        found = [(uuid, answer.result()) for uuid, answer in zip(wishes, answers, strict=True)]
    started = {answer.json()["name"] for _, answer in found if answer.status_code == 202}
    assert len(started) == 1
    assert sorted(answer.status_code for _, answer in found) == [202, 202, 409, 409]
    assert len({uuid for uuid, answer in found if answer.status_code == 202}) == 1
    assert {run["name"] for run in ann.get("/api/runs")["runs"]} == {*started, SLOW}


def test_a_run_of_the_index_is_not_read_again(paths: ProjectFolder) -> None:
    """A server enters the runs when it starts, while people label."""
    folder, runs = paths.runs / SLOW, Runs(paths)
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(json.dumps({"stage": "pretrain"}))
    with writing(paths.folder) as db, transaction(db):
        runs.index(db)
        (folder / "manifest.json").write_text('{"damaged": 1}')
        runs.index(db)
        assert [run.folder for run in list_runs(db)] == [os.fsencode(folder)]
