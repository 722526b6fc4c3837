"""The next round of images whose folders are no classes."""

from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import config, pictures, write_csv


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
