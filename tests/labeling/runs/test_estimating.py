"""Estimates by former runs: which of them was of the same kind."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from barlowmatch.configs.presets import classify_quick
from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.events import JsonLines, Progress, RunFinished, RunStarted
from barlowmatch.runs.config_changes import plain
from labeling.project import ProjectFolder
from labeling.runs import launching
from labeling.runs.estimating import Estimates, _key, steps_of
from labeling.runs.stages import STAGES
from labeling.runs.supervising import Runs
from labeling.runs.wishes import RunPlan
from storage.splits import SplitCounts
from tests.waiting import until


def plan_for(labels: int) -> RunPlan:
    counts = SplitCounts(learnable=1000, labeled=labels, classes=2, judged=20, kept=20)
    return RunPlan(STAGES["train-classifier"], "quick", classify_quick(), None, counts, "")


def write_run(paths: ProjectFolder, number: int, labels: int) -> str:
    """Write what a finished run of the recipe left in its folder."""
    name = f"train-classifier-2026010{number}T000000Z-abcdef"
    folder = paths.runs / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"stage": "train-classifier", "config": plain(classify_quick())}))
    facts = {"event": 1, "images": 1000, "labels": {"train": labels, "val": 20}}
    (folder / "manifest.json").write_text(json.dumps(facts))
    lines = JsonLines(folder / "events.jsonl")
    lines(RunStarted(stage="train-classifier", folder=str(folder)))
    lines(Progress(work="train-classifier", done=40, total=40, rate=10.0))
    lines(RunFinished(step=40))
    lines.close()
    return name


def test_a_run_of_fewer_labels_than_a_batch_says_nothing_of_one_of_whole_batches(tmp_path: Path) -> None:
    paths = ProjectFolder(tmp_path)
    many, few = write_run(paths, 1, labels=100), write_run(paths, 2, labels=10)
    estimates = Estimates(paths, Runs(paths))

    assert [estimates.ask(plan_for(labels)).by for labels in (10, 64, 400)] == [few, many, many]


def test_steps_whose_timing_gave_way_to_a_run_are_timed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = launching.launch

    def sleep(folder: Path, facts: dict[str, Any], _: Sequence[str], *, own_group: bool) -> int:
        return launch(folder, facts, ["sleep", "60"], own_group=own_group)

    monkeypatch.setattr(launching, "launch", sleep)
    paths, plan = ProjectFolder(tmp_path), plan_for(20)
    estimates = Estimates(paths, Runs(paths))
    assert estimates.ask(plan).state == "timing"
    (folder,) = paths.runs.glob(".timing-*")
    estimates.stop()
    until(lambda: launching.living_process(folder) is None)

    assert estimates.ask(plan).state == "timing"
    estimates.stop()


def test_what_was_timed_leaves_no_weights(tmp_path: Path) -> None:
    paths, plan = ProjectFolder(tmp_path), plan_for(20)
    folder = paths.runs / f".timing-{_key(plan)}"
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(json.dumps({"launched": "2026-01-01T00:00:00Z"}))
    (folder / "last.pt").touch()
    lines = JsonLines(folder / "events.jsonl")
    lines(Progress(work="train-classifier", done=10, total=40, rate=10.0))
    lines.close()

    assert Estimates(paths, Runs(paths)).ask(plan).state == "known"
    assert sorted(path.name for path in folder.iterdir()) == ["events.jsonl", "launch.json"]


def test_steps_are_those_of_the_usual_batch_or_of_the_labels_there_are() -> None:
    assert ClassifyConfig.usual_batch == 64
    by_hand = [replace(plan_for(labels), config=replace(classify_quick(), least_steps=0)) for labels in (10, 64, 640)]
    assert [steps_of(plan) / 40 for plan in by_hand] == [1, 1, 10]


def test_of_few_labels_the_steps_are_those_of_more_passes() -> None:
    least = classify_quick().least_steps
    assert [steps_of(plan_for(labels)) for labels in (10, 64, 640)] == [least, least, 400]
    plan = plan_for(200)  # three steps show each once: not a part of a pass, but whole ones
    assert steps_of(replace(plan, config=replace(plan.config, least_steps=301))) == 303


def test_labels_that_the_stage_will_hold_out_are_in_no_step() -> None:
    plan = plan_for(1280)
    apart = SplitCounts(learnable=1280, labeled=1280, classes=2, judged=0, kept=0)
    shares = (0.0, 0.2, 0.5, None)
    plans = [replace(plan, counts=apart, config=replace(plan.config, val_share=share)) for share in shares]
    assert [steps_of(each) / plan.config.num_epochs for each in plans] == [20, 16, 10, 16]
    many_classes = replace(plans[-1], counts=replace(apart, classes=300))
    assert steps_of(many_classes) / plan.config.num_epochs == 20, "fewer than five labels a class"
