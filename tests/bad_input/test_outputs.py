"""Places that results must not go to: refused before any work, and whatever is there stays as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from barlowmatch.cli import main, parse_config
from barlowmatch.events import Event, Said
from barlowmatch.stages import classify
from tests.bad_input.commands import SMALL, snapshot


def damaged_inputs(home: Path) -> None:
    """Put something where checkpoint and embeddings are looked for."""
    (home / "checkpoint.pt").touch()
    (home / "representations").mkdir()
    (home / "representations" / "meta.json").touch()


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
        ("embed --dataset-folder data --out-path full", "which embeddings would replace; name another folder"),
        ("select --dest-path file", "--dest-path file: is a file; name a folder"),
        ("simulate --dest-path file", "--dest-path file: is a file; name a folder"),
        ("inspect --dataset-folder data --manifest-out adir", "--manifest-out adir: is a folder; name a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_work(
    refused: Callable[..., None], home: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    """Checkpoint and embeddings are damaged: work would begin by finding that out."""
    damaged_inputs(home)
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
    damaged_inputs(home)
    refused(line, said, "holds something else than this command writes")


@pytest.mark.parametrize("name", ["curves.csv", "picks.csv"])
def test_a_simulation_replaces_no_table_but_its_own(refused: Callable[..., None], home: Path, name: str) -> None:
    (home / "work").mkdir()
    (home / "work" / name).write_text("file,growth\ndata/train/0.png,0.7\n")
    refused("simulate --dest-path work", f"--dest-path work/{name}: holds something else than this command writes")


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
