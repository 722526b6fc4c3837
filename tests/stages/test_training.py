"""Runs of the three stages on real images: what they leave behind, judge by and stop at."""

import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torchvision.models.resnet import ResNet

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.cli import parse_config
from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.configs.inference import EvaluateConfig
from barlowmatch.errors import InputError
from barlowmatch.events import Evaluated, Progress, RunFailed, RunFinished, RunStarted, read_events
from barlowmatch.stages import classify, create_dataset, evaluate, fixmatch, pretrain
from tests.conftest import Command
from tests.stages.running import kill_after_steps, words
from tests.stages.small_datasets import pictures, write_csv


def test_a_checkpoint_of_ours_brings_its_input_statistics_as_weights_too(tmp_path: Path, seed_layout: Path) -> None:
    begun = words("pretrain", seed_layout, tmp_path / "p.pt", "--num-epochs", "1")
    pretrain.run(parse_config(begun[0], begun[1:]))
    further = words(
        "pretrain", seed_layout, tmp_path / "q.pt", "--num-epochs", "1", "--weights", str(tmp_path / "p.pt")
    )
    pretrain.run(parse_config(further[0], further[1:]))
    first, second = (load_checkpoint(tmp_path / name)["architecture"] for name in ("p.pt", "q.pt"))
    assert second == first


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
    assert "40 validation labels, under 1000" in done.stderr


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
    few = ("--minutes", "0.001", "--num-epochs", "999")
    done = barlowmatch(*words("train-classifier", data, tmp_path / "all.pt", "--val-share", "0", *few))
    assert "with which hardly anything is learned; give it more --minutes" in done.stderr
    assert "no validation labels: nothing is judged" in done.stderr
    assert "val" not in json.loads((tmp_path / "all.run" / "result.json").read_text())


def test_memory_that_ends_while_a_network_is_judged_gives_advice(tmp_path: Path, seed_layout: Path) -> None:
    line = words("train-classifier", seed_layout, tmp_path / "c.pt", "--num-epochs", "1", "--batch-size", "8")

    def lack(module: nn.Module, _inputs: object) -> None:
        if isinstance(module, ResNet) and not module.training:
            torch.empty(2**55)

    with register_module_forward_pre_hook(lack), pytest.raises(InputError, match="step 8: out of memory on cpu; try"):
        classify.run(parse_config(line[0], line[1:]))
    assert load_checkpoint(tmp_path / "c.pt")["step"] == 8


