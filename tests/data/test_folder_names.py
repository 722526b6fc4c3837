"""What folders are taken for by their names, and what is said of those that are left out."""

from pathlib import Path

import pytest
import torch

from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.classes import ImageClass, class_id, classes_of, places_among
from barlowmatch.data.folder_classes import classes_by_folders
from barlowmatch.data.folders import read_tree
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.inspect import run
from tests.data.test_layouts import read, told, touch, truth
from tests.stages.small_datasets import pictures


def some(*folders: str, count: int = 3) -> list[str]:
    return [f"{folder}/{n}.png" for folder in folders for n in range(count)]


def known(folder: Path) -> tuple[str, ...]:
    """Return the classes that folders will be, as it is known before they are read."""
    names, doubt = classes_by_folders(read_tree(folder))
    return () if doubt else tuple(names)


def warnings(folder: Path, **options: object) -> list[str]:
    heard: list[Event] = []
    read_dataset(DatasetOptions(dataset_folder=folder, **options), heard.append)
    return [event.message for event in heard if isinstance(event, Said) and event.level == "warning"]


def of_left_out(folder: Path, **options: object) -> list[str]:
    return [warning for warning in warnings(folder, **options) if "outside the splits" in warning]


@pytest.mark.parametrize(
    "names",
    [
        some("10", "9", "cat"),
        some("bus", "car", "train"),
        some("plate1", "plate2"),
        [*some("train/dog", "train/9/deep", "val/cat", "unlabeled/day"), "train/loose.png"],
        some("train", "unlabeled/day"),
        ["a.png"],
    ],
)
def test_folders_that_will_be_classes_are_known_before_they_are_read(names: list[str], tmp_path: Path) -> None:
    touch(tmp_path, *names)
    assert known(tmp_path) == read(tmp_path).class_names
    (tmp_path / "metadata.csv").write_text(f"file_name,plate\n{names[0]},p\n")
    assert known(tmp_path) == read(tmp_path).class_names
    (tmp_path / "metadata.csv").write_text(f"file_name,label\n{names[0]},crow\n")
    assert set(known(tmp_path)) == set(read(tmp_path, val_share=0).class_names) - {"crow"}
    (tmp_path / "metadata.csv").write_text("")
    assert classes_by_folders(read_tree(tmp_path)) == ([], None), "it cannot be read"


def test_where_tensors_have_the_labels_no_folder_is_a_class(tmp_path: Path) -> None:
    touch(tmp_path, *some("train/a", "train/b"), "train_label_tensor.pt")
    assert classes_by_folders(read_tree(tmp_path)) == ([], None)


@pytest.mark.parametrize(
    "folders", [("bus", "car", "train"), ("invalid", "valid"), ("control", "test"), ("Validation", "bird", "cat")]
)
def test_a_class_may_have_the_name_of_a_split(folders: tuple[str, ...], tmp_path: Path) -> None:
    touch(tmp_path, *some(*folders))
    dataset = read(tmp_path, val_share=0)
    assert truth(dataset) == {file: ("train", file.split("/")[0]) for file in some(*folders)}
    assert "is read like the folders beside it; if it is a split" in told(tmp_path)
    assert warnings(tmp_path) == []


def test_such_a_folder_among_folders_that_are_no_classes_is_part_of_the_pool(tmp_path: Path) -> None:
    touch(tmp_path, *some("plate1", "plate2", "train"), "loose.png")
    dataset = read(tmp_path)
    assert len(dataset.unlabeled) == len(dataset) == 10


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        ([*some("train/a", "train/b", "val/a"), *some("new_photos", count=7)], "7 in new_photos/;"),
        ([*some("train/a", "train/b"), "1.png", "2.png"], "2 in the folder itself;"),
        (some("train/a", "train/b", "training/b"), "3 in training/;"),
        (some("train", "new_photos"), "3 in new_photos/;"),
        ([*some("train", count=50), *some("docs", "plots", count=2)], "2 in docs/, 2 in plots/;"),
        (some("unlabeled", "cat", "dog"), "3 in cat/, 3 in dog/;"),
        (some("train", "val", "cat", "dog", "bird"), "3 in bird/, 3 in cat/, 3 in dog/;"),
        ([*some("train/a", "train/b", "w/deep", "x", "y", "z"), "1.png"], "2 more folders;"),
    ],
)
def test_what_lies_outside_the_splits_is_named(names: list[str], left_out: str, tmp_path: Path) -> None:
    touch(tmp_path, *names)
    dataset = read(tmp_path)
    (warning,) = of_left_out(tmp_path)
    count = len(names) - len(dataset)
    assert f"{tmp_path}: {count} images outside the splits" in warning
    assert left_out in warning
    assert "move them into unlabeled/, or folders of a class into train/" in warning
    assert "\n" not in warning
    (warning,) = of_left_out(tmp_path, class_folders=0)
    assert warning.endswith("move them into unlabeled/"), "folders in train/ are no classes then"


