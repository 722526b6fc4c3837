"""The commands that apply a network: their batches, and classes that the network does not know."""

import csv
import platform
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torchvision.models.resnet import ResNet

from barlowmatch import inference
from barlowmatch.cli import parse_config
from barlowmatch.configs.inference import EmbedConfig, EvaluateConfig, PredictConfig
from barlowmatch.data.classes import ImageClass, class_id, renamed
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Progress, Said, silent
from barlowmatch.fast.winograd import WinogradConvolution
from barlowmatch.inference import images_at_once
from barlowmatch.stages import classify, embed, evaluate, predict
from barlowmatch.stages.apply import applied_network, batch_of_a_process
from tests.conftest import Command
from tests.processes import in_processes
from tests.stages.running import words
from tests.stages.small_datasets import pictures


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("classifier") / "c.pt"
    done = barlowmatch(
        "train-classifier", "--dataset-folder", seed_layout, "--checkpoint-path", path, "--num-epochs", 1,
        "--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--classifier-width", 32,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {"dataset_folder": seed_layout, "checkpoint_path": path, "precision": "float32"}


@pytest.fixture
def batches() -> Iterator[list[int]]:
    """Collect how many images a backbone is given at once."""
    found: list[int] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, ResNet):
            found.append(len(inputs[0]))

    hook = register_module_forward_pre_hook(note)
    yield found
    hook.remove()


def test_the_batch_asked_for_is_the_batch_computed(common: dict[str, Any], batches: list[int], tmp_path: Path) -> None:
    predict.run(PredictConfig(**common, batch_size=150, out_path=tmp_path / "p.csv"))
    assert batches == [150, 150, 100]
    batches.clear()
    embed.run(EmbedConfig(**common, batch_size=150, out_path=tmp_path / "e"))
    assert batches == [150, 150, 100]
    batches.clear()
    evaluate.run(EvaluateConfig(**common, batch_size=30))
    assert batches == [30, 10, 30, 30, 30, 10]


