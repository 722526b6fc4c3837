"""The next round of images whose folders are no classes."""

from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import config, digest, pictures, truth, write_csv


@pytest.mark.parametrize("listed", [False, True])
def test_the_next_round_of_folders_that_are_no_classes_needs_no_more_telling(listed: bool, tmp_path: Path) -> None:
    data, answers = tmp_path / "data", {"unlabeled/noon/1.png": "crow", "train/dawn/2.png": "owl"}
    pictures(
        data,
        *(f"{split}/{day}/{n}.png" for split in ("train", "unlabeled") for day in ("dawn", "noon") for n in range(3)),
    )
    if listed:
        (data / "classes.csv").write_text("id,name\n0,crow\n1,owl\n")
    request = write_csv(tmp_path / "r.csv", ("file",), [(file,) for file in answers])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), list(answers.items()))
    source = DatasetOptions(dataset_folder=data, val_share=0)
    run(config(source, request=request, labels=labels, class_folders=0, out_path=tmp_path / "new"))
    new = read_dataset(DatasetOptions(dataset_folder=tmp_path / "new", val_share=0))
    assert (new.class_names, len(new)) == (("crow", "owl"), 12)
    assert {new.files[row]: new.class_names[new.labels[row]] for row in new.train} == answers


def test_labels_of_folders_and_of_a_table_beside_them_go_into_the_next_round(tmp_path: Path) -> None:
    data = tmp_path / "data"
    folders = [f"train/{name}/{n}.png" for name in ("crow", "owl") for n in range(3)]
    pictures(data, *folders, *(f"unlabeled/{n}.png" for n in range(4)))
    write_csv(data / "labels.csv", ("file", "label"), [("unlabeled/0.png", "owl"), ("train/owl/2.png", "crow")])
    request = write_csv(tmp_path / "r.csv", ("file",), [("unlabeled/1.png",)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [("unlabeled/1.png", "crow")])
    source = DatasetOptions(dataset_folder=data, val_share=0)
    before = truth(read_dataset(source))
    run(config(source, request=request, labels=labels, out_path=tmp_path / "new"))
    after = truth(read_dataset(DatasetOptions(dataset_folder=tmp_path / "new", val_share=0)))
    new = digest(read_dataset(source), read_dataset(source).files.index("unlabeled/1.png"))
    assert after == {**before, new: ("train", "crow")}
    assert sum(label is not None for _, label in after.values()) == 8