def test_where_a_table_gives_the_labels_only_a_second_training_folder_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, *some("train", "other"), "loose.png")
    (tmp_path / "labels.csv").write_text("file,label\ntrain/0.png,cat\nother/0.png,dog\n")
    assert len(read(tmp_path)) == 7
    assert warnings(tmp_path) == []
    touch(tmp_path, *some("training"))
    (warning,) = warnings(tmp_path)
    assert "3 images outside the splits (train) are left out: 3 in training/;" in warning


def test_nothing_is_said_of_training_folders_that_another_stands_in_for(tmp_path: Path) -> None:
    touch(tmp_path, *some("train/a", "train/b", "train_new/a", "train_new/b", "train_new/c", "unlabeled"))
    assert len(read(tmp_path, val_share=0).train) == 9
    assert warnings(tmp_path) == []
    assert len(read(tmp_path, val_share=0, train_split="train").train) == 6
    assert warnings(tmp_path, train_split="train") == []


def test_labels_beside_it_make_a_folder_a_split(tmp_path: Path) -> None:
    touch(tmp_path, *some("bus", "car", "train"))
    torch.save(torch.arange(3) % 2, tmp_path / "train_label_tensor.pt")
    assert read(tmp_path).layout == "seed"
    assert warnings(tmp_path)[0].endswith("3 in bus/, 3 in car/; move them into unlabeled/")
    (tmp_path / "train_label_tensor.pt").unlink()
    (tmp_path / "train" / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n")
    assert read(tmp_path).layout == "table"
    (tmp_path / "train" / "labels.csv").unlink()
    assert set(read(tmp_path, train_split="train").splits) == {"unlabeled"}
    assert "3 in bus/, 3 in car/;" in warnings(tmp_path, train_split="train")[0]


def test_the_report_repeats_what_was_said_of_images_left_out(tmp_path: Path) -> None:
    pictures(tmp_path, *some("train/a", "train/b", "new_photos"))
    heard: list[Event] = []
    report = run(InspectConfig(dataset_folder=tmp_path, workers=1), heard.append)
    (warning,) = report["warnings"]
    assert "3 in new_photos/;" in warning
    assert sum(isinstance(event, Said) and event.message == warning for event in heard) == 1


APART, TOGETHER = "cafe\u0301", "caf\u00e9"
"""A name as macOS writes it, its letters and their marks one by one, and as all others do."""


def test_a_name_spelled_in_two_ways_that_look_alike_is_one_class(tmp_path: Path) -> None:
    touch(tmp_path, *some(f"train/{APART}/plate", f"train/{TOGETHER}/plate", "train/Tea", "train/tea", f"val/{APART}"))
    dataset = read(tmp_path, group_by="folder")
    assert sorted(dataset.class_names) == ["Tea", TOGETHER, "tea"]
    assert {label for _, label in truth(dataset).values()} == {"Tea", "tea", TOGETHER}
    assert dataset.groups is not None
    assert {group for group in dataset.groups if not group.startswith("file ")} == {"plate"}
    (tmp_path / "classes.csv").write_text(f"id,name\n0,Tea\n1,tea\n2,{TOGETHER}\n")
    assert truth(read(tmp_path)) == truth(dataset)
    (tmp_path / "classes.csv").write_text(f"id,name\n0,tea\n1,{APART}\n2,{TOGETHER}\n")
    with pytest.raises(InputError, match=r"the name .* is there twice"):
        read(tmp_path)


def test_a_network_knows_a_class_that_is_spelled_otherwise_now() -> None:
    before = classes_of([APART, "tea"])
    assert before == (ImageClass(class_id(APART), APART), ImageClass(class_id("tea"), "tea")), "one spelling stays"
    today = classes_of(["tea", TOGETHER, "milk"])
    places = dict(zip((item.name for item in today), places_among(before, today), strict=True))
    assert places == {TOGETHER: 0, "tea": 1, "milk": -1}
