"""Manifests, and tables beside images: what they say of a dataset."""

import os
from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.listings import write_manifest
from barlowmatch.data.tables import read_table, write_table
from barlowmatch.errors import InputError
from tests.data.test_layouts import read, told, touch, truth


def manifest(folder: Path, text: str | bytes) -> Dataset:
    path = folder / "M.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_dataset(DatasetOptions(manifest=path, val_share=0))


def test_a_manifest_says_everything(tmp_path: Path) -> None:
    digest = "ab" * 32
    dataset = manifest(
        tmp_path,
        f"file,sha256,split,label,group\na.png,{digest},train,cat,p1\n./b/c.png,,val,dog,p2\nd.png,,,,p1\ne.png,,,cat,p1\n",
    )
    assert truth(dataset) == {
        "a.png": ("train", "cat"),
        "b/c.png": ("val", "dog"),
        "d.png": ("unlabeled", None),
        "e.png": ("train", "cat"),
    }
    assert dataset.groups == ("p1", "p2", "p1", "p1")
    assert dataset.sha256 == (digest, "", "", "")
    assert (dataset.root, dataset.layout) == (tmp_path, "manifest")


def test_only_the_file_column_is_needed(tmp_path: Path) -> None:
    dataset = manifest(tmp_path, "file\na.png\nb.png\n")
    assert len(dataset.unlabeled) == 2
    assert dataset.groups is None


@pytest.mark.skipif(os.name == "nt", reason="no name has a colon there")
def test_names_may_hold_a_time(tmp_path: Path) -> None:
    assert manifest(tmp_path, "file\n10:00.png\n2024-05-01T10:00/a.png\n").files == (
        "10:00.png",
        "2024-05-01T10:00/a.png",
    )


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.png", "a/../../b.png", "C:/a.png", r"C:\a.png", "", "."])
def test_a_name_that_leaves_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3 names .* not inside the manifest's folder"):
        manifest(tmp_path, f'file,label\nx.png,a\n"{name}",a\n')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("file,label\n", "names no image"),
        ("a.png,cat\nb.png,dog\n", 'line 1 has no column "file" .it reads "a.png", "cat".'),
        ("file,label\na.png,cat,3\n", "line 2 has 3 values and line 1 names 2 columns"),
        ("file,file\na.png,b.png\n", 'names the column "file" twice'),
        ("file,label\na.png,cat\nb.png,cat\n./a.png,dog\n", "lines 2 and 4 both name a.png"),
        ("file,split\na.png,traning\n", 'line 2: the split "traning" is unknown'),
        ("file,sha256\na.png,123\n", "is no sha256"),
        ('file,label\na.png,"ca', "line 2 is no CSV"),
        ("file,label\na.png,caf\xe9\n".encode("latin-1"), "line 2, column label: is not UTF-8"),
        ("file,label\na.png,cat\n".encode("utf-16"), "is UTF-16"),
        (b"file\n\0\0\n", "zero bytes"),
    ],
)
def test_a_bad_manifest_is_named_in_one_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as error:
        manifest(tmp_path, text)
    assert "M.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_spreadsheets_separate_by_semicolons_and_mark_utf_8(tmp_path: Path) -> None:
    assert truth(manifest(tmp_path, "\ufefffile;label\r\nä.png;größe\r\n\r\n")) == {"ä.png": ("train", "größe")}