def test_norms_are_folded_and_convolutions_go_the_fastest_way(
    common: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    with applied_network(EvaluateConfig(**common | {"precision": "auto"}), silent) as applied:
        kinds = Counter(type(part) for part in applied.network.backbone.modules())
    assert kinds[nn.BatchNorm2d] == 0
    assert kinds[WinogradConvolution] == 9  # of 32 channels and more, whose filters move by one


def test_predictions_are_written_batch_by_batch_and_whole(
    common: dict[str, Any], batches: list[int], tmp_path: Path
) -> None:
    def run(size: int) -> str:
        predict.run(PredictConfig(**common, batch_size=size, out_path=tmp_path / "p.csv"))
        return (tmp_path / "p.csv").read_text()

    whole = list(csv.reader(run(400).splitlines()))
    parts = list(csv.reader(run(150).splitlines()))
    assert batches == [400, 150, 150, 100]
    assert len(whole) == len(parts) == 401
    assert [line[:2] for line in parts] == [line[:2] for line in whole]
    figures = [np.array([line[2:] for line in lines[1:]], float) for lines in (whole, parts)]
    assert np.abs(figures[0] - figures[1]).max() < 1e-5
    assert (figures[1][:, 0] == figures[1][:, 1:].max(1)).all()

    before, begun = (tmp_path / "p.csv").read_bytes(), []

    def fail_in_the_last(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, ResNet) and len(inputs[0]) == 100:
            begun.extend(path.stat().st_size for path in tmp_path.glob(".partial-*"))
            raise InputError("failed")

    with register_module_forward_pre_hook(fail_in_the_last), pytest.raises(InputError, match="failed"):
        run(150)
    assert begun[0] > 0, "what was computed is not kept in memory"
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    assert (tmp_path / "p.csv").read_bytes() == before


def test_where_none_is_asked_for_a_batch_has_no_more_pixels_however_large_the_images() -> None:
    assert [images_at_once(size) for size in (8, 256, 512, 1024)] == [256, 256, 64, 16]
    assert batch_of_a_process(None, 1024) == 16
    assert batch_of_a_process(99, 1024) == 99


def test_training_judges_by_such_batches_too(
    seed_layout: Path, batches: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "MOST_PIXELS", 16 * 16**2)  # images of 16 px
    line = words("train-classifier", seed_layout, tmp_path / "c.pt", "--num-epochs", "1", "--batch-size", "8")
    classify.run(parse_config(line[0], line[1:]))
    assert batches[-5:] == [8, 8, 16, 16, 8]


def batches_of_a_process(_rank: int) -> tuple[int, int, int]:
    return batch_of_a_process(7, 16), batch_of_a_process(2, 16), batch_of_a_process(None, 16)


@pytest.mark.slow
def test_the_batch_is_that_of_all_processes_together() -> None:
    assert in_processes(2, batches_of_a_process) == [(3, 1, 256)] * 2


def test_with_a_class_the_checkpoint_does_not_know_there_are_no_probabilities(
    common: dict[str, Any], tmp_path: Path
) -> None:
    data = shutil.copytree(common["dataset_folder"], tmp_path / "data")
    labels = torch.load(data / "train_label_tensor.pt")
    labels[0] = 11
    torch.save(labels, data / "train_label_tensor.pt")
    events: list[Event] = []
    embed.run(EmbedConfig(**{**common, "dataset_folder": data, "out_path": tmp_path / "e"}), events.append)
    read = read_embeddings(tmp_path / "e")
    assert read.probabilities is None
    assert read.table.labels[0] == read.classes[read.labels[0]].name == "11"
    told = [event.message for event in events if isinstance(event, Said) and "c.pt: does not know 11" in event.message]
    assert len(told) == 1


def test_with_known_classes_there_are_probabilities(common: dict[str, Any], tmp_path: Path) -> None:
    embed.run(EmbedConfig(**common, out_path=tmp_path / "e"))
    assert read_embeddings(tmp_path / "e").probabilities is not None


def test_a_class_that_was_renamed_since_is_known_by_its_id(common: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = torch.load(common["checkpoint_path"])
    checkpoint["classes"][3] = {"id": class_id("three"), "name": "three"}
    torch.save(checkpoint, tmp_path / "c.pt")  # the others are known by their numbers
    (tmp_path / "images").symlink_to(common["dataset_folder"])
    rows = [f"images/train/{number}.png,train,{('drei', 'vier')[number % 2]}" for number in range(9)]
    (tmp_path / "m.csv").write_text("\n".join(["file,split,label", *rows, ""]))
    (tmp_path / "classes.csv").write_text(f"id,name\n{class_id('three')},drei\n4,vier\n")
    asked: dict[str, Any] = {
        "manifest": tmp_path / "m.csv", "checkpoint_path": tmp_path / "c.pt", "precision": "float32",
    }  # fmt: skip
    embed.run(EmbedConfig(**asked, out_path=tmp_path / "e"))
    read = read_embeddings(tmp_path / "e")
    assert read.probabilities is not None
    assert [item.name for item in read.classes] == ["0", "1", "2", "drei", "vier", *"56789"]
    assert read.classes[read.labels[0]] == ImageClass(class_id("three"), "drei")
    assert "drei" in evaluate.run(EvaluateConfig(**asked, split="train"))["classifier"]["recalls"]


def test_only_ids_that_come_from_names_carry_a_name_over() -> None:
    cat, dog = ImageClass(class_id("cat"), "cat"), ImageClass(class_id("dog"), "dog")
    puma = ImageClass(cat.id, "puma")
    assert renamed([cat, dog], [puma, dog]) == (puma, dog)
    assert renamed([ImageClass(1, "cat")], [ImageClass(1, "puma")]) == (ImageClass(1, "cat"),)
    assert renamed([ImageClass(1, "1")], [ImageClass(1, "puma")]) == (ImageClass(1, "puma"),), "1 stands for itself"
    assert renamed([cat, dog], [ImageClass(cat.id, "dog")]) == (cat, dog), "no two classes of one name"


@pytest.fixture(scope="module")
def pretrained(common: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same checkpoint without its classifier."""
    path = tmp_path_factory.mktemp("backbone") / "pretrained.pt"
    checkpoint = torch.load(common["checkpoint_path"])
    for part in ("classifier", "ema", "optimizer"):
        del checkpoint[part]
    checkpoint["architecture"]["classifier_width"] = 0
    torch.save(checkpoint, path)
    return {**common, "checkpoint_path": path}


def test_a_network_without_a_classifier_lets_train_vote(pretrained: dict[str, Any]) -> None:
    assert "knn_accuracy" in evaluate.run(EvaluateConfig(**pretrained))


def test_what_needs_no_picture_is_refused_before_any_is_decoded(
    common: dict[str, Any], pretrained: dict[str, Any], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    pictures(other, "train/0/a.png", "val/heron/b.png", "val/0/c.png")
    fresh = {"cache_folder": tmp_path / "cache"}
    told: list[Event] = []
    for match, call in [
        ("--split test: has no labeled images", lambda: evaluate.run(EvaluateConfig(**common, split="test", **fresh))),
        (r"--split train: .*pretrained\.pt has no classifier",
         lambda: evaluate.run(EvaluateConfig(**pretrained, split="train", **fresh), told.append)),
        ("does not know the class heron",
         lambda: evaluate.run(EvaluateConfig(**common | {"dataset_folder": other}, **fresh), told.append)),
        ("has no classifier; give a checkpoint of train-classifier",
         lambda: predict.run(PredictConfig(**pretrained, out_path=tmp_path / "p.csv", **fresh), told.append)),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=match):
            call()
    assert not [event for event in told if isinstance(event, Progress) and event.work == "decode images"]
    assert not (tmp_path / "cache").exists()