@pytest.mark.parametrize("stage", ["fixmatch", "train-classifier"])
def test_labeled_images_that_cannot_be_read_are_refused_in_a_line(stage: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(8):
        broken = data / "train" / ("cat", "dog")[number % 2] / f"{number}.png"
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_bytes(b"no picture")
    pictures(data, *(f"unlabeled/{number}.png" for number in range(9)))
    line = words(stage, data, tmp_path / "c.pt", "--val-share", "0")
    command = {"fixmatch": fixmatch.run, "train-classifier": classify.run}[stage]
    with pytest.raises(InputError, match=r"data: of 8 labeled training images 0 can be used, of 0 classes, and it"):
        command(parse_config(line[0], line[1:]))
    assert not list(tmp_path.glob("c.*"))


def answer_one(data: Path, picture: Path, out_path: Path, val_share: float) -> None:
    """Make a dataset of `data` in which one more picture is labeled."""
    (data / "unlabeled").mkdir(exist_ok=True)
    shutil.copy(picture, data / "unlabeled" / "more.png")
    table = write_csv(out_path.with_suffix(".csv"), ("file", "label"), [("unlabeled/more.png", "3")])
    config = CreateDatasetConfig(
        dataset_folder=data, request=table, labels=table, out_path=out_path, val_share=val_share
    )
    create_dataset.run(config)


def test_no_network_is_judged_by_images_it_learned_from(tmp_path: Path, seed_layout: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "c.pt"
    shutil.copytree(seed_layout / "train", data / "train")
    shutil.copy(seed_layout / "train_label_tensor.pt", data)
    begun = words("train-classifier", data, path, "--num-epochs", "1", "--val-share", "0.15")
    classify.run(parse_config(begun[0], begun[1:]))
    given: dict[str, Any] = {"dataset_folder": data, "checkpoint_path": path, "precision": "float32"}
    larger = r"--val-share 0\.2: .*c\.pt was trained with 0\.15, so .*; give --val-share 0\.15"
    with pytest.raises(InputError, match=larger):
        evaluate.run(EvaluateConfig(**given))
    with pytest.raises(
        InputError, match=r"--group-by (.*): .*c\.pt was trained with None, so .*; leave --group-by out"
    ):
        evaluate.run(EvaluateConfig(**given, val_share=0.15, group_by=r"(\d+)\.png"))
    further = words("fixmatch", data, tmp_path / "f.pt", "--transfer-path", str(path))
    with pytest.raises(InputError, match=larger):
        fixmatch.run(parse_config(further[0], further[1:]))
    assert not list(tmp_path.glob("f.*"))
    counts = [evaluate.run(EvaluateConfig(**given, val_share=share))["count"] for share in (0.15, 0.08)]
    assert counts[0] > counts[1] > 0, "of a smaller share none was learned from"
    assert evaluate.run(EvaluateConfig(**given, split="train"))["count"] > 0
    for share in (0.3, 0.15):
        answer_one(data, seed_layout / "unlabeled" / "0.png", tmp_path / f"new-{share}", share)
    given["dataset_folder"] = tmp_path / "new-0.3"
    with pytest.raises(InputError, match=r"--val-share 0\.3 of create-dataset for .*new-0\.3: .*; train one on this"):
        evaluate.run(EvaluateConfig(**given))
    given["dataset_folder"] = tmp_path / "new-0.15"
    assert evaluate.run(EvaluateConfig(**given))["count"] >= counts[0]
    given["dataset_folder"] = data
    shutil.copytree(seed_layout / "val", data / "val")
    shutil.copy(seed_layout / "val_label_tensor.pt", data)
    assert evaluate.run(EvaluateConfig(**given))["count"] == 40, "a split of the dataset's own is the same for all"


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
    barlowmatch("pretrain", "--help")  # what commands are forked from has begun
    started = time.monotonic()
    done = barlowmatch(*words("pretrain", seed_layout, tmp_path / "p.pt", "--minutes", "0.2"))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started == pytest.approx(12, rel=0.15)


def test_a_network_of_few_labels_is_judged_by_what_is_labeled_later(tmp_path: Path, seed_layout: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "c.pt"
    shutil.copytree(seed_layout / "unlabeled", data / "unlabeled")
    answer(data, range(40), tmp_path / "few")
    begun = words("train-classifier", tmp_path / "few", path, "--num-epochs", "1")
    classify.run(parse_config(begun[0], begun[1:]))
    trained = load_checkpoint(path)
    assert (trained["config"]["val_share"], trained["labeled"]) == (0, 40)
    given: dict[str, Any] = {"checkpoint_path": path, "precision": "float32"}
    held = answer(tmp_path / "few", range(40, 120), tmp_path / "more")["held_out"]
    assert evaluate.run(EvaluateConfig(**given, dataset_folder=tmp_path / "more"))["count"] == held > 0
    answer(data, range(20), tmp_path / "fewer")
    for before, numbers in ((data, range(120)), (tmp_path / "fewer", range(20, 120))):
        anew = tmp_path / f"anew-{numbers.start}"
        answer(before, numbers, anew)
        with pytest.raises(InputError, match=rf"0\.2 of create-dataset for {anew}: .*was trained with 0\.0, so it may"):
            evaluate.run(EvaluateConfig(**given, dataset_folder=anew))


def test_a_run_of_few_labels_that_held_some_out_says_how_to_go_on(tmp_path: Path, seed_layout: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "c.pt"
    shutil.copytree(seed_layout / "unlabeled", data / "unlabeled")
    answer(data, range(40), tmp_path / "few")
    begun = words("train-classifier", tmp_path / "few", path, "--num-epochs", "1", "--batch-size", "8")
    classify.run(parse_config(begun[0], [*begun[1:], "--val-share", "0.2"]))
    with pytest.raises(InputError, match=r"c\.pt: cannot be resumed, these differ: .*--val-share 0\.2 → 0"):
        classify.run(parse_config(begun[0], [*begun[1:], "--resume", "auto"]))
    again = [*begun[1:], "--resume", "auto", "--val-share", "0.2"]
    assert classify.run(parse_config(begun[0], again))["val"]["count"] > 0


def answer(data: Path, numbers: range, out_path: Path) -> dict[str, Any]:
    """Make a dataset of `data` in which some more pictures are labeled."""
    table = write_csv(
        out_path.with_suffix(".csv"), ("file", "label"), [(f"unlabeled/{n}.png", str(n % 3)) for n in numbers]
    )
    return create_dataset.run(
        CreateDatasetConfig(dataset_folder=data, request=table, labels=table, out_path=out_path, new_classes=True)
    )
