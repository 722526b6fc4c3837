"""On which side of a held out sample copies and small classes go."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.splits import draw
from barlowmatch.events import Event
from barlowmatch.stages.inspect import run as inspect
from tests.stages.labeled_datasets import copied, label_all, said
from tests.stages.small_datasets import pictures, write_csv


@pytest.mark.parametrize("group_by", [None, r"(plate\d)"])
def test_copies_go_to_one_side_as_groups_do_in_every_round(group_by: str | None, tmp_path: Path) -> None:
    names = [f"plate{n % 9}_{n}" for n in range(60)] if group_by else [f"{n}" for n in range(60)]
    copied(tmp_path / "dataset", names if group_by is None else names[:4], 3)
    pictures(tmp_path / "dataset", *(f"{name}.png" for name in names))
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", group_by=group_by, val_share=0.2)
    waiting = sorted(read_dataset(source).files)[::2], sorted(read_dataset(source).files)[1::2]
    before: dict[str, str] = {}
    for half in waiting:
        pool = read_dataset(source)
        files = {pool.files[row] for row in pool.unlabeled} & set(half)
        after = label_all(source, tmp_path, {file: "ab"[len(file) % 2] for file in files})
        sides: dict[bytes, set[str]] = {}
        for row in [*after.train, *after.val]:
            sides.setdefault(np.asarray(Image.open(after.path(row))).tobytes(), set()).add(str(after.splits[row]))
        assert {len(side) for side in sides.values()} == {1}
        now = {after.files[row]: str(after.splits[row]) for row in [*after.train, *after.val]}
        assert before.items() <= now.items(), "no image changes sides"
        assert set(now.values()) == {"train", "val"}
        before, source = now, DatasetOptions(dataset_folder=after.root, group_by=group_by)


def test_copies_of_one_picture_are_held_out_as_often_as_one_image(tmp_path: Path) -> None:
    copied(tmp_path / "dataset", [f"{n}" for n in range(100)], 3)
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    after = label_all(source, tmp_path, {file: "ab"[len(file) % 2] for file in read_dataset(source).files})
    assert len(after.val) == pytest.approx(0.2 * 400, abs=3 * 4 * (0.16 * 100) ** 0.5)


def test_a_frame_that_all_groups_have_joins_none(tmp_path: Path) -> None:
    """As the empty frame of each plate."""
    home = tmp_path / "dataset"
    names = [f"plate{plate:02}_{n}.png" for plate in range(30) for n in range(8)]
    pictures(home, *names)
    for plate in range(30):
        Image.new("RGB", (8, 8)).save(home / f"plate{plate:02}_0.png")
    source = DatasetOptions(dataset_folder=home, group_by=r"(plate\d+)", val_share=0.2)
    first = label_all(source, tmp_path, {name: "ab"[int(name[-5]) % 2] for name in names[:160]})
    grown = DatasetOptions(dataset_folder=first.root, group_by=source.group_by)
    after = label_all(grown, tmp_path, {name: "ab"[int(name[-5]) % 2] for name in names[160:]})
    assert 8 <= len(first.val) < 80
    assert 8 <= len(after.val) < 120


def test_a_sample_of_labels_that_lay_there_takes_copies_along(tmp_path: Path) -> None:
    copied(tmp_path / "dataset", [f"{n}" for n in range(50)], 1)
    files = sorted(path.name for path in (tmp_path / "dataset").iterdir())
    write_csv(tmp_path / "dataset" / "labels.csv", ("file", "label"), [(file, "ab"[len(file) % 2]) for file in files])
    pictures(tmp_path / "dataset", "new.png")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    assert len(read_dataset(source).val)
    label_all(source, tmp_path, {"new.png": "a"})
    report = inspect(InspectConfig(dataset_folder=tmp_path / "dataset-round-1"))
    assert len(report["duplicates"]) == 25
    assert report["warnings"] == []
    told = inspect(InspectConfig(dataset_folder=tmp_path / "dataset"))["warnings"]
    assert len(told) == 1
    assert "nothing is learned from copies" in told[0], "training leaves out those that were drawn apart by name"


def test_a_class_keeps_some_images_in_train(tmp_path: Path) -> None:
    held = [name for n in range(200) if draw(name := f"{n}.png") < 0.2][:6]
    other = [name for n in range(200) if draw(name := f"{n}.png") >= 0.2][:6]
    pictures(tmp_path / "dataset", *held, *other)
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0.2)
    labels = dict.fromkeys(held[:4], "rare") | {held[4]: "lone"} | dict.fromkeys(other, "common")
    after = label_all(source, tmp_path, labels)
    trained = Counter(after.class_names[label] for label in after.labels[after.train])
    assert trained == {"common": 6, "rare": 1, "lone": 1}
    (kept,) = (after.files[row] for row in after.train if after.class_names[after.labels[row]] == "rare")
    assert draw(kept) == max(map(draw, held[:4]))


def test_a_class_whose_labels_all_lie_in_val_is_told(tmp_path: Path) -> None:
    held = [name for n in range(100) if draw(name := f"{n}.png") < 0.2][:3]
    other = [name for n in range(100) if draw(name := f"{n}.png") >= 0.2][:6]
    pictures(tmp_path / "dataset", *held, *other)
    labels = dict.fromkeys(held, "rare") | dict.fromkeys(other[:4], "common")
    write_csv(tmp_path / "dataset" / "labels.csv", ("file", "label"), list(labels.items()))
    heard: list[Event] = []
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0.2)
    label_all(source, tmp_path, {other[4]: "common"}, heard.append)
    assert said(heard) == ["all labels of rare are in val, so nothing is learned of them; label more images of them"]
