"""The first hour: the next step follows from what is there, and the control sample has the size one wants."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig
from labeling.dataset.indexing import init_project, rescan
from labeling.project import reading
from labeling.rounds.next_step import half_width, next_step
from labeling.runs.views import QUESTIONS, view_flags
from storage.checks import find_faults
from storage.control import Control, Counts
from tests.browser.bench import ask_all_blindly
from tests.labeling.api.test_dataset import fresh
from tests.labeling.conftest import Tab, serving_tab


def write_pictures(folder: Path, count: int, seed: int = 7) -> None:
    """Write so many different pictures without labels."""
    folder.mkdir()
    draw = np.random.default_rng(seed)
    for number in range(count):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), np.uint8)).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of 240 images without any label."""
    folder = tmp_path_factory.mktemp("bare")
    write_pictures(folder / "images", 240)
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
    assert [size["count"] for size in start["control"]["sizes"]] == [5, 10, 25, 50, 60]

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


def test_a_control_sample_for_which_labels_would_wait_long_is_refused(tab: Tab) -> None:
    refused = tab.post("/api/control", {"uuid": fresh(), "count": 10_001}, 422)
    assert refused["field"] == "count"
    assert tab.post("/api/control", {"uuid": fresh(), "count": 10_000})["items"] == 60


FRESH, BEGUN, DONE = Control(1, 20, 20, begun=False), Control(1, 20, 11, begun=True), Control(1, 20, 0, begun=True)


@pytest.mark.parametrize(
    ("state", "control", "act"),
    [
        (Counts(0, learns=False, validation=0, left=0, predicted=False, new_labels=0), None, "read"),
        (Counts(80, learns=True, validation=0, left=0, predicted=False, new_labels=0), None, "control"),
        (Counts(80, learns=True, validation=0, left=5, predicted=False, new_labels=0), FRESH, "label"),
        (Counts(80, learns=True, validation=20, left=0, predicted=False, new_labels=0), DONE, "round"),
        (Counts(80, learns=True, validation=20, left=9, predicted=True, new_labels=0), DONE, "label"),
        (Counts(80, learns=True, validation=20, left=0, predicted=True, new_labels=9), DONE, "round"),
        (Counts(80, learns=True, validation=20, left=0, predicted=True, new_labels=0), None, "export"),
        (Counts(20, learns=False, validation=0, left=0, predicted=False, new_labels=0), FRESH, "control"),
        (Counts(20, learns=False, validation=9, left=0, predicted=False, new_labels=0), BEGUN, "read"),
        (Counts(20, learns=False, validation=20, left=0, predicted=True, new_labels=0), DONE, "read"),
    ],
)
def test_there_is_one_next_thing_to_do(state: Counts, control: Control | None, act: str) -> None:
    assert next_step(state, control, largest=20).act == act


def test_where_no_picture_can_measure_the_round_is_run_without() -> None:
    """As in a folder where all pictures have labels: training holds some out by itself."""
    state = Counts(80, learns=True, validation=0, left=0, predicted=False, new_labels=80)
    assert next_step(state, None, largest=0).act == "round"


@pytest.mark.parametrize(
    ("images", "items", "sizes"), [(3, 0, []), (4, 1, [1]), (40, 10, [5, 10]), (210, 52, [5, 10, 25, 50, 52])]
)
def test_a_small_folder_keeps_three_pictures_to_learn_from_for_each_that_measures(
    tmp_path: Path, images: int, items: int, sizes: list[int]
) -> None:
    write_pictures(tmp_path / "images", images)
    init_project(tmp_path / "project", dataset_folder=tmp_path / "images")
    with serving_tab(tmp_path / "project") as tab:
        start = tab.get("/api/start")
        assert (start["control"]["items"], start["control"]["largest"]) == (items, items)
        assert [size["count"] for size in start["control"]["sizes"]] == sizes
        assert start["next"]["act"] == ("label" if items else "round")
        assert tab.get("/api/forms/pretrain")["lacks"] is None


