"""Tables that lie with the images: what they say, what folders say beside them, and where they differ."""

from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.folder_classes import classes_by_folders
from barlowmatch.data.folders import read_tree
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from tests.data.test_folder_names import known, some, warnings
from tests.data.test_layouts import ROUND, read, told, touch, truth, write_seed

SPLIT = [*some("train/cat", "train/dog", "val/cat", "val/dog"), *some("unlabeled", count=4)]
PLAIN = some("cat", "dog", "train")
Labels = dict[str, str | None]


def by_folder(names: list[str]) -> Labels:
    return {name: None if name.startswith("unlabeled") else name.split("/")[-2] for name in names}


def labels_of(folder: Path, **options: object) -> Labels:
    return {file: label for file, (_, label) in truth(read(folder, val_share=0, **options)).items()}


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("names", "rows", "changed"),
    [
        (SPLIT, ["unlabeled/0.png,cat", "unlabeled/1.png,dog"], {"unlabeled/0.png": "cat", "unlabeled/1.png": "dog"}),
        (SPLIT, ["unlabeled/0.png,owl"], {"unlabeled/0.png": "owl"}),
        (SPLIT, ["unlabeled/0.png,cat", "train/cat/0.png,dog"], {"unlabeled/0.png": "cat", "train/cat/0.png": "dog"}),
        (SPLIT, ["unlabeled/0.png,cat", "train/dog/1.png,", "train/dog/2.png, "], {"unlabeled/0.png": "cat"}),
        (PLAIN, ["cat/0.png,dog", "train/1.png,owl"], {"cat/0.png": "dog", "train/1.png": "owl"}),
        (PLAIN, ["cat/0.png,cat"], {}),
    ],
)
def test_a_table_speaks_for_what_it_names_and_folders_of_classes_for_the_rest(
    names: list[str], rows: list[str], changed: Labels, tmp_path: Path
) -> None:
    touch(tmp_path, *names)
    before = truth(read(tmp_path, val_share=0))
    write(tmp_path, "labels.csv", "file,label", *rows)
    dataset = read(tmp_path, val_share=0)
    assert dataset.layout == "class-folders"
    expected = {**{file: label for file, (_, label) in before.items()}, **changed}
    assert labels_of(tmp_path) == expected == {**by_folder(names), **changed}
    for file, (split, label) in truth(dataset).items():
        assert split == ("train" if label and before[file][0] == "unlabeled" else before[file][0])
    assert "the folders' names are taken as classes; if they are none, give --class-folders 0" in told(tmp_path)
    contrary = sum(name in by_folder(names) and "unlabeled" not in name for name in changed)
    note = f"{contrary} images lie in the folder of another class than a table names: the table counts"
    assert (note in told(tmp_path)) == (contrary > 0)
    assert set(known(tmp_path)) == {label for label in by_folder(names).values() if label}
    assert labels_of(tmp_path, class_folders=0).keys() == expected.keys()
    given = {file: label for file, label in labels_of(tmp_path, class_folders=0).items() if label}
    assert given == {file: label.strip() for file, _, label in (row.partition(",") for row in rows) if label.strip()}


@pytest.mark.parametrize("header", ["file_name,label,plate", "file_name,label,plate,class"])
def test_a_column_without_any_label_is_none(header: str, tmp_path: Path) -> None:
    touch(tmp_path, *SPLIT)
    write(
        tmp_path, "metadata.csv", header, *(f"train/cat/{n}.png,,{n}" + "," * (header.count(",") - 2) for n in range(3))
    )
    assert labels_of(tmp_path) == by_folder(SPLIT)
    assert known(tmp_path) == ("cat", "dog")
    if "class" in header:
        write(tmp_path, "metadata.csv", header, "unlabeled/1.png,,7,dog")
        assert labels_of(tmp_path) == {**by_folder(SPLIT), "unlabeled/1.png": "dog"}


def test_folders_that_a_table_calls_by_other_names_are_no_classes(tmp_path: Path) -> None:
    """Photographers, say, whose pictures somebody began to label."""
    touch(tmp_path, *some("anna", "bob"))
    write(tmp_path, "labels.csv", "file,label", "anna/0.png,rose", "bob/1.png,oak")
    assert labels_of(tmp_path) == {**dict.fromkeys(some("anna", "bob")), "anna/0.png": "rose", "bob/1.png": "oak"}
    (warning,) = warnings(tmp_path, val_share=0)
    assert "a table calls images in them by other names, such as oak; where folders are classes, give" in warning
    assert classes_by_folders(read_tree(tmp_path))[0] == ["anna", "bob"], "offered all the same"
    forced = labels_of(tmp_path, class_folders=1)
    assert forced == {**by_folder(some("anna", "bob")), "anna/0.png": "rose", "bob/1.png": "oak"}
    for said in (0, 1):
        assert warnings(tmp_path, val_share=0, class_folders=said) == []
    write(tmp_path, "labels.csv", "file,label", *(f"{file},rose" for file in some("anna", "bob")))
    assert warnings(tmp_path, val_share=0) == [], "there is nothing that folders could fill"


def test_counted_folders_fill_nothing_beside_a_table(tmp_path: Path) -> None:
    names = some("day1", "day2")
    touch(tmp_path, *names)
    write(tmp_path, "labels.csv", "file,label", "day1/0.png,rose")
    assert labels_of(tmp_path) == {**dict.fromkeys(names), "day1/0.png": "rose"}
    assert "folders such as day1 look like dates" in warnings(tmp_path, val_share=0)[0]


