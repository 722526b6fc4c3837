"""What models of a new project are judged by, whatever labels it came with."""

from pathlib import Path

import pytest

from labeling.dataset.indexing import init_project, rescan
from labeling.project import reading
from storage.control import count_all, find_control, largest_control
from storage.images import all_images
from tests.browser.bench import paint
from tests.labeling.dataset.test_indexing import by_name


def pictures(folder: Path, labeled: int, unlabeled: int) -> Path:
    names = [f"train/{name}/{number}.png" for name in ("cat", "dog") for number in range(labeled // 2)]
    return paint(folder, *names, *(f"unlabeled/{number}.png" for number in range(unlabeled)))


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_a_few_labels_do_not_stand_in_for_a_control_sample(tmp_path: Path, name: str) -> None:
    """Whichever of the labels a hash of their names would hold out."""
    images = paint(
        tmp_path / "images", *(f"train/{name}{n % 2}/{name}{n}.png" for n in range(4)),
        *(f"unlabeled/{n}.png" for n in range(20)),
    )  # fmt: skip
    control = init_project(tmp_path / "p", dataset_folder=images)

    assert control is not None
    assert control.items == 6
    with reading(tmp_path / "p") as db:
        assert {(image.split, image.label.class_id is not None) for image in all_images(db)} == {
            ("val", False), ("unlabeled", False), ("train", True),
        }  # fmt: skip


@pytest.mark.parametrize("control", [0, 200])
def test_of_few_labels_none_is_held_out(tmp_path: Path, control: int) -> None:
    asked = init_project(tmp_path / "p", dataset_folder=pictures(tmp_path / "images", 40, 0), control=control)
    assert asked is None
    with reading(tmp_path / "p") as db:
        assert {image.split for image in all_images(db)} == {"train"}


def test_where_the_labels_it_came_with_tell_more_a_fifth_of_them_is_held_out(tmp_path: Path) -> None:
    assert init_project(tmp_path / "p", dataset_folder=pictures(tmp_path / "images", 200, 20)) is None
    with reading(tmp_path / "p") as db:
        judged = [image for image in all_images(db) if image.split == "val"]
        assert 20 < len(judged) < 60
        assert all(image.label.class_id is not None for image in judged)
        assert find_control(db) is None
        assert count_all(db).validation == len(judged) > largest_control(db, None)


def test_new_files_of_a_group_that_is_judged_by_are_not_learned_from(tmp_path: Path) -> None:
    folder = paint(tmp_path / "images", *(f"plate {plate}/{n}.png" for plate in range(12) for n in range(3)))
    init_project(tmp_path / "p", dataset_folder=folder, group_by="folder", control=3)
    plates = {image.group: image.split for image in by_name(tmp_path / "p").values()}
    assert 1 <= list(plates.values()).count("val") <= 3, "two of the three pictures may be of one plate"

    paint(folder, *(f"plate {plate}/new.jpg" for plate in range(12)))
    rescan(tmp_path / "p")

    assert all(image.split == plates[image.group] for image in by_name(tmp_path / "p").values())
