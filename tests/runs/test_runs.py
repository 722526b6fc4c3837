"""What a run leaves in its folder."""

import io
import json
import math
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.errors import InputError
from barlowmatch.evaluation import judge
from barlowmatch.events import (
    Console,
    JsonLines,
    Progress,
    RunFinished,
    Said,
    progress_line,
    read_events,
    rounded,
    silent,
)
from barlowmatch.processes import born
from barlowmatch.runs.config_changes import plain
from barlowmatch.runs.folders import goes_on, place_run, wants_resume, why_afresh
from barlowmatch.runs.run import finish, keep_old_results, open_run, start

CLASSES = 4000


def test_the_end_of_a_run_with_thousands_of_classes_is_a_short_line(tmp_path: Path) -> None:
    labels = np.arange(CLASSES)
    guesses = np.where(labels % 5 == 0, 0, labels)
    report = judge(torch.eye(CLASSES)[guesses], labels, [f"class {label}" for label in labels])
    config = ClassifyConfig(run_dir=tmp_path)
    with open_run("train-classifier", config, place_run("train-classifier", config, "d"), {}, silent) as run:
        start(run, 0)
        finish(run, 7, {"steps": 7, "val": report.to_dict()})

    _, end = read_events(tmp_path / "events.jsonl")
    assert isinstance(end, RunFinished)
    assert end.results["val"]["accuracy"] == report.accuracy
    assert (tmp_path / "events.jsonl").stat().st_size < 2**20
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["val"]
    assert written["confusion"] == [[label, guess, 1] for label, guess in enumerate(guesses.tolist())]


def test_a_file_name_that_is_no_text_does_not_silence_the_log(tmp_path: Path) -> None:
    config = ClassifyConfig(run_dir=tmp_path)
    with open_run("train-classifier", config, place_run("train-classifier", config, "d"), {}, silent) as run:
        run.emit(Said(message="caf\udce9.png is damaged"))
        run.emit(Said(message="and on it goes"))
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines() == [
        "caf\\udce9.png is damaged", "and on it goes",
    ]  # fmt: skip


def test_the_console_ends_by_saying_where_the_model_is() -> None:
    """The next command is given one of the two, and nobody should have to look for them."""
    stream = io.StringIO()
    Console(stream)(RunFinished(step=8, results={"steps": 8, "checkpoint": "pre.pt", "best": "pre.run/best.pt"}))
    assert stream.getvalue().splitlines() == [
        "finished after step 8; the model is pre.run/best.pt, the state to go on from pre.pt"
    ]


def test_a_line_holds_only_numbers_that_json_knows(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "events.jsonl")
    lines(RunFinished(step=1, results={"loss": math.nan, "norms": [1.0, math.inf], "val": {"recalls": (math.nan,)}}))
    lines.close()
    (event,) = read_events(tmp_path / "events.jsonl")
    assert event == RunFinished(
        time=event.time, step=1, results={"loss": None, "norms": [1.0, None], "val": {"recalls": [None]}}
    )


def test_progress_is_a_line_of_plain_numbers() -> None:
    event = Progress(
        work="decode images", done=641, total=12000, unit="image", rate=1434.6, remaining=7.9, metrics={"loss": 0.01234}
    )
    assert progress_line(event) == "decode images 641/12,000 images, 1,430 image/s, 8 s left, loss 0.0123"
    assert [rounded(value) for value in (1e-5, 12.345, 999.6, float("inf"))] == ["1e-05", "12.3", "1,000", "inf"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("model.pt", "model.run"), ("m.pth.tar", "m.run"), (".pt", ".pt.run"), ("model", "model.run"),
    ],
)  # fmt: skip
def test_a_run_folder_is_named_after_its_checkpoint(name: str, folder: str, tmp_path: Path) -> None:
    config = ClassifyConfig(checkpoint_path=tmp_path / name)
    assert place_run("train-classifier", config, "d").folder == tmp_path / folder


