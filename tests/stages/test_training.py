"""Runs of the three stages on real images: resumed ones end like uninterrupted ones, bad ones stop cleanly."""

import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from barlowmatch.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from barlowmatch.cli import parse_config
from barlowmatch.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Progress,
    RunFailed,
    RunFinished,
    RunStarted,
    read_events,
)
from barlowmatch.stages import classify, pretrain
from tests.commands import Started
from tests.conftest import Command
from tests.waiting import until

SMALL = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--batch-size", "32")
STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": (*SMALL, "--projector-width", "64", "--num-epochs", "3"),
    "train-classifier": (*SMALL, "--classifier-width", "64", "--num-epochs", "12"),
    "fixmatch": (*SMALL, "--classifier-width", "64", "--num-epochs", "3", "--num-steps", "6", "--mu", "3"),
}


def words(stage: str, data: Path, path: Path, *more: str) -> list[str]:
    return [stage, "--dataset-folder", str(data), "--checkpoint-path", str(path), *STAGES[stage], *more]


def tensors(checkpoint: dict[str, Any], prefix: str = "") -> dict[str, torch.Tensor]:
    """Return every tensor of a checkpoint by its place."""
    found: dict[str, torch.Tensor] = {}
    for name, value in checkpoint.items():
        if isinstance(value, torch.Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, dict):
            found |= tensors({str(key): item for key, item in value.items()}, f"{prefix}{name}.")
    return found


def saved_steps(events: Path) -> int:
    """Return the step of the newest checkpoint that a run told of, 0 before the first."""
    if not events.exists():
        return 0
    return max((event.step for event in read_events(events) if isinstance(event, CheckpointSaved)), default=0)