def test_a_row_that_says_unlabeled_takes_an_image_out_of_the_class_of_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, *some("cat", "dog"))
    write(tmp_path, "labels.csv", "file,label,split", "cat/0.png,cat,test", "dog/0.png,,unlabeled", "dog/1.png,,val")
    found = truth(read(tmp_path))
    assert [found[file] for file in ("cat/0.png", "dog/0.png", "dog/1.png", "dog/2.png")] == [
        ("test", "cat"), ("unlabeled", None), ("val", "dog"), ("train", "dog"),
    ]  # fmt: skip
    assert "left aside" not in told(tmp_path)


def test_two_tables_in_one_folder_say_what_each_of_them_says(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(5)))
    write(tmp_path, "labels.csv", "file,label,split", "0.png,cat,", "1.png, dog,validation", "2.png,dog,")
    write(
        tmp_path,
        "metadata.csv",
        "file_name,split,class,group",
        "0.png,val,cat,a",
        "1.png,val,dog,b",
        "3.png,test,cat,c",
    )
    dataset = read(tmp_path)
    assert truth(dataset) == {
        "0.png": ("val", "cat"), "1.png": ("val", "dog"), "2.png": ("train", "dog"), "3.png": ("test", "cat"),
        "4.png": ("unlabeled", None),
    }  # fmt: skip
    assert dataset.groups == ("a", "b", "file 2.png", "c", "file 4.png")


def test_tables_in_split_folders_are_read_beside_one_around_them(tmp_path: Path) -> None:
    touch(tmp_path, *some("train", "val"))
    write(tmp_path, "labels.csv", "file,label", "train/0.png,cat", "val/0.png,dog")
    write(tmp_path / "train", "metadata.csv", "file_name,label,plate", "1.png,dog,p", "0.png,,q")
    write(tmp_path / "val", "labels.csv", "file_name,label", "1.png,cat")
    dataset = read(tmp_path, group_by="plate")
    assert labels_of(tmp_path) == {
        **dict.fromkeys(some("train", "val")),
        "train/0.png": "cat", "train/1.png": "dog", "val/0.png": "dog", "val/1.png": "cat",
    }  # fmt: skip
    assert dataset.groups is not None
    assert dataset.groups[:2] == ("q", "p")


@pytest.mark.parametrize(
    ("header", "first", "second", "words"),
    [
        ("file,label", "cat", "dog", 'says label "dog" of train/1.png, and {root}/labels.csv says "cat"'),
        ("file,class", "cat", "dog", 'says label "dog" of train/1.png, and {root}/labels.csv says "cat"'),
        ("file,split", "val", "test", 'says split "test" of train/1.png, and {root}/labels.csv says "val"'),
        ("file,group", "a", "b", 'says group "b" of train/1.png, and {root}/labels.csv says "a"'),
        ("file,plate", "1", "2", 'says plate "2" of train/1.png, and {root}/labels.csv says "1"'),
    ],
)
@pytest.mark.parametrize(("other", "prefix"), [("metadata.csv", "train/"), ("train/labels.csv", "")])
def test_tables_that_contradict_each_other_are_refused(
    header: str, first: str, second: str, words: str, other: str, prefix: str, tmp_path: Path
) -> None:
    touch(tmp_path, *some("train"))
    write(tmp_path, "labels.csv", header, f"train/1.png,{first}")
    write(tmp_path, other, header, f"{prefix}0.png,{second}", f"{prefix}1.png,{second}")
    with pytest.raises(InputError) as refused:
        read(tmp_path, group_by="plate" if "plate" in header else None)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / other}: line 3 {words.format(root=tmp_path)}")
    assert said.endswith("(1 such values); correct one of the two tables")
    assert "\n" not in said
    problems: list[str] = []
    options = DatasetOptions(dataset_folder=tmp_path, val_share=0, group_by="plate" if "plate" in header else None)
    read_dataset(options, complain=problems.append)
    assert problems == [said]


def test_columns_that_nothing_hangs_on_may_differ(tmp_path: Path) -> None:
    """Such as the numbers of rows that pandas writes."""
    touch(tmp_path, *some("train"))
    write(tmp_path, "labels.csv", ",file,label", "0,train/1.png,cat")
    write(tmp_path, "metadata.csv", ",file,split", "7,train/1.png,test")
    assert truth(read(tmp_path))["train/1.png"] == ("test", "cat")


def test_a_table_in_a_folder_where_none_is_read_is_told(tmp_path: Path) -> None:
    touch(tmp_path, *some("cat", "dog", "bird"))
    write(tmp_path / "dog", "labels.csv", "file,label", "0.png,cat")
    write(tmp_path / "cat", "metadata.csv", "file,label", "0.png,cat")
    (warning,) = warnings(tmp_path)
    assert warning.startswith(f"{tmp_path / 'cat' / 'metadata.csv'} and 1 more tables are not read: tables are read in")
    touch(tmp_path, *some("train/cat", "train/dog", "train_new/cat", "train_new/dog"))
    write(tmp_path / "train", "labels.csv", "file,label", "cat/0.png,cat")
    assert not any("train/labels.csv" in warning for warning in warnings(tmp_path)), "train_new stands in for train"


def test_labels_that_a_table_has_beside_tensors_are_left_aside_aloud(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    before = truth(read(tmp_path))
    write(tmp_path, "labels.csv", "file,label", "train/0.png,0", "train/1.png,2", "unlabeled/0.png,1")
    assert truth(read(tmp_path)) == before
    (warning,) = warnings(tmp_path)
    assert warning.startswith(f"{tmp_path}: 2 labels in tables are left aside, as label tensors say the labels; give")
