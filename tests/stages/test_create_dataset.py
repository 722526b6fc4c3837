"""The next round's dataset holds exactly the old one with the answers in it."""

import csv
import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset, read_with_columns
from barlowmatch.data.splits import draw
from barlowmatch.errors import InputError
from barlowmatch.events import Event
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import (
    LAYOUTS,
    class_folders,
    class_folders_without_val,
    config,
    digest,
    flat,
    pictures,
    seed_layout,
    seed_layout_with_gaps,
    table,
    truth,
    write_csv,
)
from tests.waiting import until

WRITE = """
import sys
from pathlib import Path
from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.stages.create_dataset import run
home = Path(sys.argv[1])
print("ready", flush=True)
run(CreateDatasetConfig(dataset_path=home / "dataset", label_request_path=home, out_path=home / "new"))
"""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rounds_read_back_as_exactly_the_old_dataset_with_the_answers(
    layout: Callable[[Path], DatasetOptions], seed: int, tmp_path: Path
) -> None:
    choose = random.Random(seed)
    source = replace(layout(tmp_path / "dataset"), val_share=0.2)
    for number in (1, 2, 3):
        dataset = read_dataset(source)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        expected = truth(dataset)
        chosen = choose.sample(dataset.unlabeled.tolist(), 7)
        answers = {dataset.files[row]: str(choose.randrange(4)) for row in chosen}
        own_val = layout not in (flat, class_folders_without_val)
        for row in chosen:
            held = not own_val and draw(dataset.files[row]) < 0.2
            expected[digest(dataset, row)] = ("val" if held else "train", answers[dataset.files[row]])
        request = write_csv(tmp_path / "request.csv", ("rank", "file"), list(enumerate(answers, 1)))
        shuffled = choose.sample(list(answers.items()), 7)
        labels = write_csv(tmp_path / "labels.csv", ("file", "label"), list(shuffled))
        result = run(config(source, request=request, labels=labels, new_classes=True))
        assert result["out_path"] == str(tmp_path / f"dataset-round-{number}")
        assert (result["added"], result["copied"]) == (7, 0)
        next_source = DatasetOptions(dataset_folder=tmp_path / f"dataset-round-{number}", val_share=0)
        again = read_dataset(next_source)
        assert truth(again) == expected
        assert set(dataset.classes) <= set(again.classes)
        for path, content in before.items():
            assert path.read_bytes() == content or path.name in {"request.csv", "labels.csv"}
        source = replace(next_source, val_share=0.2)
        assert truth(read_dataset(source)) == expected, "nothing more is held out on reading"
        assert (tmp_path / f"dataset-round-{number}" / "held-out.json").exists() != own_val


def test_the_seed_layout_is_the_seeds(tmp_path: Path) -> None:
    source = seed_layout(tmp_path / "dataset")
    request = tmp_path / "request_3.csv"
    request.write_text("17.png\n4.png\n29.png\n")
    torch.save(torch.tensor([2, 0, 3]), tmp_path / "label_3.pt")
    result = run(config(source, label_request_path=tmp_path))
    new = tmp_path / "dataset-round-1"
    assert result["request"] == str(request)
    assert result["labels"] == str(tmp_path / "label_3.pt")
    assert sorted(path.name for path in new.iterdir()) == [
        "train_new", "train_new_label_tensor.pt", "unlabeled", "val", "val_label_tensor.pt",
    ]  # fmt: skip
    labels = torch.load(new / "train_new_label_tensor.pt", weights_only=True)
    assert labels.dtype == torch.int64
    assert labels.tolist() == [*(n % 4 for n in range(12)), 2, 0, 3]
    places = {0: "train/0", 11: "train/11", 12: "unlabeled/17", 13: "unlabeled/4", 14: "unlabeled/29"}
    for number, name in places.items():
        assert (new / f"train_new/{number}.png").samefile(tmp_path / f"dataset/{name}.png")
    kept = {path.name for path in (new / "unlabeled").iterdir()}
    assert kept == {f"{n}.png" for n in range(30)} - {"17.png", "4.png", "29.png"}


def test_images_of_the_pool_keep_their_names_where_others_join_them(tmp_path: Path) -> None:
    source = seed_layout_with_gaps(tmp_path / "dataset")
    request = write_csv(tmp_path / "r.csv", ("file",), [("unlabeled/17.png",)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [("unlabeled/17.png", "1")])
    run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))
    for number in sorted(set(range(30)) - {17}):
        assert (tmp_path / f"new/unlabeled/{number}.png").samefile(tmp_path / f"dataset/unlabeled/{number}.png")
    assert (tmp_path / "new/unlabeled/5-2.png").samefile(tmp_path / "dataset/train/5.png")


