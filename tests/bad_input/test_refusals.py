"""What a user can get wrong: one line that names it and the way out, status 2, nothing written."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from barlowmatch.cli import main, parse_config
from barlowmatch.events import Event, Said
from barlowmatch.stages import classify
from tests.bad_input.commands import SMALL, create


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no such package, whatever is installed."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Check that a command line is refused as promised."""

    def check(line: str, *said: str) -> None:
        before = snapshot(home)
        status = main(line.split())
        *_, last = capsys.readouterr().err.strip().splitlines()
        assert status == 2, last
        for part in said:
            assert part in last
        assert last.startswith("barlowmatch: ")
        assert snapshot(home) == before
        assert not (home / "runs").exists()

    return check


def test_a_missing_folder(refused: Callable[..., None]) -> None:
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
    refused(f"{stage} --dataset-folder data/unlabeled", "no training image has a label", "file,label", "class folders")


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
        ("--learning-rate -0.1", "--learning-rate -0.1: must be above 0"),
        ("--weight-decay -1", "--weight-decay -1.0: must be at least 0"),
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
    ("line", "said"),
    [
        ("pretrain --dataset-folder data --checkpoint-path adir", "--checkpoint-path adir: is a folder; name a file"),
        ("pretrain --dataset-folder data --checkpoint-path .", "--checkpoint-path .: is a folder"),
        (
            "pretrain --dataset-folder data --checkpoint-path file/c.pt",
            "file/c.pt: cannot be written (Not a dir",
        ),
        ("train-classifier --dataset-folder data --best-path adir", "--best-path adir: is a folder; name a file"),
        (
            "train-classifier --dataset-folder data --checkpoint-path c.pt --best-path ./c.pt",
            "--best-path c.pt: is the latest checkpoint's; name another file",
        ),
        ("train-classifier --dataset-folder data --run-dir file", "--run-dir file: is a file; name a folder"),
        ("predict --dataset-folder data --out-path adir", "--out-path adir: is a folder; name a file"),
        ("predict --dataset-folder data --out-path file/p.csv", "file/p.csv: cannot be written (Not a directory)"),
        (f"predict --dataset-folder data --out-path {'p' * 300}", "cannot be written (File name too long)"),
        ("embed --dataset-folder data --out-path file", "--out-path file: is a file; name a folder"),
        ("embed --dataset-folder data --out-path full", "full: exists and is no embeddings folder"),
        ("select --dest-path file", "--dest-path file: is a file; name a folder"),
        ("simulate --dest-path file", "--dest-path file: is a file; name a folder"),
        ("inspect --dataset-folder data --manifest-out adir", "--manifest-out adir: is a folder; name a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_work(
    refused: Callable[..., None], home: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    """The checkpoint is damaged and there are no embeddings: work would begin by finding that out."""
    (home / "checkpoint.pt").touch()
    (home / "adir").mkdir()
    (home / "file").touch()
    (home / "full").mkdir()
    (home / "full" / "work.txt").touch()
    refused(line, said)
    assert list((home / "adir").iterdir()) == []


@pytest.mark.parametrize("content", [b"file,label\ndata/train/0.png,cat\n", b"\x80\x02PK\0" * 50_000, b"one line"])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("predict --dataset-folder data --out-path work/request.csv", "--out-path work/request.csv"),
        ("select --dest-path work", "--dest-path work/request.csv"),
        ("inspect --dataset-folder data --manifest-out work/request.csv", "--manifest-out work/request.csv"),
    ],
)
def test_a_table_replaces_nothing_but_an_earlier_one(
    refused: Callable[..., None], home: Path, line: str, said: str, content: bytes
) -> None:
    """A table of labels, a checkpoint, a note: one wrong name on the command line would have cost it."""
    (home / "work").mkdir()
    (home / "work" / "request.csv").write_bytes(content)
    (home / "checkpoint.pt").touch()
    refused(line, said, "holds something else than this command writes")


def test_a_request_with_labels_typed_into_it_is_not_replaced(
    refused: Callable[..., None], home: Path, classifier: Path
) -> None:
    assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    ask = "select --representations-path reps --strategy random --budget 5 --dest-path asked"
    assert main(ask.split()) == main([*ask.split(), "--seed", "1"]) == 0, "a request replaces an earlier one"
    table = home / "asked" / "request.csv"
    first, *rest = table.read_text().splitlines()
    table.write_text("\n".join([f"{first},label", *(f"{line},cat" for line in rest)]))
    refused(ask, "asked/request.csv", "something else")


def test_predictions_replace_earlier_ones(home: Path, classifier: Path) -> None:
    line = f"predict --dataset-folder data --checkpoint-path {classifier} --out-path p.csv"
    (home / "p.csv").touch()
    assert main(line.split()) == 0, "an empty file holds nobody's work"
    assert main(line.split()) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pretrain", "--run-dir runs/pretrain-"),
        ("pretrain --checkpoint-path p.pt --run-dir ../out", "--checkpoint-path p.pt"),
        ("train-classifier --checkpoint-path ../c.pt --best-path train/best.pt", "--best-path train/best.pt"),
        ("fixmatch --run-dir ../data/new", "--run-dir ../data/new"),
        ("embed", "--out-path representations"),
        ("predict", "--out-path predictions.csv"),
        ("simulate", "--dest-path simulation"),
    ],
)
def test_no_command_writes_into_the_dataset_folder(
    refused: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    monkeypatch.chdir(home / "data")
    (home / "data" / "checkpoint.pt").touch()
    refused(f"{line} --dataset-folder .", said, "would be written into the dataset folder; name a place outside it by")
    assert not (home / "data" / "runs").exists()


def test_no_request_is_written_into_the_dataset_folder(
    refused: Callable[..., None], home: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home / "data")
    made = f"embed --dataset-folder . --checkpoint-path {classifier} --out-path ../reps"
    assert main(made.split()) == 0
    refused("select --representations-path ../reps --strategy random --budget 5", "--dest-path label_request", "into")
    refused("simulate --representations-path ../reps --strategies random", "--dest-path simulation", "into")


def test_a_refused_run_leaves_a_finished_ones_folder_as_it_was(
    refused: Callable[..., None], home: Path, classifier: Path
) -> None:
    shutil.copy(classifier, home / "c.pt")
    shutil.copytree(classifier.with_suffix(".run"), home / "c.run")
    line = f"train-classifier --dataset-folder data --checkpoint-path c.pt {' '.join(SMALL)}"
    refused(f"{line} --batch-size 500", "a batch of 500", "--batch-size 60")
    refused(f"{line} --classifier-width 32 --tensorboard", "--tensorboard: needs the tensorboard package")


def test_a_run_that_is_stopped_before_its_first_step_leaves_a_finished_ones_folder_as_it_was(
    home: Path, classifier: Path
) -> None:
    shutil.copy(classifier, home / "c.pt")
    shutil.copytree(classifier.with_suffix(".run"), home / "c.run")
    before = snapshot(home)

    def stop(event: Event) -> None:
        if isinstance(event, Said) and event.message.startswith("computing on"):
            raise KeyboardInterrupt

    line = f"--dataset-folder data --checkpoint-path c.pt --seed 3 {' '.join(SMALL)}"
    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config("train-classifier", line.split()), stop)
    assert snapshot(home) == before


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
        ("unlabeled/3.png,1\n", "unlabeled/4.png"),
        ("unlabeled/3.png,1\nunlabeled/3.png,1\nunlabeled/4.png,1\n", "unlabeled/3.png"),
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
