"""Rounds by real processes: what fails in them, what is stopped in the middle, and what comes of a whole one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from barlowmatch.data.tables import read_table
from barlowmatch.events import silent
from barlowmatch.stopping import StopRequest
from labeling.dataset.indexing import init_project
from labeling.processes import read_json
from labeling.project import ProjectFolder, reading, writing
from labeling.rounds.planning import (
    PlannedStep,
    RoundWish,
    keep_steps,
    kept_steps,
)
from labeling.rounds.pretraining import find_pretrained
from labeling.rounds.running import RoundRunner
from labeling.runs.launching import living_process
from labeling.runs.supervising import Runs
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request, list_requests
from tests.conftest import write_seed_layout
from tests.labeling.rounds.pretraining import pretrained
from tests.pictures import photo
from tests.waiting import until

ROOT = Path(__file__).parents[3]


def begin(project: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "labeling", "round", "--project", str(project), *words], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )  # fmt: skip


def few_pictures(folder: Path) -> Path:
    """Return a project of eight pictures."""
    (folder / "images").mkdir()
    for number in range(8):
        photo(np.random.default_rng(number)).save(folder / "images" / f"{number}.png")
    init_project(folder / "project", dataset_folder=folder / "images")
    return folder / "project"


def told(runs: Runs) -> set[str]:
    """Return what rounds said that they are doing."""
    stories = [runs.story(run.name) for run in runs.newest() if run.stage == "round"]
    return {story.progress.work for story in stories if story.progress is not None}


def only_round(runs: Runs) -> str:
    return next(run.name for run in runs.newest() if run.stage == "round")


def test_a_round_goes_on_where_further_pretraining_is_refused(tmp_path: Path) -> None:
    """The batch that was asked for is larger than the images there are now; what comes next fails by itself."""
    project = few_pictures(tmp_path)
    runs = Runs(ProjectFolder(project))
    before = pretrained(runs, 1, None, 4, backbone="resnet18", batch_size=300)
    round_ = begin(project, "--minutes", "0.1")
    said = round_.communicate(timeout=120)[0]
    first, second, *_ = kept_steps(runs.folder(only_round(runs)))
    assert (first.key, first.state) == ("pretrain", "failed"), said
    assert first.why == "batch size 300 is more than the 6 images there are to learn from"
    assert (second.key, second.state) == ("embed", "running"), said
    assert runs.need(second.run or "").about["starts_from"] == before
    assert round_.returncode != 0, "the pretraining of this test is no model"


def test_a_round_ends_well_where_people_have_answered_all_while_it_trained(tmp_path: Path) -> None:
    project = few_pictures(tmp_path)
    paths = ProjectFolder(project)
    folder = paths.runs / "round-20260101T000000Z-aaaaaa"
    folder.mkdir(parents=True)
    keep_steps(
        folder,
        [PlannedStep("ask", "Ask", "100 images whose labels help most."), PlannedStep("take-up", "Take up", "guesses")],
    )
    with writing(project) as db, transaction(db):
        add_request(db, [NewItem(image.id) for image in all_images(db)], purpose="train", strategy="random")

    RoundRunner(paths, folder.name, RoundWish(minutes=1), silent, StopRequest()).run()

    asked, taken = kept_steps(folder)
    assert (asked.state, asked.why) == ("skipped", "Every image has its answer or is asked for already.")
    assert taken.state == "done"
    with reading(project) as db:
        assert [request.purpose for request in list_requests(db, finished=True)] == ["control", "train"]


def test_pretraining_that_goes_on_in_a_round_takes_the_time_of_the_round(tmp_path: Path) -> None:
    """It was started on the Train page, for as long as its epochs take."""
    project = few_pictures(tmp_path)
    runs = Runs(ProjectFolder(project))
    part = pretrained(runs, 1, None, None)
    round_ = begin(project, "--minutes", "1")
    until(lambda: runs.need(part).within)
    runs.cancel(only_round(runs))
    round_.wait(60)
    *_, flag, minutes = runs.need(part).command
    assert flag == "--minutes"
    assert float(minutes) <= 1


def test_a_stage_that_is_stopped_with_its_round_before_it_could_say_a_word_has_not_died(tmp_path: Path) -> None:
    project = few_pictures(tmp_path)
    runs = Runs(ProjectFolder(project))
    round_ = begin(project, "--minutes", "0.1")
    part = until(
        lambda: next((run for run in runs.newest() if run.stage == "pretrain" and run.state == "running"), None)
    )
    runs.cancel(only_round(runs))
    assert round_.wait(60) == 143
    assert (runs.need(part.name).state, runs.story(part.name).heard) == ("stopped", None)


@pytest.mark.faults
def test_a_round_is_stopped_in_the_middle_goes_on_and_ends_in_a_request(tmp_path: Path) -> None:
    images = write_seed_layout(tmp_path / "images")
    project = tmp_path / "project"
    init_project(project, dataset_folder=images)
    paths = ProjectFolder(project)
    runs = Runs(paths)

    first = begin(project, "--minutes", "0.35", "--budget", "12")
    until(lambda: first.poll() is not None or "Pretrain: steps" in told(runs))
    name = only_round(runs)
    runs.cancel(name)
    assert first.wait(60) == 143, first.communicate()[0]
    part = next(run for run in runs.newest() if run.stage == "pretrain")
    assert (runs.need(name).state, part.state, part.within) == ("stopped", "stopped", name)
    assert living_process(runs.folder(part.name)) is None

    runs.resume(name)
    until(lambda: runs.need(name).state != "running")
    assert runs.need(name).state == "done", "\n".join(runs.log(name))
    steps = kept_steps(runs.folder(name))
    assert [step.key for step in steps] == ["pretrain", "train-classifier", "fixmatch", "embed", "ask", "take-up"]
    assert {step.state for step in steps} == {"done"}, steps
    assert steps[0].run == part.name, "pretraining went on where it was"
    with reading(project) as db:
        asked = next(request for request in list_requests(db) if request.purpose == "train")
        guesses = db.execute("SELECT count(*) FROM prediction").fetchone()[0]
        wrong = db.execute(
            """SELECT count(*) FROM request_item JOIN image ON image.id = image JOIN request ON request.id = request
               WHERE purpose = 'train' AND (split = 'val' OR state <> 'none')"""
        ).fetchone()[0]
    assert (asked.items, asked.strategy, wrong) == (12, "auto", 0)
    assert guesses == 400
    for run in runs.newest():
        if run.stage in ("pretrain", "train-classifier", "fixmatch"):
            never_trained_on(project, runs.folder(run.name))
    tuned = next(run.name for run in runs.newest() if run.stage == "fixmatch")
    assert read_json(runs.folder(tuned) / "result.json")["val"]["count"] == 40

    again = begin(project, "--minutes", "0.35", "--budget", "24")
    assert again.wait(120) == 0, again.communicate()[0]
    pretrained = kept_steps(runs.folder(only_round(runs)))[0]
    before = find_pretrained(runs, runs.need(part.name), 360)
    if before.is_enough:  # a fast machine shows the images as often as the recipe asks for in the first round
        assert (pretrained.state, pretrained.run) == ("skipped", part.name)
        return
    assert pretrained.state == "done", pretrained
    further = runs.need(pretrained.run or "")
    assert further.about["starts_from"] == part.name
    assert further.command[further.command.index("--weights") + 1] == str(runs.folder(part.name) / "best.pt")
    assert find_pretrained(runs, further, 360).passes > before.passes


def never_trained_on(project: Path, folder: Path) -> None:
    """The validation images of the project are in the run's manifest as what it is judged by, and nothing else."""
    table = read_table(folder / "manifest.csv")
    with reading(project) as db:
        kept = {f"dataset/{row['name']}" for row in db.execute("SELECT name FROM image WHERE split = 'val'")}
    splits = zip(table.columns["file"], table.columns["split"], strict=True)
    assert kept
    assert {file for file, split in splits if split == "val"} == kept
