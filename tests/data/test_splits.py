"""Validation is a uniform sample that never moves, and groups stay whole."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barlowmatch.data.answered import hold_out_answered
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import HELD_OUT_FILE, Dataset
from barlowmatch.data.splits import (
    draw,
    folders_below,
    held_out_note,
    hold_out,
    refuse_other_groups,
    with_groups,
)
from barlowmatch.errors import InputError
from barlowmatch.events import silent
from tests.data.test_layouts import read, told, touch


def labeled(count: int, known: int, groups: tuple[str, ...] | None = None) -> Dataset:
    labels = np.where(np.arange(count) < known, np.arange(count) % 3, -1)
    splits = np.where(labels >= 0, "train", "unlabeled").astype("<U9")
    return Dataset(Path(), "flat", (), tuple(f"{n}.png" for n in range(count)), splits, labels, groups)


def test_draws_are_uniform() -> None:
    numbers = np.sort([draw(f"{n}.png") for n in range(20_000)])
    assert np.abs(numbers - (np.arange(20_000) + 0.5) / 20_000).max() < 1.63 / np.sqrt(20_000)  # Kolmogorov, 1 %


def test_draws_never_change_and_bytes_that_are_no_letters_count() -> None:
    """Datasets of earlier versions keep their val only while these hold."""
    assert [round(draw(name), 12) for name in ("1.png", "unlabeled/\u00e9.png")] == GOLDEN_DRAWS
    assert draw("\udcff.png") != draw("\udcfe.png")


def test_labels_that_come_later_move_no_image_between_train_and_val() -> None:
    early, late = hold_out(labeled(5000, 1000), 0.2), hold_out(labeled(5000, 4000), 0.2)
    assert set(early.val) == {row for row in late.val if row < 1000}
    assert set(early.train) == {row for row in late.train if row < 1000}
    assert 160 < len(early.val) < 240
    assert (early.splits[early.unlabeled] == "unlabeled").all()
    assert len(early.unlabeled) == 4000


def test_nothing_is_held_out_where_there_is_a_val_or_no_label() -> None:
    assert len(hold_out(labeled(100, 0), 0.2).unlabeled) == 100
    assert len(hold_out(labeled(100, 50), 0.0).val) == 0
    given = labeled(100, 50)
    given.splits[:5] = "val"
    assert len(hold_out(given, 0.5).val) == 5


@pytest.mark.parametrize("group", [None, lambda n: n // 10, lambda n: n % 40])  # the last lie in test and elsewhere
def test_beside_a_test_split_as_much_is_held_out_as_without_and_none_of_it(group: Callable[[int], int] | None) -> None:
    without = labeled(1000, 600, tuple(f"plate {group(n)}" for n in range(1000)) if group else None)
    given = labeled(1000, 600, without.groups)
    given.splits[:200] = "test"
    dataset, expected = hold_out(given, 0.2), hold_out(without, 0.2)
    assert (dataset.splits[:200] == "test").all()
    assert dataset.splits[200:].tolist() == expected.splits[200:].tolist()
    assert 0 < len(dataset.val) < 200
    assert len(hold_out(given, 0).val) == 0


def test_where_a_sample_is_kept_nothing_is_drawn_on_reading(tmp_path: Path) -> None:
    (tmp_path / HELD_OUT_FILE).write_text('{"group_by": null}')
    assert len(hold_out(replace(labeled(100, 50), root=tmp_path), 0.5).val) == 0


def test_a_sample_that_is_empty_is_told_of_with_the_way_out(tmp_path: Path) -> None:
    names = [name for name in (f"train/cat/{n}.png" for n in range(20)) if 0.2 <= draw(name) < 0.5][:3]
    touch(tmp_path, *names)
    empty = "none of 3 labeled images fell into the share 0.2 held out as val: no model is judged; a larger --val-share"
    assert empty in told(tmp_path, val_share=0.2)
    assert "3 of 3 labeled images are held out as val" in told(tmp_path, val_share=0.5)
    assert "held out" not in told(tmp_path, val_share=0)


def test_a_sample_stays_one_though_none_of_the_newly_labeled_images_falls_into_it() -> None:
    before = hold_out(labeled(100, 50), 0.2)
    rows = np.array([row for row in before.unlabeled if draw(before.files[row]) >= 0.2][:3])
    answered = replace(before, splits=before.splits.copy())
    answered.splits[rows] = "train"
    after = hold_out_answered(answered, rows, 0.2)
    assert after.splits.tolist() == answered.splits.tolist()
    note = {"group_by": "plate", "first": {"val_share": 0.2, "group_by": "plate"}}
    assert json.loads(held_out_note(after, 0.2, "plate")[HELD_OUT_FILE]) == note


def test_a_sample_goes_on_with_its_own_groups_or_with_the_first_ones(tmp_path: Path) -> None:
    file = tmp_path / HELD_OUT_FILE
    refuse_other_groups(tmp_path, "plate")
    for before, now in ((None, None), (None, "plate"), ("plate", "plate")):
        file.write_text(json.dumps({"group_by": before}))
        refuse_other_groups(tmp_path, now)
    for now in (None, "day"):
        with pytest.raises(InputError, match=r"names plate, by which val was held out; give that"):
            refuse_other_groups(tmp_path, now)
    for damaged in ("", "[]", "{}", "{", '{"group_by": null, "first": {"val_share": "much"}}'):
        file.write_text(damaged)
        with pytest.raises(InputError, match="damaged; remove it, and val stays as it is"):
            refuse_other_groups(tmp_path, "plate")


def test_where_test_alone_has_labels_nothing_is_held_out() -> None:
    given = labeled(1000, 200, tuple(f"plate {n // 10}" for n in range(1000)))
    given.splits[:200] = "test"
    assert hold_out(given, 0.2).splits.tolist() == given.splits.tolist()


def test_whole_groups_are_held_out_with_their_unlabeled_images() -> None:
    groups = tuple(f"plate {n % 40}" for n in range(4000))
    dataset = hold_out(labeled(4000, 1000, groups), 0.25)
    held = {groups[row] for row in dataset.val}
    others = {groups[row] for row in (*dataset.train, *dataset.unlabeled)}
    assert held
    assert not held & others
    later = hold_out(labeled(4000, 3000, groups), 0.25)
    assert {groups[row] for row in later.val} == held


def test_groups_without_a_label_stay_in_the_pool() -> None:
    groups = tuple(f"plate {n // 10}" for n in range(4000))
    dataset = hold_out(labeled(4000, 400, groups), 0.25)
    assert 0 < len(dataset.val) < 400
    assert (dataset.splits[400:] == "unlabeled").all()


def test_groups_by_folder_leave_split_and_class_out(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a7/1.png", "train/dog/a7/2.png", "val/cat/a8/3.png", "unlabeled/a7/4.png")
    assert read(tmp_path, group_by="folder").groups == ("a7", "a7", "a8", "a7")


@pytest.mark.parametrize(
    ("file", "group", "elsewhere"),
    [
        ("Train/cat/day 1/a7/1.png", "day 1/a7", "cat/day 1/a7"),
        ("a7/1.png", "a7", "a7"),
        ("cat/1.png", "", "cat"),
        ("train/re\u0301/a7/1.png", "a7", "re\u0301/a7"),
        ("unlabeled/cat/1.png", "cat", "cat"),
        ("1.png", "", ""),
    ],
)
def test_the_folders_below_split_and_class_are_what_groups(file: str, group: str, elsewhere: str) -> None:
    """Where folders are no classes one of a class's name says as much as any other."""
    classes = tuple(ImageClass(number, name) for number, name in enumerate(("cat", "r\u00e9")))
    dataset = replace(labeled(1, 0), classes=classes)
    assert folders_below(replace(dataset, layout="class-folders"), file) == group
    assert folders_below(dataset, file) == elsewhere