def kill_after_steps(data: Path, path: Path, stage: str, steps: int, how: signal.Signals, *more: str) -> int:
    """Start a run, end it by a signal once it reports so many steps, and return its exit status."""
    process = Started(words(stage, data, path, *more, "--checkpoint-minutes", "0.0001"))
    events = path.with_suffix(".run") / "events.jsonl"
    until(lambda: not process.running or saved_steps(events) >= steps, pause=0.005)
    if process.running:
        process.send(how)
    return process.finish().returncode


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path
) -> Callable[[str], Checkpoint]:
    """Return by a stage's name the last checkpoint of a run of it, which is made when it is first asked for."""
    home = tmp_path_factory.mktemp("whole")

    @cache
    def finished(stage: str) -> Checkpoint:
        done = barlowmatch(*words(stage, seed_layout, home / f"{stage}.pt"))
        assert done.returncode == 0, done.stderr
        return load_checkpoint(home / f"{stage}.pt")

    return finished


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stage", [pytest.param("pretrain", marks=pytest.mark.slow), "train-classifier", "fixmatch"])
def test_a_killed_run_resumes_to_the_same_weights(
    stage: str, how: signal.Signals, tmp_path: Path, barlowmatch: Command, seed_layout: Path,
    uninterrupted: Callable[[str], Checkpoint],
) -> None:  # fmt: skip
    path = tmp_path / f"{stage}.pt"
    status = kill_after_steps(seed_layout, path, stage, 5, how)
    assert status == (143 if how == signal.SIGTERM else -signal.SIGKILL)
    assert 0 < load_checkpoint(path)["step"] < uninterrupted(stage)["step"]
    done = barlowmatch(*words(stage, seed_layout, path, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    expected, found = tensors(uninterrupted(stage)), tensors(load_checkpoint(path))
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_an_epoch_that_a_kill_left_unjudged_is_judged_on_resuming(tmp_path: Path, seed_layout: Path) -> None:
    """The checkpoint between steps is written before the epoch is judged; at such rates the first one is the best."""
    flags = ("--select-best-from", "1", "--checkpoint-minutes", "0.0001", "--num-epochs", "4", "--batch-size", "60",
             "--learning-rate-barlow", "1e-6", "--learning-rate-classifier", "1e-6")  # fmt: skip
    whole = words("train-classifier", seed_layout, tmp_path / "whole.pt", *flags)
    classify.run(parse_config(whole[0], whole[1:]))
    expected = load_checkpoint(tmp_path / "whole.run" / "best.pt")
    assert expected["step"] < expected["total_steps"]

    def kill_before_the_best_is_judged(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step == expected["step"]:
            raise KeyboardInterrupt

    killed = words("train-classifier", seed_layout, tmp_path / "killed.pt", *flags, "--resume", "auto")
    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config(killed[0], killed[1:]), kill_before_the_best_is_judged)
    classify.run(parse_config(killed[0], killed[1:]))
    found = load_checkpoint(tmp_path / "killed.run" / "best.pt")
    assert (found["step"], found["metrics"]) == (expected["step"], expected["metrics"])
    best, again = tensors(expected), tensors(found)
    assert [name for name in best if not torch.equal(best[name], again[name])] == []


@pytest.mark.slow
def test_a_resumed_run_keeps_the_arithmetic_it_began_in(
    tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """`auto` times the two, and may time them differently the second time."""
    path = tmp_path / "p.pt"
    auto = ("--precision", "auto", "--num-epochs", "1")  # emulated bfloat16 is slow
    kill_after_steps(seed_layout, path, "pretrain", 2, signal.SIGTERM, *auto)
    checkpoint = load_checkpoint(path)
    checkpoint["autocast"] = not checkpoint["autocast"]
    save_checkpoint(path, checkpoint)
    done = barlowmatch(*words("pretrain", seed_layout, path, *auto, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    assert f"computing on cpu, {'bfloat16' if checkpoint['autocast'] else 'float32'}" in done.stderr


def test_a_resumed_run_keeps_the_pixels_it_began_with_or_says_that_they_changed(
    tmp_path: Path, seed_layout: Path
) -> None:
    """A run that began on a full disk learns from JPEG files, also when the disk has room again."""
    data = shutil.copytree(seed_layout, tmp_path / "data")
    line = words("pretrain", data, tmp_path / "p.pt", "--cache-folder", str(tmp_path / "cache"), "--num-epochs", "1")
    said: list[str] = []

    def run(*more: str) -> str:
        said.clear()
        pretrain.run(
            parse_config(line[0], [*line[1:], *more]), lambda event: said.append(getattr(event, "message", ""))
        )
        return "\n".join(said)

    run()
    checkpoint = load_checkpoint(tmp_path / "p.pt")
    assert not checkpoint["pixels"]["compressed"]
    assert "not those the run began with" not in run("--resume", "auto")
    assert not (tmp_path / "cache" / "jpeg").exists()
    save_checkpoint(tmp_path / "p.pt", checkpoint | {"pixels": checkpoint["pixels"] | {"compressed": True}})
    assert "not those the run began with" not in run("--resume", "auto")
    assert (tmp_path / "cache" / "jpeg").is_dir()
    shutil.copy(data / "train" / "1.png", data / "train" / "0.png")
    assert "(files were changed)" in run("--resume", "auto")


@pytest.mark.slow
def test_a_resumed_run_keeps_the_length_that_was_planned_for_its_minutes(
    tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """It would take its minutes a second time, and its learning rate would rise again."""
    path, minutes = tmp_path / "c.pt", ("--minutes", "0.6")
    kill_after_steps(seed_layout, path, "train-classifier", 20, signal.SIGTERM, *minutes)
    stopped = load_checkpoint(path)
    assert stopped["planned"]
    assert stopped["step"] < stopped["total_steps"]
    done = barlowmatch(*words("train-classifier", seed_layout, path, *minutes, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(path)["step"] == stopped["total_steps"]


@pytest.mark.slow
def test_a_resumed_run_needs_no_more_what_it_began_with(tmp_path: Path, seed_layout: Path) -> None:
    """The file may be another network's by now; the input statistics of the run stay in any case."""
    begun = words("pretrain", seed_layout, tmp_path / "p.pt", "--num-epochs", "1")
    pretrain.run(parse_config(begun[0], begun[1:]))
    transfer = ("--transfer-path", str(tmp_path / "p.pt"))
    whole = words("train-classifier", seed_layout, tmp_path / "whole.pt", *transfer)
    classify.run(parse_config(whole[0], whole[1:]))
    flags = ("--checkpoint-minutes", "0.0001", "--resume", "auto")
    killed = words("train-classifier", seed_layout, tmp_path / "c.pt", *transfer, *flags)

    def kill(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config(killed[0], killed[1:]), kill)
    (tmp_path / "p.pt").unlink()
    classify.run(parse_config(killed[0], killed[1:]))
    expected, found = (tensors(load_checkpoint(tmp_path / name)) for name in ("whole.pt", "c.pt"))
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_a_checkpoint_of_ours_brings_its_input_statistics_as_weights_too(tmp_path: Path, seed_layout: Path) -> None:
    begun = words("pretrain", seed_layout, tmp_path / "p.pt", "--num-epochs", "1")
    pretrain.run(parse_config(begun[0], begun[1:]))
    further = words(
        "pretrain", seed_layout, tmp_path / "q.pt", "--num-epochs", "1", "--weights", str(tmp_path / "p.pt")
    )
    pretrain.run(parse_config(further[0], further[1:]))
    first, second = (load_checkpoint(tmp_path / name)["architecture"] for name in ("p.pt", "q.pt"))
    assert second == first


def test_another_config_is_not_resumed(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    path = tmp_path / "p.pt"
    kill_after_steps(seed_layout, path, "pretrain", 2, signal.SIGTERM)
    before = path.read_bytes()
    done = barlowmatch(*words("pretrain", seed_layout, path, "--resume", "auto", "--lambd", "0.1", "--seed", "9"))
    assert done.returncode == 2
    assert "--lambd 0.0051 → 0.1" in done.stderr
    assert "--seed 0 → 9" in done.stderr
    assert path.read_bytes() == before


def test_a_fresh_start_keeps_the_old_checkpoint(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    path = tmp_path / "p.pt"
    kill_after_steps(seed_layout, path, "pretrain", 2, signal.SIGTERM)
    before = path.read_bytes()
    done = barlowmatch(*words("pretrain", seed_layout, path, "--train-from-start", "1", "--num-epochs", "1"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.pt.bak").read_bytes() == before


def test_a_killed_run_has_no_result_of_the_one_before(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    path, folder = tmp_path / "c.pt", tmp_path / "c.run"
    done = barlowmatch(*words("train-classifier", seed_layout, path, "--num-epochs", "1"))
    assert done.returncode == 0, done.stderr
    result = (folder / "result.json").read_bytes()
    (folder / "events.jsonl").unlink()  # `kill_after_steps` reads the second run's
    kill_after_steps(seed_layout, path, "train-classifier", 2, signal.SIGKILL, "--seed", "7")
    assert not (folder / "result.json").exists()
    assert (folder / "result.json.bak").read_bytes() == result
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]["seed"] == 7


def test_a_run_folder_tells_the_whole_story(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    done = barlowmatch(*words("train-classifier", seed_layout, tmp_path / "c.pt"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "c.run"
    events = list(read_events(folder / "events.jsonl"))
    assert any(isinstance(event, RunStarted) for event in events)
    reports = [event for event in events if isinstance(event, Progress) and event.work == "train-classifier"]
    assert reports[-1].done == reports[-1].total == 24, "however short the run, its last step is on the curve"
    assert reports[-1].rate > 0
    assert any(isinstance(event, Evaluated) and "balanced_accuracy" in event.metrics for event in events)
    assert isinstance(events[-1], RunFinished)
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert described["stage"] == "train-classifier"
    assert described["config"]["classifier_width"] == 64
    assert [item["name"] for item in described["classes"]] == [str(digit) for digit in range(10)]
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["val"]["count"] == 40
    assert "images/s" in (folder / "log.txt").read_text(encoding="utf-8")
    assert "optimizer" not in load_checkpoint(folder / "best.pt")
    assert "40 validation labels, under 200" in done.stderr


def test_a_test_split_judges_nothing_before_evaluate_asks(
    tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    data, common = tmp_path / "data", ("--minutes", "0.05", "--select-best-from", "1")
    shutil.copytree(seed_layout, data)
    shutil.move(data / "val", data / "test")
    shutil.move(data / "val_label_tensor.pt", data / "test_label_tensor.pt")
    done = barlowmatch(*words("train-classifier", data, tmp_path / "held.pt", *common))
    assert done.returncode == 0, done.stderr
    judged = json.loads((tmp_path / "held.run" / "result.json").read_text())["val"]["count"]
    assert f"{judged} of {len(list((data / 'train').iterdir()))} labeled images are held out as val" in done.stderr
    source = ("--dataset-folder", data, "--checkpoint-path", tmp_path / "held.run" / "best.pt", "--json")
    for split, count in (("val", judged), ("test", len(list((data / "test").iterdir())))):
        found = barlowmatch("evaluate", *source, "--split", split)
        assert json.loads(found.stdout)["count"] == count, found.stderr
    done = barlowmatch(*words("train-classifier", data, tmp_path / "all.pt", *common, "--val-share", "0"))
    assert "no validation labels: nothing is judged" in done.stderr
    assert "val" not in json.loads((tmp_path / "all.run" / "result.json").read_text())


def test_an_infinite_loss_stops_the_run_with_its_step(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    """Weight decay times learning rate of 10 multiplies the last layer by −9 a step, until float32 is passed.

    A checkpoint a step, so that there is a good state however soon the loss goes.
    """
    path = tmp_path / "f.pt"
    explosive = ("--learning-rate", "10", "--weight-decay", "1", "--num-epochs", "20", "--checkpoint-minutes", "0.0001")
    done = barlowmatch(*words("fixmatch", seed_layout, path, *explosive))
    assert done.returncode == 2, done.stderr
    assert re.search(r"step \d+: the loss is not finite; .*f\.pt keeps the last good state", done.stderr)
    last = list(read_events(tmp_path / "f.run" / "events.jsonl"))[-1]
    assert isinstance(last, RunFailed)
    assert last.status == 2
    assert all(torch.isfinite(value).all() for value in load_checkpoint(path)["backbone"].values())


@pytest.mark.slow
def test_minutes_end_in_time(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    started = time.monotonic()
    done = barlowmatch(*words("pretrain", seed_layout, tmp_path / "p.pt", "--minutes", "0.2"))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started == pytest.approx(12, rel=0.15)
