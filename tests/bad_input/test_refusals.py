"""What a user can get wrong: one line that names it and the way out, status 2, nothing written."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from barlowmatch.cli import main
from tests.bad_input.commands import SMALL, create


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no such package, whatever is installed."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)


def test_a_missing_folder(refused: Callable[..., None]) -> None:
    refused("pretrain --dataset-folder nowhere", "nowhere", "no such folder")


def test_what_is_wrong_for_one_process_of_several_is_said_by_it_where_the_main_one_does_not(
    refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused("pretrain --dataset-folder nowhere", "nowhere", "no such folder")


def test_a_name_longer_than_there_are(refused: Callable[..., None]) -> None:
    refused(f"inspect --dataset-folder {'a' * 300}", "aaa: cannot be used", "name another path")


def test_an_empty_folder(refused: Callable[..., None], home: Path) -> None:
    (home / "empty").mkdir()
    refused("pretrain --dataset-folder empty", "empty", "image")


def test_no_folder_at_all(refused: Callable[..., None]) -> None:
    refused("pretrain", "--dataset-folder", "--manifest")


def test_one_labeled_class(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.zeros(60, dtype=torch.int64), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "1 class (0)", "two classes")


@pytest.mark.parametrize("stage", ["train-classifier", "fixmatch"])
def test_no_labels_at_all(refused: Callable[..., None], home: Path, stage: str) -> None:
    (home / "data" / "train_label_tensor.pt").unlink()
    said = ("no training image has a label", "file,label", "class folders (not with --class-folders 0)")
    refused(f"{stage} --dataset-folder data/unlabeled", *said)
    for plate in ("plate1", "plate2"):
        shutil.copytree(home / "data" / "val", home / "plates" / plate)
    said = ("no training image has a label", "where the folders here are classes, give --class-folders 1")
    refused(f"{stage} --dataset-folder plates", *said)


def test_a_negative_label(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.full((60,), -3), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "train_label_tensor.pt", "-3")


def test_fewer_labels_than_images(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.zeros(59, dtype=torch.int64), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "train_label_tensor.pt", "59", "60")


def test_a_batch_larger_than_the_split(refused: Callable[..., None]) -> None:
    refused("pretrain --dataset-folder data --batch-size 361", "a batch of 361", "--batch-size 360")
    refused("pretrain --dataset-folder data --preset paper", "a batch of 512", "--batch-size 360")
    refused("train-classifier --dataset-folder data --batch-size 61", "a batch of 61", "--batch-size 60")
    refused("train-classifier --dataset-folder data --preset quick --batch-size 61", "a batch of 61", "--batch-size 60")


def test_a_missing_checkpoint(refused: Callable[..., None]) -> None:
    refused("embed --dataset-folder data --checkpoint-path gone.pt", "gone.pt", "no such checkpoint")
    refused("fixmatch --dataset-folder data --transfer-path gone.pt", "gone.pt")


def test_a_label_tensor_that_is_a_program(refused: Callable[..., None], home: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.mkdir, (home / "was-run",)  # type: ignore[return-value]

    torch.save(Evil(), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "train_label_tensor.pt")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--wide 2", "--wide"),
        ("--batchsize 3", "did you mean --batch-size?"),
        ("--learning-rate -0.1", "--learning-rate -0.1: must be a number above 0"),
        ("--weight-decay -1", "--weight-decay -1: must be a number 0 to 1"),
        ("--device tpu", "--device tpu"),
        ("--backbone resnet19", "--backbone resnet19"),
        ("--weights gone.safetensors", "gone.safetensors"),
    ],
)
def test_wrong_values(refused: Callable[..., None], flags: str, said: str) -> None:
    refused(f"pretrain --dataset-folder data {flags}", said)


def test_a_manifest_that_leaves_its_folder(refused: Callable[..., None], home: Path) -> None:
    (home / "sub").mkdir()
    (home / "sub" / "m.csv").write_text("file,label\n../data/train/0.png,a\n")
    refused("pretrain --manifest sub/m.csv", "m.csv", "../data/train/0.png")


def test_a_manifest_without_a_header(refused: Callable[..., None], home: Path) -> None:
    (home / "m.csv").write_text("data/train/0.png,a\ndata/train/1.png,b\n")
    refused("pretrain --manifest m.csv", "m.csv", "file")


def test_a_manifest_in_another_encoding(refused: Callable[..., None], home: Path) -> None:
    (home / "m.csv").write_bytes("file,label\ndata/train/0.png,käse\n".encode("utf-16"))
    refused("pretrain --manifest m.csv", "m.csv", "UTF-8")


def test_a_file_named_twice(refused: Callable[..., None], home: Path) -> None:
    (home / "m.csv").write_text("file,label\ndata/train/0.png,a\ndata/train/0.png,b\n")
    refused("pretrain --manifest m.csv", "m.csv", "data/train/0.png")


def test_a_checkpoint_of_another_backbone_or_width(refused: Callable[..., None], classifier: Path) -> None:
    line = f"fixmatch --dataset-folder data --transfer-path {classifier}"
    refused(f"{line} --wide 1", "resnet18_quarter", "wide_resnet50_2")
    refused(f"{line} --classifier-width 64", "32 wide", "--classifier-width asks for 64")
    refused(f"embed --dataset-folder data --checkpoint-path {classifier} --wide 1", "resnet18_quarter")
    refused(f"{line} --image-size 32", "--image-size 32", "16")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda good: {"schema": 1, "backbone": {}}, "without its stage"),
        (lambda good: good | {"classes": [{"id": "a", "name": "cat"}]}, "a class that has no id"),
        (lambda good: good | {"classes": good["classes"][1:]}, "tensors do not fit"),
        (lambda good: good | {"architecture": {"backbone": "resnet18"}}, "network has no stem"),
        (lambda good: good | {"architecture": good["architecture"] | {"image_size": 10**9}}, "image_size 1000000000"),
        (lambda good: good | {"architecture": good["architecture"] | {"mean": ["a", "b", "c"]}}, "has the mean"),
        (lambda good: good | {"architecture": good["architecture"] | {"classifier_width": 10**12}}, "not 1,000,000,"),
        (lambda good: good | {"classifier": {}}, "classifier is not 32 wide"),
        (lambda good: good | {"classifier": {"x": torch.zeros(9999)}, "ema": None}, "tensors do not fit"),
        (lambda good: good | {"ema": {"module.classifier.last.bias": torch.zeros(10)}}, "tensors do not fit"),
        (lambda good: good | {"ema": {1: torch.zeros(1)}}, "average has no names"),
    ],
)
def test_a_checkpoint_that_is_not_what_it_says(
    refused: Callable[..., None], home: Path, classifier: Path, change: Callable[[Any], Any], said: str
) -> None:
    """Building the network first would take a damaged file's word for terabytes."""
    torch.save(change(torch.load(classifier)), home / "bad.pt")
    refused("predict --dataset-folder data --checkpoint-path bad.pt", "bad.pt: ", said)
    refused(f"fixmatch --dataset-folder data --transfer-path bad.pt {' '.join(SMALL)}", "bad.pt: ", said)


