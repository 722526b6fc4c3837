"""Folders that are days or cameras, and no classes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from tests.data.test_folder_names import warnings
from tests.data.test_layouts import told, touch, truth
from tests.stages.small_datasets import LAYOUTS


def days(folder: Path) -> DatasetOptions:
    touch(folder, *(f"{name}/{n}.png" for name in ("first", "second") for n in range(4)))
    return DatasetOptions(dataset_folder=folder)


def days_that_a_table_splits(folder: Path) -> DatasetOptions:
    days(folder)
    (folder / "metadata.csv").write_text("file_name,split\nfirst/0.png,val\nfirst/1.png,test\nsecond/2.png,train\n")
    return DatasetOptions(dataset_folder=folder)


def days_with_the_name_of_a_split_among_them(folder: Path) -> DatasetOptions:
    touch(folder, *(f"{name}/{n}.png" for name in ("first", "second", "valid") for n in range(4)))
    return DatasetOptions(dataset_folder=folder)


@pytest.mark.parametrize("layout", [*LAYOUTS, days, days_that_a_table_splits, days_with_the_name_of_a_split_among_them])
def test_folders_that_are_no_classes_give_no_labels_whatever_the_layout(
    layout: Callable[[Path], DatasetOptions], tmp_path: Path
) -> None:
    source = replace(layout(tmp_path / "data"), val_share=0)
    before, after = read_dataset(source), read_dataset(replace(source, class_folders=0))
    assert after.files == before.files
    if before.layout == "class-folders":
        assert (after.layout, after.classes, set(after.labels.tolist())) == ("flat", (), {-1})
        assert after.splits.tolist() == np.where(before.splits == "train", "unlabeled", before.splits).tolist()
    else:
        assert (after.layout, truth(after)) == (before.layout, truth(before)), "tables and tensors say the labels"


def test_where_folders_are_taken_for_classes_the_way_out_is_named(tmp_path: Path) -> None:
    days(tmp_path / "train")
    taken = "the folders' names are taken as classes; if they are none, give --class-folders 0"
    for folder in (tmp_path, tmp_path / "train"):
        assert taken in told(folder)
        assert told(folder, class_folders=0) == f"{folder}: flat layout, no labels, images: 8 unlabeled"


def test_a_val_of_such_folders_is_said_to_judge_nothing(tmp_path: Path) -> None:
    """It may have labels all the same, by a table; and where it has them as classes nothing is to be said."""
    days(tmp_path / "train")
    days(tmp_path / "val")
    assert warnings(tmp_path) == []
    (warning,) = warnings(tmp_path, class_folders=0)
    assert warning.startswith(f"{tmp_path}: none of the 8 images of val has a label, so they judge nothing and teach")
    assert "in a labels.csv of file,label, or move them into unlabeled/" in warning
    (tmp_path / "labels.csv").write_text("file,label\ntrain/first/1.png,cat\n")
    assert warnings(tmp_path, class_folders=0) == [warning]
    (tmp_path / "labels.csv").write_text("file,label\nval/first/1.png,cat\n")
    assert warnings(tmp_path, class_folders=0) == []