def test_a_table_labels_what_it_names_and_leaves_the_rest_in_the_pool(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png", "c.png", "d.png")
    (tmp_path / "labels.csv").write_text(
        "file_name,label,split,plate\na.png,cat,,p1\nsub/b.png,dog,val,p2\nd.png,,,p1\n"
    )
    dataset = read(tmp_path)
    assert dataset.layout == "table"
    assert truth(dataset) == {
        "a.png": ("train", "cat"),
        "sub/b.png": ("val", "dog"),
        "c.png": ("unlabeled", None),
        "d.png": ("unlabeled", None),
    }
    for name in ("plate", "Plate"):
        assert read(tmp_path, group_by=name).groups == ("p1", "file c.png", "p1", "p2")


def test_the_name_of_a_column_is_no_formula_either(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    write_table(path, ("file", "=1+1"), [("a.png", "p1")])
    assert path.read_text().startswith("file,'=1+1\n")
    assert read_table(path).columns == {"file": ["a.png"], "=1+1": ["p1"]}


SPACED = "file,label\na.png,cat\nb.png, cat\nc.png,cat \nd.png, \ne.png,dog\n"


def test_spaces_around_a_label_make_no_class(tmp_path: Path) -> None:
    expected = {
        "a.png": ("train", "cat"),
        "b.png": ("train", "cat"),
        "c.png": ("train", "cat"),
        "d.png": ("unlabeled", None),
        "e.png": ("train", "dog"),
    }
    assert truth(manifest(tmp_path, SPACED)) == expected
    touch(tmp_path / "data", *expected)
    (tmp_path / "data" / "labels.csv").write_text(SPACED)
    dataset = read(tmp_path / "data", val_share=0)
    assert truth(dataset) == expected
    assert dataset.class_names == ("cat", "dog")


def test_a_class_that_is_listed_with_spaces_keeps_them(tmp_path: Path) -> None:
    write_table(tmp_path / "classes.csv", ("id", "name"), [(4, " cat"), (5, "dog")])
    dataset = manifest(tmp_path, "file,label\na.png, cat\nb.png,dog \n")
    assert truth(dataset) == {"a.png": ("train", " cat"), "b.png": ("train", "dog")}


def test_tables_in_split_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.png", "train/b.png", "val/a.png", "unlabeled/a.png")
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label\na.png,cat\nb.png,dog\n")
    (tmp_path / "val" / "metadata.csv").write_text("file_name,label\na.png,dog\n")
    assert truth(read(tmp_path)) == {
        "train/a.png": ("train", "cat"),
        "train/b.png": ("train", "dog"),
        "val/a.png": ("val", "dog"),
        "unlabeled/a.png": ("unlabeled", None),
    }


def test_a_label_for_an_image_in_the_pool_takes_it_to_train_unless_its_split_says_otherwise(tmp_path: Path) -> None:
    touch(tmp_path, "unlabeled/a.png", "unlabeled/b.png")
    (tmp_path / "labels.csv").write_text("file,label,split\nunlabeled/a.png,cat,\nunlabeled/b.png,cat,unlabeled\n")
    assert truth(read(tmp_path, val_share=0)) == {
        "unlabeled/a.png": ("train", "cat"),
        "unlabeled/b.png": ("unlabeled", None),
    }
    assert "1 label in the split unlabeled left aside" in told(tmp_path)


def test_a_table_without_labels_splits_images_whose_folders_are_their_classes(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "cat/b.png", "cat/c.png", "dog/a.png", "dog/b.png", "dog/c.png")
    rows = "cat/a.png,test\ncat/b.png,val\ndog/a.png,unlabeled\ndog/b.png,part 1\n"
    (tmp_path / "metadata.csv").write_text(f"file_name,split\n{rows}")
    assert truth(read(tmp_path, train_split="part 1")) == {
        "cat/a.png": ("test", "cat"),
        "cat/b.png": ("val", "cat"),
        "cat/c.png": ("train", "cat"),
        "dog/a.png": ("unlabeled", None),
        "dog/b.png": ("train", "dog"),
        "dog/c.png": ("train", "dog"),
    }


def test_a_table_without_labels_splits_images_without_labels(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "metadata.csv").write_text("file,split\na.png,test\nb.png,train\n")
    assert truth(read(tmp_path)) == {
        "a.png": ("test", None),
        "b.png": ("unlabeled", None),
        "c.png": ("unlabeled", None),
    }


def test_a_table_without_labels_serves_groups_alone(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/cat/c.png")
    (tmp_path / "metadata.csv").write_text("file,plate\ntrain/cat/a.png,1\ntrain/dog/b.png,1\nval/cat/c.png,2\n")
    dataset = read(tmp_path, group_by="plate")
    assert dataset.layout == "class-folders"
    assert dataset.groups == ("1", "1", "2")


def test_a_table_that_names_a_missing_image_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,dog\n")
    with pytest.raises(InputError, match=r"labels.csv: line 3 names b.png, which is not among .* \(1 such lines\)"):
        read(tmp_path)


def test_a_table_may_put_letters_together_that_the_names_of_the_files_take_apart(tmp_path: Path) -> None:
    touch(tmp_path, "e\u0301.png", "b.png")
    (tmp_path / "labels.csv").write_text("file,label\n\u00e9.png,cat\n", encoding="utf-8")
    assert {split for split, label in truth(read(tmp_path, val_share=0)).values() if label == "cat"} == {"train"}
    (tmp_path / "labels.csv").write_text("file,label\n\u00e9.png,cat\ne\u0301.png,dog\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lines 2 and 3 both name"):
        read(tmp_path)


@pytest.mark.parametrize("where", ["", "train/"])
def test_a_table_may_name_files_by_their_whole_path_or_with_backslashes(where: str, tmp_path: Path) -> None:
    touch(tmp_path, *(f"{where}day/{name}" for name in ("a.png", "b.png", "c.png", "d\\.png")))
    rows = [f"{tmp_path}/{where}day/a.png,cat", r"day\b.png,dog", "./day/c.png,dog", r"day/d\.png,cat"]
    (tmp_path / where / "labels.csv").write_text("\n".join(["file,label", *rows]))
    labels = {file: label for file, (_, label) in truth(read(tmp_path, val_share=0)).items()}
    assert list(labels.values()) == ["cat", "dog", "dog", "cat"]
    (tmp_path / where / "labels.csv").write_text("\n".join(["file,label", *rows, "day/b.png,cat"]))
    with pytest.raises(InputError, match=f"lines 3 and 6 both name {where}day/b.png"):
        read(tmp_path)


def test_a_class_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/caf\udce9/1.png", "train/dog/1.png")
    with pytest.raises(InputError, match="its name is not UTF-8; rename the folder"):
        read(tmp_path)


def test_a_written_manifest_reads_back_as_the_dataset(tmp_path: Path) -> None:
    data = tmp_path / "data"
    touch(data, "train/=cat/1.png", "train/dog/caf\udce9.png", "val/dog/3.png", "unlabeled/4.png")
    dataset = read(data, group_by=r"(\w+)\.png")
    for place in (data / "M.csv", tmp_path / "M.csv"):
        write_manifest(place, dataset, ["cd" * 32] * 4)
        again = read_dataset(DatasetOptions(manifest=place))
        prefix = "" if place.parent == data else "data/"
        assert truth(again) == {prefix + file: value for file, value in truth(dataset).items()}
        assert again.groups == dataset.groups
        assert again.classes == dataset.classes
    with pytest.raises(InputError, match="relative to its own folder"):
        write_manifest(tmp_path / "elsewhere" / "M.csv", dataset, [""] * 4)