def test_class_folders_keep_names_and_the_folders_that_say_what_belongs_together(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "dataset")
    request = write_csv(tmp_path / "r.csv", ("file",), [("unlabeled/plate/3.png",), ("unlabeled/2.png",)])
    labels = write_csv(
        tmp_path / "l.csv", ("file", "label"), [("unlabeled/2.png", "1"), ("unlabeled/plate/3.png", "1")]
    )
    run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))
    names = {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new" / "train" / "1").rglob("*.png")}
    assert names == {f"train/1/{name}.png" for name in ("0", "1", "2", "3", "plate/3", "2-2")}
    assert (tmp_path / "new/train/1/2.png").samefile(tmp_path / "dataset/train/1/2.png")


@pytest.mark.parametrize("layout", ["class folders", "seed"])
def test_what_a_table_says_besides_is_kept_where_folders_or_tensors_hold_the_labels(
    layout: str, tmp_path: Path, seed_layout: Path
) -> None:
    if layout == "seed":
        shutil.copytree(seed_layout, tmp_path / "dataset")
    else:
        class_folders(tmp_path / "dataset")
    before = read_dataset(DatasetOptions(dataset_folder=tmp_path / "dataset")).files
    lines = [(name, f"{Path(name).parts[0]} {place % 3}") for place, name in enumerate(before)]
    write_csv(tmp_path / "dataset" / "metadata.csv", ("file_name", "plate"), lines)
    asked = next(name for name in before if name.startswith("unlabeled/"))
    request = write_csv(tmp_path / "r.csv", ("file",), [(asked,)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [(asked, "1")])

    run(
        config(
            DatasetOptions(dataset_folder=tmp_path / "dataset"),
            request=request,
            labels=labels,
            out_path=tmp_path / "new",
        )
    )

    old = DatasetOptions(dataset_folder=tmp_path / "dataset", group_by="plate")
    new = DatasetOptions(dataset_folder=tmp_path / "new", group_by="plate")
    assert plates(new) == plates(old)


def plates(options: DatasetOptions) -> dict[tuple[int, int], str]:
    """Return the plate of each image, by what identifies its file."""
    dataset, columns = read_with_columns(options)
    statuses = (dataset.path(row).stat() for row in range(len(dataset.files)))
    return {(status.st_dev, status.st_ino): plate for status, plate in zip(statuses, columns["plate"], strict=True)}


def test_tables_keep_their_further_columns(tmp_path: Path) -> None:
    source = table(tmp_path / "dataset")
    request = write_csv(tmp_path / "r.csv", ("file",), [("sub 0/30.png",)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [("30.png", "2")])
    run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))
    with (tmp_path / "new" / "labels.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["sub 0/0.png"] == {"file": "sub 0/0.png", "split": "val", "label": "0", "plate": "p0"}
    assert rows["sub 0/30.png"]["label"] == "2"
    assert len(rows) == 50
    assert truth(read_dataset(DatasetOptions(manifest=tmp_path / "new" / "labels.csv"))) == truth(
        read_dataset(DatasetOptions(dataset_folder=tmp_path / "new"))
    )


def test_files_whose_names_begin_or_end_with_spaces_are_found(tmp_path: Path) -> None:
    names = [" 1.png", "1.png", "2.png ", "3.png", " folder/4.png"]
    pictures(tmp_path / "data", *names)
    manifest = write_csv(tmp_path / "data" / "M.csv", ("file",), [(name,) for name in names])
    asked = [" 1.png", "2.png ", " 3.png ", " folder/4.png"]
    request = write_csv(tmp_path / "r.csv", ("file",), [(name,) for name in asked])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [(name, "cat") for name in asked])
    source = DatasetOptions(manifest=manifest, val_share=0)
    run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))
    with (tmp_path / "new" / "labels.csv").open(newline="") as file:
        found = {row["file"]: row["label"] for row in csv.DictReader(file)}
    assert found == {" 1.png": "cat", "1.png": "", "2.png ": "cat", "3.png": "cat", " folder/4.png": "cat"}


def test_names_whose_letters_were_put_together_are_found(tmp_path: Path) -> None:
    pictures(tmp_path / "data", "unlabeled/sub/e\u0301.png", "train/re\u0301/1.png", "train/dog/2.png")
    request = write_csv(tmp_path / "r.csv", ("file",), [("\u00e9.png",)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [("unlabeled/sub/\u00e9.png", "r\u00e9")])
    source = DatasetOptions(dataset_folder=tmp_path / "data", val_share=0)
    assert run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))["added"] == 1
    read = read_dataset(DatasetOptions(dataset_folder=tmp_path / "new", val_share=0))
    assert sorted(label for _, label in truth(read).values() if label) == ["dog", "re\u0301", "re\u0301"]


