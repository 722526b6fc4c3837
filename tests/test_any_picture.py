"""A folder of pictures of every kind, some broken, goes through the commands, and every broken file is named."""

import csv
from pathlib import Path

import pandas as pd

from barlowmatch.data.tables import read_table
from barlowmatch.embeddings.folder import read_embeddings
from tests.conftest import Command
from tests.pictures import write_zoo

COUNT = 240


def test_every_kind_of_picture_goes_through(tmp_path: Path, barlowmatch: Command) -> None:
    folder = tmp_path / "zoo"
    kinds = write_zoo(folder, COUNT, seed=3)
    broken = {name for name, reason in kinds.items() if reason is not None}
    good = sorted(kinds.keys() - broken)
    assert len(broken) >= COUNT // 12
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [("file_name", "label"), *((name, ("left", "right")[place % 2]) for place, name in enumerate(good[:60]))]
        csv.writer(file).writerows(rows)
    small = ("--dataset-folder", folder, "--image-size", 16, "--precision", "float32")
    network = ("--backbone", "resnet18_quarter", "--num-epochs", 1, "--batch-size", 32)
    commands = {
        "inspect": ("inspect", "--dataset-folder", folder),
        "pretrain": ("pretrain", *small, *network, "--checkpoint-path", "p.pt", "--projector-width", 32),
        "train-classifier": (
            "train-classifier",
            *small,
            *network,
            "--transfer-path",
            "p.pt",
            "--checkpoint-path",
            "c.pt",
        ),
        "embed": ("embed", *small, "--checkpoint-path", "c.pt", "--out-path", "e"),
        "predict": ("predict", *small, "--checkpoint-path", "c.pt", "--out-path", "p.csv"),
    }
    for name, words in commands.items():
        done = barlowmatch(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said = done.stdout + done.stderr
        assert [file for file in broken if file not in said] == [], name
    assert sorted(read_embeddings(tmp_path / "e").table.files) == good
    predictions = pd.read_csv(tmp_path / "p.csv")
    assert sorted(read_table(tmp_path / "p.csv").columns["file"]) == good
    assert not any(cell.startswith("=") for cell in predictions["file"]), "no spreadsheet runs a file's name"
    assert predictions[["p(left)", "p(right)"]].sum(axis=1).between(0.999, 1.001).all()


def test_strict_stops_at_the_first_broken_file(tmp_path: Path, barlowmatch: Command) -> None:
    kinds = write_zoo(tmp_path / "zoo", 60, seed=4)
    done = barlowmatch("pretrain", "--dataset-folder", "zoo", "--strict", cwd=tmp_path)
    assert done.returncode == 2
    assert any(name in done.stderr for name, reason in kinds.items() if reason is not None)
    assert not (tmp_path / "runs").exists()
