"""The seed's six command lines, one after another, on real images in the seed's layout."""

import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.conftest import Command
from tests.test_cli import SEED_LINES

SHORT = {
    "pretrain": "--num-epochs 1 --batch-size 16 --backbone resnet18_quarter --projector-width 64",
    "train-classifier": "--num-epochs 1 --batch-size 16 --backbone resnet18_quarter --classifier-width 64",
    "fixmatch": "--num-epochs 1 --batch-size 16 --num-steps 2",
    "embed": "--batch-size 16 --backbone resnet18_quarter",
    "select": "--budget 10",
    "create-dataset": "",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, seed_layout: Path) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(seed_layout, folder / "dataset")
    return folder


def line(command: str, home: Path) -> list[str]:
    """Return the seed's line with its paths replaced, and short: of a smaller network than `--wide 1` means."""
    text = SEED_LINES[command][0].replace("$SCRATCH", str(home)).replace("/dataset", str(home / "dataset"))
    text = (
        text.replace("--wide 1", "")
        .replace("/scratch/rv2138", str(home))
        .replace("model_transfer_barlow_best", "model_transfer_best")
    )
    return [command, *shlex.split(text), *shlex.split(SHORT[command])]


def test_from_pretraining_to_the_next_rounds_classifier(barlowmatch: Command, home: Path) -> None:
    for command in ("pretrain", "train-classifier", "fixmatch", "embed", "select"):
        done = barlowmatch(*line(command, home), cwd=home)
        assert done.returncode == 0, done.stderr

    wanted = pd.read_csv(home / "label_request" / "request.csv")["file"]
    assert len(wanted) == 10
    assert wanted.str.startswith("unlabeled/").all()
    torch.save(torch.arange(10), home / "dataset" / "label_1.pt")
    done = barlowmatch(*line("create-dataset", home), cwd=home)
    assert done.returncode == 0, done.stderr

    (new,) = home.glob("dataset*/train_new")
    labels = torch.load(new.parent / "train_new_label_tensor.pt", weights_only=True)
    assert len(labels) == 70
    assert len(list(new.glob("*.png"))) == 70
    assert len(list((new.parent / "unlabeled").glob("*.png"))) == 290
    again = barlowmatch(
        *("train-classifier", "--dataset-folder", new.parent),
        *("--transfer-path", home / "checkpoints" / "model_barlow.pth.tar"),
        *("--num-epochs", 1, "--batch-size", 64, "--classifier-width", 64),
        cwd=home,
    )
    assert again.returncode == 0, again.stderr
