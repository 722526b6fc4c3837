"""Of few labels nothing is held out unless it is asked for."""

from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import HELD_OUT_FILE
from barlowmatch.data.shares import settled, share_of
from barlowmatch.data.splits import draw
from tests.data.test_layouts import read, told, touch


def labels(folder: Path, each: int, classes: int = 10) -> list[str]:
    """Write a folder of labeled images and some others; return the names of the labeled ones."""
    names = [f"train/c{name}/{number}.png" for name in range(classes) for number in range(each)]
    touch(folder, *names, *(f"unlabeled/{number}.png" for number in range(9)))
    return names


@pytest.mark.parametrize(
    ("count", "classes", "share"),
    [(0, 0, 0.2), (1, 1, 0), (49, 2, 0), (50, 2, 0.2), (50, 10, 0.2), (54, 11, 0), (55, 11, 0.2), (9999, 2000, 0)],
)
def test_a_fifth_is_held_out_of_fifty_labels_or_five_a_class(count: int, classes: int, share: float) -> None:
    assert share_of(None, count, classes) == share
    assert [share_of(asked, count, classes) for asked in (0.0, 0.2, 0.5)] == [0.0, 0.2, 0.5]


def test_few_labels_all_teach_and_it_says_how_else(tmp_path: Path) -> None:
    names = labels(tmp_path, each=2)
    dataset = read(tmp_path)
    assert sorted(dataset.files[row] for row in dataset.train) == sorted(names)
    assert len(dataset.val) == 0
    said = [line for line in told(tmp_path).splitlines() if "held out" in line]
    assert said == [
        "nothing is held out of 20 labels: fewer than 50 judge no model, and training needs them; "
        "--val-share 0.2 does, or a val split"
    ]


def test_a_share_given_by_hand_is_held_out_of_however_few(tmp_path: Path) -> None:
    names = labels(tmp_path, each=2)
    for share in (0.2, 0.5):
        dataset = read(tmp_path, val_share=share)
        assert {dataset.files[row] for row in dataset.val} == {name for name in names if draw(name) < share} != set()
    assert "nothing is held out" not in told(tmp_path, val_share=0.2) + told(tmp_path, val_share=0)


def test_of_enough_labels_a_fifth_is_held_out_unasked(tmp_path: Path) -> None:
    names = labels(tmp_path, each=5)
    dataset = read(tmp_path)
    assert {dataset.files[row] for row in dataset.val} == {name for name in names if draw(name) < 0.2} != set()


def test_of_few_labels_no_group_leaves_the_pool(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{('train/cat', 'train/dog', 'unlabeled')[n % 3]}/p{n}.png" for n in range(40)))
    by_group = {"group_by": r"p\d*(\d)\.png"}
    assert set(read(tmp_path, **by_group).splits) == {"train", "unlabeled"}
    assert "val" in read(tmp_path, val_share=0.2, **by_group).splits


@pytest.mark.parametrize(
    ("each", "beside", "share"),
    [(2, None, 0.0), (5, None, 0.2), (0, None, 0.2), (2, "val/c0/1.png", 0.2), (2, HELD_OUT_FILE, 0.2)],
)
def test_what_was_held_out_stands_in_the_options(tmp_path: Path, each: int, beside: str | None, share: float) -> None:
    """Pretraining without labels, and what has a val, go by the share that they always went by."""
    labels(tmp_path, each)
    if beside is not None:
        touch(tmp_path, beside)
    options = DatasetOptions(dataset_folder=tmp_path, strict=True)
    dataset = read(tmp_path)
    assert settled(options, dataset) == DatasetOptions(dataset_folder=tmp_path, strict=True, val_share=share)
    for asked in (0.0, 0.3):
        by_hand = DatasetOptions(dataset_folder=tmp_path, val_share=asked)
        assert settled(by_hand, read(tmp_path, val_share=asked)) == by_hand