def test_a_checkpoint_of_another_time(refused: Callable[..., None], home: Path, classifier: Path) -> None:
    torch.save(torch.load(classifier) | {"schema": "one"}, home / "bad.pt")
    refused("predict --dataset-folder data --checkpoint-path bad.pt", "bad.pt: ", "schema one")


def test_tensorboard_without_its_package(refused: Callable[..., None]) -> None:
    refused(f"pretrain --dataset-folder data {' '.join(SMALL)} --tensorboard", "pip install tensorboard")


def test_classes_the_checkpoint_does_not_know(refused: Callable[..., None], home: Path, classifier: Path) -> None:
    torch.save(torch.full((40,), 11), home / "data" / "val_label_tensor.pt")
    refused(f"evaluate --dataset-folder data --checkpoint-path {classifier}", "c.pt", "class 11")


def test_more_requests_than_images(refused: Callable[..., None], home: Path, classifier: Path) -> None:
    assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    refused("select --representations-path reps --strategy random --budget 301", "301", "300")
    refused("select --representations-path nowhere --strategy random", "nowhere", "embed")
    refused("select --representations-path reps --strategy guess", "guess")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("unlabeled/3.png,1\nunlabeled/3.png,0\nunlabeled/4.png,1\n", "unlabeled/3.png"),
        ("unlabeled/3.png,1\nunlabeled/4.png,1\nunlabeled/999.png,1\n", "unlabeled/999.png"),
    ],
)
def test_labels_that_do_not_answer_the_request(
    refused: Callable[..., None], requested: Path, rows: str, said: str
) -> None:
    (requested / "labels.csv").write_text(f"file,label\n{rows}")
    refused(create("labels.csv"), "labels.csv", said)


def test_a_dataset_is_never_written_into_its_input(refused: Callable[..., None], requested: Path) -> None:
    (requested / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,1\n")
    refused(create("labels.csv").replace("--out-path next", "--out-path data"), "data")
    refused(create("labels.csv").replace("--out-path next", "--out-path data/next"), "data")


def test_measuring_on_a_split_without_labels(refused: Callable[..., None], home: Path, classifier: Path) -> None:
    (home / "data" / "val_label_tensor.pt").unlink()
    line = f"evaluate --dataset-folder data --checkpoint-path {classifier}"
    refused(line, "--split val: has no labeled images; label some of them, or measure on another split")
