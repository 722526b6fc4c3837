"""What a user can get wrong: one line that names it and the way out, status 2, nothing written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from barlowmatch.cli import main, parse_config
from barlowmatch.events import Event, Said
from barlowmatch.stages import classify
from tests.conftest import Command

SMALL = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--num-epochs", "1")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path: Path, seed_layout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(seed_layout, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_an_empty_folder(refused: Callable[..., None], home: Path) -> None:
    (home / "empty").mkdir()
    refused("pretrain --dataset-folder empty", "empty", "image")


def test_no_folder_at_all(refused: Callable[..., None]) -> None:
    refused("pretrain", "--dataset-folder", "--manifest")


def test_one_labeled_class(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.zeros(60, dtype=torch.int64), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "1 class (0)", "two classes")


def test_a_negative_label(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.full((60,), -3), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "train_label_tensor.pt", "-3")


def test_fewer_labels_than_images(refused: Callable[..., None], home: Path) -> None:
    torch.save(torch.zeros(59, dtype=torch.int64), home / "data" / "train_label_tensor.pt")
    refused("train-classifier --dataset-folder data", "train_label_tensor.pt", "59", "60")


def test_a_batch_larger_than_the_split(refused: Callable[..., None]) -> None:
    refused("pretrain --dataset-folder data --batch-size 361", "--batch-size 361", "360")
    refused("train-classifier --dataset-folder data --batch-size 61", "--batch-size 61", "60")
    refused("train-classifier --dataset-folder data --preset quick --batch-size 61", "--batch-size 61", "60")


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


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path) -> Path:
    path = tmp_path_factory.mktemp("classifier") / "c.pt"
    done = barlowmatch("train-classifier", "--dataset-folder", seed_layout, "--checkpoint-path", path, *SMALL,
                       "--classifier-width", 32)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


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
    """There is no checkpoint and there are no embeddings: work would begin by missing them."""
    (home / "adir").mkdir()
    (home / "file").touch()
    (home / "full").mkdir()
    (home / "full" / "work.txt").touch()
    refused(line, said)
    assert list((home / "adir").iterdir()) == []


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
    refused(f"{line} --batch-size 500", "--batch-size 500", "60")
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


@pytest.fixture
def requested(home: Path) -> Path:
    (home / "request.csv").write_text(
        "rank,file,score,strategy,reason\n1,unlabeled/3.png,1,random,r\n2,unlabeled/4.png,1,random,r\n"
    )
    return home


def create(labels: str) -> str:
    return f"create-dataset --dataset-folder data --request request.csv --labels {labels} --out-path next"


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


def in_namespace(mount: str, words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command where `mount` has been mounted: the tests run as root, whom permission bits do not stop."""
    script = f"{mount} && {sys.executable} -m barlowmatch {words}"
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip


def namespaces_work() -> bool:
    return shutil.which("unshare") is not None and (
        subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    )


needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="no unprivileged mount namespaces here")


@needs_namespaces
def test_a_full_disk(home: Path, classifier: Path) -> None:
    (home / "small").mkdir()
    done = in_namespace(
        "mount -t tmpfs -o size=64k none small",
        f"embed --dataset-folder data --checkpoint-path {classifier} --out-path small/reps", home,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "small/reps: cannot be written (No space left on device)" in done.stderr.splitlines()[-1]


@needs_namespaces
def test_a_disk_that_is_too_small_for_a_checkpoint(home: Path) -> None:
    (home / "small").mkdir()
    done = in_namespace(
        "mount -t tmpfs -o size=256k none small && trap 'find small -type f > left' EXIT",
        f"pretrain --dataset-folder data --checkpoint-path small/p.pt --projector-width 64 {' '.join(SMALL)}", home,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "small/p.pt: cannot be written (No space left on device)" in done.stderr.splitlines()[-1]
    files = {Path(line).name for line in (home / "left").read_text().splitlines()}
    assert files == {"config.json", "process.json", "events.jsonl", "log.txt"}


@needs_namespaces
@pytest.mark.parametrize("command", ["select", pytest.param("create-dataset", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_under_a_round(requested: Path, classifier: Path, command: str) -> None:
    (requested / "small").mkdir()
    (requested / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,1\n")
    assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    line = {
        "select": "select --representations-path reps --strategy random --budget 300 --dest-path small/request",
        "create-dataset": create("labels.csv").replace("--out-path next", "--out-path small/next"),
    }[command]
    mount = "mount -t tmpfs -o size=16k none small && trap 'find small -mindepth 1 > left' EXIT"
    done = in_namespace(mount, line, requested)
    assert done.returncode == 2, done.stderr
    assert "small/" in done.stderr.splitlines()[-1]
    assert "cannot be written (No space left on device)" in done.stderr.splitlines()[-1]
    assert (requested / "left").read_text() == ""


@needs_namespaces
@pytest.mark.parametrize(
    "command",
    [
        "train",
        "select",
        *(pytest.param(name, marks=pytest.mark.faults) for name in ("embed", "predict", "create-dataset")),
    ],
)
def test_a_folder_that_cannot_be_written(requested: Path, classifier: Path, command: str) -> None:
    home = requested
    (home / "locked").mkdir()
    (home / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,1\n")
    assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    lines = {
        "train": f"train-classifier --dataset-folder data --checkpoint-path locked/c.pt {' '.join(SMALL)}",
        "embed": f"embed --dataset-folder data --checkpoint-path {classifier} --out-path locked/reps",
        "predict": f"predict --dataset-folder data --checkpoint-path {classifier} --out-path locked/p.csv",
        "select": "select --representations-path reps --strategy random --budget 5 --dest-path locked/request",
        "create-dataset": create("labels.csv").replace("--out-path next", "--out-path locked/next"),
    }
    done = in_namespace("mount --bind locked locked && mount -o remount,bind,ro locked", lines[command], home)
    assert done.returncode == 2, done.stderr
    assert "locked/" in done.stderr.splitlines()[-1]
    assert "cannot be written (Read-only file system)" in done.stderr.splitlines()[-1]
    assert list((home / "locked").iterdir()) == []
