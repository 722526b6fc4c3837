"""The first hour: the next step follows from what is there, and the control sample has the size one wants."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig
from labeling.dataset.indexing import init_project
from labeling.project import reading
from labeling.rounds.next_step import half_width, next_step
from labeling.runs.views import QUESTIONS, view_flags
from storage.checks import find_faults
from storage.control import Control, Counts
from tests.labeling.api.test_dataset import fresh
from tests.labeling.conftest import Tab, serving_tab


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of 60 images without any label."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "images").mkdir()
    draw = np.random.default_rng(7)
    for number in range(60):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), np.uint8)).save(folder / "images" / f"{number}.png")
    init_project(folder / "project", dataset_folder=folder / "images", control=20)
    return folder / "project"


@pytest.fixture
def tab(bare: Path, tmp_path: Path) -> Iterator[Tab]:
    import shutil

    shutil.copytree(bare, tmp_path / "project", symlinks=True)
    with serving_tab(tmp_path / "project") as tab:
        yield tab


def test_the_size_of_the_control_sample_changes_until_the_first_answer(tab: Tab, tmp_path: Path) -> None:
    start = tab.get("/api/start")
    assert (start["next"]["act"], start["control"]["items"], start["control"]["may_change"]) == ("label", 20, True)
    assert [size["count"] for size in start["control"]["sizes"]] == [50, 60]

    leased = tab.lease(12)
    kept = {row["image"] for row in tab.get("/api/images", split="val", limit=100)["images"]}
    larger = {"uuid": fresh(), "count": 35}
    assert tab.post("/api/control", larger)["items"] == 35
    assert tab.post("/api/control", larger)["items"] == 35
    more = {row["image"] for row in tab.get("/api/images", split="val", limit=100)["images"]}
    assert (len(more), kept <= more) == (35, True)

    assert tab.post("/api/control", {"uuid": fresh(), "count": 10})["left"] == 10
    fewer = {row["image"] for row in tab.get("/api/images", split="val", limit=100)["images"]}
    assert fewer == {item["image"] for item in leased[:10]}
    assert tab.post("/api/control", {"uuid": fresh(), "count": 500})["items"] == 60

    tab.post("/api/classes", {"uuid": fresh(), "name": "cat"})
    tab.classes = {item["name"]: item["id"] for item in tab.get("/api/classes")["classes"]}
    assert tab.label(leased[0], "cat")["status"] == "acknowledged"
    assert "answers already" in tab.post("/api/control", {"uuid": fresh(), "count": 20}, 409)["error"]
    assert not tab.get("/api/start")["control"]["may_change"]
    with reading(tmp_path / "project") as db:
        assert find_faults(db) == []


def test_who_labels_what_was_left_out_meanwhile_is_late_but_kept(tab: Tab, tmp_path: Path) -> None:
    tab.post("/api/classes", {"uuid": fresh(), "name": "cat"})
    tab.classes = {item["name"]: item["id"] for item in tab.get("/api/classes")["classes"]}
    leased = tab.lease(12)
    tab.post("/api/control", {"uuid": fresh(), "count": 5})
    assert tab.label(leased[-1], "cat")["status"] == "late"
    assert tab.get("/api/progress")["labeled"] == 1
    with reading(tmp_path / "project") as db:
        assert find_faults(db) == []


@pytest.mark.parametrize(
    ("state", "control", "act"),
    [
        (Counts(0, 0, 0, 0, predicted=False, new_labels=0), None, "read"),
        (Counts(60, 0, 0, 0, predicted=False, new_labels=0), None, "control"),
        (Counts(60, 0, 0, 5, predicted=False, new_labels=0), Control(1, 20, 20, begun=False), "label"),
        (Counts(60, 20, 0, 0, predicted=False, new_labels=0), Control(1, 20, 0, begun=True), "round"),
        (Counts(60, 20, 0, 9, predicted=True, new_labels=0), Control(1, 20, 0, begun=True), "label"),
        (Counts(60, 20, 9, 0, predicted=True, new_labels=9), Control(1, 20, 0, begun=True), "round"),
        (Counts(60, 20, 9, 0, predicted=True, new_labels=0), None, "export"),
    ],
)
def test_there_is_one_next_thing_to_do(state: Counts, control: Control | None, act: str) -> None:
    assert next_step(state, control).act == act


@pytest.mark.parametrize("count", [1, 10, 50, 200, 1000])
def test_the_cost_of_a_smaller_sample_is_scipys_wilson_interval(count: int) -> None:
    interval = stats.binomtest(count // 2, count).proportion_ci(method="wilson")
    if count % 2 == 0:
        assert half_width(count) == pytest.approx((interval.high - interval.low) / 2)
    widest = max(
        (bounds.high - bounds.low) / 2
        for right in range(count + 1)
        for bounds in [stats.binomtest(right, count).proportion_ci(method="wilson")]
    )
    assert widest <= half_width(count) + 1e-12 < 1
    assert math.isclose(half_width(200), 0.0686, abs_tol=1e-4)


def test_answers_become_fields_of_the_training_configs(tab: Tab) -> None:
    assert tab.get("/api/start")["flags"] == {}
    for change, answer in (("mirror", "other"), ("quarter", "same"), ("grey", "same"), ("hue", "other")):
        start = tab.send("PUT", f"/api/views/{change}", {"answer": answer})
    assert start["flags"] == {"flip_x": 0, "quarter_turns": 1, "recolor": 0}
    assert tab.send("PUT", "/api/views/hue", {"answer": None})["flags"]["recolor"] == 1
    assert tab.send("PUT", "/api/views/upside-down", {"answer": "other"})["flags"]["quarter_turns"] == 0
    tab.send("PUT", "/api/views/sideways", {"answer": "same"}, 422)
    for config in (PretrainConfig, ClassifyConfig, FixMatchConfig):
        config(**tab.get("/api/start")["flags"])


def test_every_question_decides_a_field() -> None:
    for question in QUESTIONS:
        for answer, value in (("same", 1), ("other", 0)):
            assert view_flags({question.change: answer}) == {question.field: value}