def test_what_is_asked_for_meanwhile_takes_nothing_off_the_control_sample(tab: Tab) -> None:
    """A first round asks before anybody labels; pressing Start labeling would then have cut the sample to 35."""
    assert tab.post("/api/control", {"uuid": fresh(), "count": 60})["items"] == 60
    tab.post("/api/requests", {"uuid": fresh(), "random": 100})
    control = tab.get("/api/start")["control"]
    assert (control["may_change"], control["items"], control["largest"]) == (True, 60, 60)
    assert control["sizes"][-1]["count"] == 60


def old_project(folder: Path, images: int) -> Path:
    """Make a project as earlier versions did: the control sample has all the images of a small folder."""
    write_pictures(folder / "images", images)
    init_project(folder / "project", dataset_folder=folder / "images", control=0)
    ask_all_blindly(folder / "project")
    return folder / "project"


def test_a_control_sample_of_all_pictures_is_made_smaller_before_its_first_answer(tmp_path: Path) -> None:
    with serving_tab(old_project(tmp_path, 40)) as tab:
        start = tab.get("/api/start")
        assert (start["next"]["act"], start["control"]["items"]) == ("control", 40)
        assert [size["count"] for size in start["control"]["sizes"]] == [5, 10]
        assert tab.post("/api/control", {"uuid": fresh(), "count": 40})["items"] == 10
        start = tab.get("/api/start")
        assert (start["next"]["act"], start["control"]["left"]) == ("label", 10)


def test_where_all_pictures_measure_already_it_says_how_to_go_on(tmp_path: Path) -> None:
    project = old_project(tmp_path, 8)
    with serving_tab(project) as tab:
        tab.post("/api/classes", {"uuid": fresh(), "name": "cat"})
        tab.classes = {item["name"]: item["id"] for item in tab.get("/api/classes")["classes"]}
        for item in tab.lease(8):
            step = tab.get("/api/start")["next"]
            assert step["act"] == ("read" if tab.get("/api/progress")["labeled"] else "control")
            tab.label(item, "cat")
        step = tab.get("/api/start")["next"]
        assert (step["act"], step["words"]) == ("read", "Add pictures to the folder")
        assert "read it again" in step["why"]
        write_pictures(tmp_path / "images" / "more", 6, seed=8)
    rescan(project)
    with serving_tab(project) as tab:
        assert tab.get("/api/start")["next"]["act"] == "round"


def test_what_is_skipped_comes_back_and_holds_nothing_up(tab: Tab) -> None:
    tab.post("/api/classes", {"uuid": fresh(), "name": "cat"})
    tab.classes = {item["name"]: item["id"] for item in tab.get("/api/classes")["classes"]}
    tab.post("/api/control", {"uuid": fresh(), "count": 5})
    skipped = skip(tab, tab.lease(2))
    for item in tab.lease(3):
        tab.label(item, "cat")
    start = tab.get("/api/start")
    assert (start["next"]["act"], start["control"]["left"], start["undecided"]) == ("label", 2, 0)
    assert skip(tab, tab.lease(9)) == skipped, "they come back"

    start = tab.get("/api/start")
    assert (start["next"]["act"], start["control"]["left"], start["undecided"]) == ("round", 0, 2)
    assert "2 pictures stay undecided" in start["next"]["why"]
    assert tab.lease(9) == []
    shown = tab.get("/api/images", skipped=True, state="none")["images"]
    assert {row["image"] for row in shown} == skipped
    tab.label({"image": min(skipped), "lease": None}, "cat", source="browse")
    start = tab.get("/api/start")
    assert (start["next"]["act"], start["undecided"]) == ("round", 1)
    assert "1 picture stays undecided" in start["next"]["why"]


def test_skipped_images_of_a_request_hold_nothing_up(tab: Tab) -> None:
    state = Counts(80, learns=True, validation=20, left=0, predicted=True, new_labels=9, undecided=3)
    assert next_step(state, DONE, largest=20).act == "round"
    tab.post("/api/requests", {"uuid": fresh(), "random": 4})
    held = tuple(item["lease"] for item in tab.lease(20))
    asked = skip(tab, tab.lease(4, held))
    assert skip(tab, tab.lease(4, held)) == asked
    assert tab.get("/api/start")["undecided"] == 4


def skip(tab: Tab, items: list[dict[str, Any]]) -> set[int]:
    """Skip leased images and return them."""
    tab.say(*({"kind": "skip", "image": item["image"], "lease": item["lease"]} for item in items))
    return {item["image"] for item in items}


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