def test_groups_by_expression_search_the_name_or_with_a_slash_the_path(tmp_path: Path) -> None:
    touch(tmp_path, "x1/p3_a.png", "x1/p4_b.png", "x2/p3_c.png", "x2/none.png")
    dataset = read(tmp_path, group_by=r"^(p\d)_")
    assert dataset.groups is not None
    groups = dict(zip(dataset.files, dataset.groups, strict=True))
    assert groups == {"x1/p3_a.png": "p3", "x1/p4_b.png": "p4", "x2/p3_c.png": "p3", "x2/none.png": "file x2/none.png"}
    assert "1 images have no group, the first x2/none.png" in told(tmp_path, group_by=r"^(p\d)_")
    assert set(read(tmp_path, group_by=r"^(x\d)/").groups or ()) == {"x1", "x2"}


def test_groups_by_a_column_whatever_its_letters_and_none_by_an_empty_one() -> None:
    dataset, columns = labeled(3, 0), {"group": ["", "", ""], "plate": ["a", "b", ""]}
    assert with_groups(dataset, None, columns, silent, pytest.fail) is dataset
    assert with_groups(dataset, "Plate", columns, silent, pytest.fail).groups == ("a", "b", "file 2.png")


@pytest.mark.parametrize("other", ["val", "test"])
@pytest.mark.parametrize("side", ["train/cat", "unlabeled"])
def test_a_group_that_crosses_given_splits_is_named(side: str, other: str, tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a1/1.png", f"{side}/a7/1.png", f"{other}/cat/a7/2.png", "unlabeled/a1/3.png")
    with pytest.raises(InputError, match='the group "a7" lies in') as error:
        read(tmp_path, group_by="folder")
    assert f"{side.partition('/')[0]} ({side}/a7/1.png)" in str(error.value)
    assert f"{other} ({other}/cat/a7/2.png)" in str(error.value)


def test_what_groups_nothing_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    with pytest.raises(InputError, match="--group-by plate: neither `folder` nor a column"):
        read(tmp_path, group_by="plate")
    with pytest.raises(InputError, match=r"no group in parentheses; put .* into them, as in \(plate\\d\+\)$"):
        read(tmp_path, group_by=r"p\d+")
    with pytest.raises(InputError, match=r"--group-by \(a: no column and no regular expression"):
        read(tmp_path, group_by="(a")


GOLDEN_DRAWS = [0.183518435351, 0.802755834326]
