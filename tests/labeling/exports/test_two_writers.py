"""The app's exports and `create-dataset` make the same dataset of the same labels, whatever things are called."""

import random
from pathlib import Path

import pytest
import torch

from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.naming import safe
from barlowmatch.events import silent
from barlowmatch.stages import create_dataset, inspect
from labeling.dataset.indexing import init_project
from labeling.dataset.labels import import_table
from labeling.exports.writing import export
from tests.stages.small_datasets import Truth, config, pictures, truth, write_csv

CLASSES = ("CON", "T\u00fcr", "cafe\u0301", "two  words", "a.b", "v1.0", "=1+1", "a:b?", "7", "x" * 100)
NAMES = (
    "1.png", "1.jpg", "2.PNG", "a.png", "A.png", "\u00e9.png", "e\u0301.png", " b.png", "b .png", "a.b.c.png",
    "CON.png", "-x.png", "'=1+1.png",
)  # fmt: skip


def both(data: Path, answers: dict[str, str]) -> tuple[Path, Path]:
    """Give a dataset answers by both ways; return what `create-dataset` wrote, and the project's folder of exports."""
    request = write_csv(data.parent / "request.csv", ("file",), [(file,) for file in answers])
    labels = write_csv(data.parent / "answers.csv", ("file", "label"), list(answers.items()))
    source = DatasetOptions(dataset_folder=data)
    written = data.parent / "written"
    create_dataset.run(config(source, request=request, labels=labels, new_classes=True, out_path=written))
    init_project(data.parent / "project", dataset_folder=data)
    import_table(data.parent / "project", labels, new_classes=True)
    return written, data.parent / "project" / "exports"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.[pPj][nNp][gG]")}


def labeled(facts: Truth) -> Truth:
    return {digest: fact for digest, fact in facts.items() if fact[1] is not None}


def inspected(folder: Path) -> dict[str, dict[str, int]]:
    report = inspect.run(InspectConfig(dataset_folder=folder, val_share=0))
    assert report["problems"] == []
    return {item["name"]: item["labels"] for item in report["classes"] if sum(item["labels"].values())}


@pytest.mark.parametrize("seed", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 8))])
def test_class_folders_are_the_same_files(tmp_path: Path, seed: int) -> None:
    draw, data = random.Random(seed), tmp_path / "data"
    names = {split: draw.sample(CLASSES, 6) for split in ("train", "val")}
    for split, classes in names.items():
        pictures(data, *(f"{split}/{name}/{file}" for name in classes for file in draw.sample(NAMES, 5)))
    pool = [f"unlabeled/{name}" for name in NAMES]
    pictures(data, *pool)
    known = list(dict.fromkeys([*names["train"], *names["val"]]))
    chosen = sorted(draw.sample(pool, 8), key=read_dataset(DatasetOptions(dataset_folder=data)).files.index)
    written, exports = both(data, {file: draw.choice([*known, "new"]) for file in chosen})
    export(exports.parent, "folders", "out", silent)

    expected = truth(read_dataset(DatasetOptions(dataset_folder=written)))
    assert len(labeled(expected)) == 2 * 6 * 5 + 8
    assert truth(read_dataset(DatasetOptions(dataset_folder=exports / "out"))) == labeled(expected)
    assert truth(read_dataset(DatasetOptions(manifest=exports / "out" / "manifest.csv"))) == labeled(expected)
    paths = {file: file.split("/", 2) for file in contents(written) if not file.startswith("unlabeled/")}
    renamed = {file: f"{split}/{safe(name)}/{rest}" for file, (split, name, rest) in paths.items()}
    assert contents(exports / "out") == {
        renamed[file]: content for file, content in contents(written).items() if file in renamed
    }


@pytest.mark.slow
def test_numbered_datasets_are_the_same_files_and_tensors(tmp_path: Path) -> None:
    data = tmp_path / "data"
    suffixes = (".png", ".PNG", ".Png", ".jpg")
    for split, count in (("train", 12), ("val", 5)):
        pictures(data, *(f"{split}/{number}{suffixes[number % 4]}" for number in range(count)))
        torch.save(torch.arange(count) % 4, data / f"{split}_label_tensor.pt")
    pictures(data, *(f"unlabeled/{name}" for name in NAMES))
    written, exports = both(data, {"unlabeled/1.png": "2", "unlabeled/2.PNG": "0", "unlabeled/CON.png": "4"})
    export(exports.parent, "seed", "out", silent)

    def before_a_round(name: str) -> str:
        return name.replace("train_new", "train")

    expected = truth(read_dataset(DatasetOptions(dataset_folder=written)))
    assert truth(read_dataset(DatasetOptions(dataset_folder=exports / "out"))) == expected
    assert inspected(exports / "out") == inspected(written)
    numbers = {before_a_round(file): content for file, content in contents(written).items() if "unlabeled" not in file}
    pool = [f"unlabeled/{number}" for number in range(len(NAMES) - 3)]
    exported = contents(exports / "out")
    assert {file: content for file, content in exported.items() if "unlabeled" not in file} == numbers
    assert sorted(file.rpartition(".")[0] for file in exported if "unlabeled" in file) == sorted(pool)
    for tensor in written.glob("*.pt"):
        other = torch.load(exports / "out" / before_a_round(tensor.name), weights_only=True)
        assert torch.equal(torch.load(tensor, weights_only=True), other)


def test_names_that_no_folder_can_have_are_told_by_tables(tmp_path: Path) -> None:
    """Where folders alone say the class `create-dataset` refuses such a name; where a table does both keep it."""
    data = tmp_path / "data"
    pictures(data, *(f"day {number % 3}/{name}" for number, name in enumerate(NAMES)))
    files = [f"day {number % 3}/{name}" for number, name in enumerate(NAMES)]
    rows = [(files[0], "../up", "train"), (files[1], "a/b", "val"), (files[2], "lost+found", "train")]
    write_csv(data / "labels.csv", ("file_name", "label", "split"), rows)
    written, exports = both(data, {files[3]: ".hidden", files[4]: "a/b", files[5]: "lost+found"})
    export(exports.parent, "folders", "out", silent)
    expected = labeled(truth(read_dataset(DatasetOptions(dataset_folder=written))))
    assert len(expected) == 6
    assert truth(read_dataset(DatasetOptions(dataset_folder=exports / "out"))) == expected