@pytest.mark.parametrize("last", ["RunFinished", "Progress"])
def test_only_the_end_of_what_a_long_run_told_is_read(last: str, tmp_path: Path) -> None:
    """4 TiB of it, mostly holes, are more than any memory holds."""
    config = ClassifyConfig(run_dir=tmp_path)
    process = {"pid": os.getppid(), "start_time": born(os.getppid())}
    (tmp_path / "process.json").write_text(json.dumps(process), encoding="utf-8")
    with (tmp_path / "events.jsonl").open("wb") as file:
        file.truncate(2**42)
        file.seek(2**42)
        file.write(f'\n{{"event": "{last}", "work": "{"x" * 2**17}"}}\n\n'.encode())
    run = open_run("train-classifier", config, place_run("train-classifier", config, "d"), {}, silent)
    with nullcontext() if last == "RunFinished" else pytest.raises(InputError, match="is using this folder"), run:
        pass


def test_no_backup_is_ever_replaced(tmp_path: Path) -> None:
    config = ClassifyConfig(run_dir=tmp_path, best_path=tmp_path / "better.pt")
    for number in range(4):
        with open_run("train-classifier", config, place_run("train-classifier", config, "d"), {}, silent) as run:
            keep_old_results(run)
            run.last_path.write_text(f"last {number}", encoding="utf-8")
            run.best_path.write_text(f"best {number}", encoding="utf-8")
    for name, what in (("last.pt", "last"), ("better.pt", "best")):
        kept = [(tmp_path / f"{name}{end}").read_text(encoding="utf-8") for end in (".bak", ".bak2", ".bak3", "")]
        assert kept == [f"{what} {number}" for number in range(4)]


def test_a_resumed_run_is_the_newest_unfinished_one_of_its_parameters_or_says_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = ClassifyConfig(dataset_folder=tmp_path, resume="auto")
    assert why_afresh("train-classifier", config, "d") == "a fresh start: nothing unfinished to go on from"
    older, newer = (Path("runs") / f"train-classifier-2026010{day}T000000Z-00000{day}" for day in (1, 2))
    for folder, begun_with in ((older, config), (newer, replace(config, seed=5))):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"config": plain(begun_with), "dataset": "d"}), encoding="utf-8")
        (folder / "last.pt").touch()
    assert place_run("train-classifier", config, "d").folder == older
    other = replace(config, seed=7)
    assert place_run("train-classifier", other, "d").folder not in (older, newer)
    assert why_afresh("train-classifier", other, "d") == (
        f"a fresh start: {newer} is unfinished but differs (--seed 5 → 7)"
    )
    (newer / "result.json").touch()
    assert "--seed 0 → 7" in why_afresh("train-classifier", other, "d")
    assert place_run("train-classifier", config, "of other images").folder not in (older, newer)
    assert why_afresh("train-classifier", config, "of other images") == (
        f"a fresh start: {older} is unfinished but differs (the dataset's files or labels)"
    )
    assert wants_resume(config)
    assert not wants_resume(replace(config, train_from_start=1))


def test_a_launchers_restart_goes_on_with_its_own_job_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be lost before its run has begun: the checkpoint is an earlier run's then."""
    config = ClassifyConfig(run_dir=tmp_path, train_from_start=1)
    place = place_run("train-classifier", config, "d")
    with open_run("train-classifier", config, place, {}, silent) as run:
        start(run, 0)
        place.last_path.touch()
    assert not goes_on(config, place.folder)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert not goes_on(config, place.folder), "begun without a launcher"

    with open_run("train-classifier", config, place, {}, silent) as run:
        assert not goes_on(config, place.folder), "opened, but not begun"
        start(run, 0)
    assert goes_on(config, place.folder)
    described = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**described, "job": "1 another"}), encoding="utf-8")
    assert not goes_on(config, place.folder), "of another job"