@pytest.mark.parametrize("layout", ["table", "seed"])
def test_new_classes_come_behind_listed_ones_and_take_no_id_of_theirs(layout: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    pictures(data, *(f"{folder}/{number}.png" for folder in ("train", "unlabeled") for number in range(3)))
    (data / "classes.csv").write_text("id,name\n2,zebra\n1,ant\n")
    if layout == "seed":
        torch.save(torch.tensor([2, 1, 2]), data / "train_label_tensor.pt")
    else:
        write_csv(data / "labels.csv", ("file", "label"), [("train/0.png", "zebra"), ("train/1.png", "ant")])
    answers = {"unlabeled/0.png": "2", "unlabeled/1.png": "bee", "unlabeled/2.png": "ant"}
    request = write_csv(tmp_path / "request.csv", ("file",), [(file,) for file in answers])
    labels = write_csv(tmp_path / "labels.csv", ("file", "label"), list(answers.items()))
    source = DatasetOptions(dataset_folder=data, val_share=0)
    run(config(source, request=request, labels=labels, new_classes=True, out_path=tmp_path / "new"))
    read = read_dataset(DatasetOptions(dataset_folder=tmp_path / "new", val_share=0))
    assert read.class_names == ("zebra", "ant", "2", "bee")
    assert [item.id for item in read.classes[:3]] == [2, 1, 3]
    answered = {hashlib.sha256((data / file).read_bytes()).hexdigest(): name for file, name in answers.items()}
    assert truth(read) == truth(read_dataset(source)) | {key: ("train", name) for key, name in answered.items()}


def test_a_request_that_a_spreadsheet_saved_with_semicolons_is_read(tmp_path: Path) -> None:
    seed_layout(tmp_path / "dataset")
    (tmp_path / "request.csv").write_text("rank;file;score\n1;7.png;0,5\n")
    (tmp_path / "labels.csv").write_text("file;label\n7.png;1\n")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    result = run(
        config(source, request=tmp_path / "request.csv", labels=tmp_path / "labels.csv", out_path=tmp_path / "new")
    )
    assert result["added"] == 1


def test_labels_that_nobody_asked_for_are_their_own_request(tmp_path: Path) -> None:
    seed_layout(tmp_path / "dataset")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    labels = write_csv(tmp_path / "own.csv", ("file", "label"), [("7.png", "1")])
    with pytest.raises(InputError, match=r"holds no request .*by --request, for labels that nobody asked for theirs"):
        run(config(source, label_request_path=tmp_path, labels=labels, out_path=tmp_path / "new"))
    asked = write_csv(tmp_path / "request.csv", ("file",), [("8.png",)])
    with pytest.raises(InputError, match=r"by --request, for labels that nobody asked for their own file"):
        run(config(source, request=asked, labels=labels, out_path=tmp_path / "new"))
    assert run(config(source, request=labels, labels=labels, out_path=tmp_path / "new"))["added"] == 1


def test_where_no_label_is_held_out_the_way_out_is_named(tmp_path: Path) -> None:
    files = [name for name in (f"{n}.png" for n in range(20)) if 0.2 <= draw(name) < 0.5][:2]
    pictures(tmp_path / "dataset", *files)
    labels = write_csv(tmp_path / "own.csv", ("file", "label"), [(name, name[0]) for name in files])
    for share, warned in ((0.5, False), (0.2, True)):
        source, heard = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=share), list[Event]()
        run(config(source, request=labels, labels=labels, out_path=tmp_path / f"{share}"), heard.append)
        assert ("none of 2 labeled images fell into the share 0.2" in str(heard)) == warned


def test_the_sources_names_are_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_layout(tmp_path / "dataset")
    (tmp_path / "label_request").mkdir()
    (tmp_path / "label_request" / "request.csv").write_text("file\n7.png\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"label_request: holds no labels \(labels.csv or label_1.pt\)"):
        run(CreateDatasetConfig())
    torch.save(torch.tensor([1]), "label_request/label_1.pt")
    assert run(CreateDatasetConfig())["added"] == 1
    assert run(CreateDatasetConfig(dataset_path=Path("dataset")))["out_path"] == str(tmp_path / "dataset-round-2")
    with pytest.raises(InputError, match="--dataset-path"):
        CreateDatasetConfig(dataset_path=Path("dataset"), manifest=Path("M.csv"))


def test_killed_while_writing_there_is_a_whole_dataset_or_none(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "dataset")
    pictures(tmp_path / "dataset", *(f"unlabeled/{n}.png" for n in range(20, 1500)))
    (tmp_path / "request.csv").write_text("file\n7.png\n")
    (tmp_path / "labels.csv").write_text("file,label\n7.png,1\n")
    expected = truth(read_dataset(source)).keys()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    moments, cut = random.Random(1), 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: any(tmp_path.glob(".partial-*")) or process.poll() is not None, pause=0.001)  # noqa: B023
        try:
            process.wait(timeout=moments.uniform(0.0, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        partial = list(tmp_path.glob(".partial-*"))
        cut += not (tmp_path / "new").exists() and bool(partial)
        for folder in partial:
            shutil.rmtree(folder)
        if (tmp_path / "new").exists():
            assert truth(read_dataset(DatasetOptions(dataset_folder=tmp_path / "new"))).keys() == expected
            shutil.rmtree(tmp_path / "new")
    assert cut, "no kill came while it was writing"
