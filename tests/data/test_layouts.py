"""What a folder of images is taken for."""

import csv
import os
import time
from pathlib import Path

import pytest
import torch

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.classes import ImageClass, class_id
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said

ROUND = {"train": 12, "val": 4, "unlabeled": 11}


def touch(folder: Path, *names: str) -> None:
    """Write files of which only the names matter."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def write_seed(folder: Path, counts: dict[str, int], classes: int = 3) -> None:
    for split, count in counts.items():
        touch(folder, *(f"{split}/{number}.png" for number in range(count)))
        if split != "unlabeled":
            torch.save(torch.arange(count) % classes, folder / f"{split}_label_tensor.pt")


def read(folder: Path, **options: object) -> Dataset:
    return read_dataset(DatasetOptions(dataset_folder=folder, **options))


def told(folder: Path, **options: object) -> str:
    heard: list[Event] = []
    read_dataset(DatasetOptions(dataset_folder=folder, **options), heard.append)
    return "\n".join(event.message for event in heard if isinstance(event, Said))


def truth(dataset: Dataset) -> dict[str, tuple[str, str | None]]:
    """Return split and class name of each file."""
    names = (*dataset.class_names, None)
    rows = zip(dataset.files, dataset.splits.tolist(), dataset.labels.tolist(), strict=True)
    return {file: (split, names[label]) for file, split, label in rows}


def test_seed_layout_pairs_the_tensor_with_the_names_in_natural_order(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    dataset = read(tmp_path)
    assert dataset.layout == "seed"
    assert dataset.classes == tuple(ImageClass(number, str(number)) for number in range(3))
    assert dataset.files[:12] == tuple(f"train/{number}.png" for number in range(12))
    assert dataset.labels[dataset.train].tolist() == [number % 3 for number in range(12)]
    assert [dataset.files[row] for row in dataset.val] == [f"val/{number}.png" for number in range(4)]
    assert (dataset.labels[dataset.unlabeled] == -1).all()
    assert len(dataset.unlabeled) == 11


def test_train_new_stands_in_for_train_unless_another_is_asked_for(tmp_path: Path) -> None:
    write_seed(tmp_path, {**ROUND, "train_new": 15})
    assert len(read(tmp_path).train) == 15
    assert len(read(tmp_path, train_split="train").train) == 12
    with pytest.raises(InputError, match="--train-split training2: no such folder"):
        read(tmp_path, train_split="training2")
    with pytest.raises(InputError, match=r"--train-split train: no such folder in .* \(there is none\)"):
        read(tmp_path / "unlabeled", train_split="train")


@pytest.mark.parametrize(("labels", "word"), [(9, "shorter"), (15, "longer")])
def test_a_tensor_that_does_not_fit_its_images_is_named(labels: int, word: str, tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    torch.save(torch.zeros(labels, dtype=torch.int64), tmp_path / "train_label_tensor.pt")
    with pytest.raises(InputError, match=rf"train_label_tensor.pt: {word} than the images: {labels} labels, 12 images"):
        read(tmp_path)
    problems: list[str] = []
    dataset = read_dataset(DatasetOptions(dataset_folder=tmp_path), complain=problems.append)
    assert len(problems) == 1
    assert len(dataset.train) == min(labels, 12)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.rand(12), "1-D tensor of integers"),
        (torch.zeros(12, 1, dtype=torch.int64), "1-D tensor of integers"),
        ({"a": 1}, "holds a dict"),
        (torch.tensor([0] * 11 + [-2]), "entry 11 is -2"),
        (torch.tensor([2**40] * 12), "entry 0 is"),
        (torch.tensor([0] * 11 + [65535]), "train_label_tensor.pt: entry 11 is 65535, and .* write -1"),
        (torch.zeros(1, dtype=torch.int64).expand(10**12), "declares|damaged"),
    ],
)
def test_a_label_file_that_is_none_is_refused_in_one_line(content: object, message: str, tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    torch.save(content, tmp_path / "train_label_tensor.pt")
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


def test_code_in_a_label_file_is_not_run(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "run"),)

    torch.save(Bomb(), tmp_path / "train_label_tensor.pt")
    with pytest.raises(InputError, match="was not run"):
        read(tmp_path)
    assert not (tmp_path / "run").exists()


def test_class_folders_under_splits(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "train/cat/1.jpg",
        "train/dog/deep/2.JPG",
        "train/loose.png",
        "Validation/dog/3.jpg",
        "unlabelled/4.gif",
    )
    touch(tmp_path, "unlabelled/cat/5.gif")
    dataset = read(tmp_path)
    assert dataset.layout == "class-folders"
    assert truth(dataset) == {
        "train/cat/1.jpg": ("train", "cat"),
        "train/dog/deep/2.JPG": ("train", "dog"),
        "train/loose.png": ("unlabeled", None),
        "Validation/dog/3.jpg": ("val", "dog"),
        "unlabelled/4.gif": ("unlabeled", None),
        "unlabelled/cat/5.gif": ("unlabeled", None),
    }
    assert len(dataset.unlabeled) == 3


def test_where_there_is_test_alone_val_is_held_out_of_train(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{name}/{n}.png" for split in ("train", "test") for name in "ab" for n in range(50)))
    dataset = read(tmp_path)
    held = [dataset.files[row] for row in dataset.val]
    assert 5 < len(held) < 40
    assert all(file.startswith("train/") for file in held)
    assert "labeled images are held out as val" in told(tmp_path)
    assert len(read(tmp_path, val_share=0).val) == 0
    touch(tmp_path, "val/a/5.png")
    assert [read(tmp_path).files[row] for row in read(tmp_path).val] == ["val/a/5.png"]


def test_classes_sort_naturally_and_keep_their_ids_when_one_is_added(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{name}/{n}.png" for name in ("10", "9", "cat") for n in range(2)))
    before = read(tmp_path)
    assert before.class_names == ("9", "10", "cat")
    touch(tmp_path, "train/bird/1.png")
    after = read(tmp_path)
    assert {item.name: item.id for item in before.classes}.items() <= {
        item.name: item.id for item in after.classes
    }.items()
    assert [class_id(name) for name in ("9", "10")] == [9, 10]
    assert len({class_id(name) for name in ("7", "07", "cat", "Cat", "²")}) == 5


def test_plain_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{n}.png" for name in ("cat", "dog") for n in range(10)))
    dataset = read(tmp_path, val_share=0)
    assert truth(dataset)["cat/3.png"] == ("train", "cat")
    assert "classes" in told(tmp_path)


def test_nested_flat_folder_is_the_pool_and_says_how_to_make_it_classes(tmp_path: Path) -> None:
    touch(tmp_path, *(f"plate{p}/well{w}/{n}.tif" for p in range(2) for w in range(2) for n in (9, 10)))
    dataset = read(tmp_path)
    assert dataset.layout == "flat"
    assert dataset.files[:2] == ("plate0/well0/9.tif", "plate0/well0/10.tif")
    assert len(dataset.unlabeled) == len(dataset) == 8
    assert dataset.classes == ()
    ways = "give --class-folders 1, else label in the app, or in a labels.csv of file,label beside them"
    assert f": images lie in folders within folders; where folders are classes, {ways}" in told(tmp_path)


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "notes.txt", "Thumbs.db", ".hidden.png", "__MACOSX/._1.png", ".cache/2.png", "a/3.PNG")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "1.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert read(tmp_path).files == ("1.png", "a/3.PNG", "link.png")
    message = told(tmp_path)
    assert "1 .txt" in message
    assert "link" in message


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9\n.png"
    Path(os.fsdecode(path)).write_bytes(b"x")
    dataset = read(tmp_path)
    assert os.fsencode(dataset.path(0)) == path
    assert len(dataset.fingerprint) == 64


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read(tmp_path / "nowhere")
    touch(tmp_path, "notes.txt")
    with pytest.raises(InputError, match="holds no images"):
        read(tmp_path)
    with pytest.raises(InputError, match="a file, not a folder"):
        read(tmp_path / "notes.txt")
    touch(tmp_path, "train/a/1.png")
    (tmp_path / "val").mkdir()
    with pytest.raises(InputError, match="val: the split is empty"):
        read(tmp_path)
    with pytest.raises(InputError, match="--dataset-folder"):
        read_dataset(DatasetOptions())


def test_an_empty_pool_is_no_error(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.png", "val/a/1.png")
    (tmp_path / "unlabeled").mkdir()
    assert len(read(tmp_path).unlabeled) == 0


def test_the_fingerprint_sees_names_labels_splits_and_classes(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    prints = [read(tmp_path).fingerprint, read(tmp_path).fingerprint]
    assert prints[0] == prints[1]
    torch.save(torch.arange(12) % 2, tmp_path / "train_label_tensor.pt")
    prints.append(read(tmp_path).fingerprint)
    touch(tmp_path, "unlabeled/99.png")
    prints.append(read(tmp_path).fingerprint)
    prints.append(read(tmp_path, train_split="val").fingerprint)
    assert len(set(prints)) == len(prints) - 1


def test_listed_classes_give_names_and_ids(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    with (tmp_path / "classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name"), (0, "cat"), (2, "bird"), (1, "dog"), (7, "fish")])
    dataset = read(tmp_path)
    assert dataset.class_names == ("cat", "bird", "dog", "fish")
    assert truth(dataset)["train/1.png"] == ("train", "dog")
    (tmp_path / "classes.csv").write_text("id,name\n0,cat\n1,dog\n")
    with pytest.raises(InputError, match="label 2 is outside"):
        read(tmp_path)
    (tmp_path / "classes.csv").write_text(f"id,name\n0,cat\n{'9' * 5000},dog\n")
    with pytest.raises(InputError, match=r'the id "9{20}" is no number'):
        read(tmp_path)
    (tmp_path / "classes.csv").write_text("id,name\n0,cat\n0,dog\n")
    with pytest.raises(InputError, match='the id "0" is there twice'):
        read(tmp_path)


def test_labels_of_unlisted_classes_may_be_many_but_listed_ones_any(tmp_path: Path) -> None:
    write_seed(tmp_path, ROUND)
    torch.save(torch.tensor([0] * 11 + [10_000]), tmp_path / "train_label_tensor.pt")
    assert len(read(tmp_path).classes) == 10_001
    torch.save(torch.tensor([0] * 11 + [65535]), tmp_path / "train_label_tensor.pt")
    (tmp_path / "classes.csv").write_text("id,name\n0,cat\n1,dog\n2,cow\n65535,none\n")
    assert read(tmp_path).labels.max() == 3


def test_numbers_of_thousands_of_digits_are_names_like_others(tmp_path: Path) -> None:
    long = "1" * 5000
    touch(tmp_path, *(f"{n}.png" for n in range(3)))
    (tmp_path / "labels.csv").write_text(f"file_name,label\n0.png,{long}\n1.png,{long}2\n2.png,5\n")
    dataset = read(tmp_path)
    assert dataset.class_names == ("5", long, f"{long}2")
    assert dataset.class_names is dataset.class_names
    assert dataset.class_names == ("5", long, f"{long}2")


def test_millions_of_files_are_read_in_minutes(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{n % 10}/{n}.png" for n in range(8_000)))
    took = []
    for _ in range(3):  # other threads of this process count, too
        start = time.process_time()
        assert len(read(tmp_path)) == 8_000
        took.append(time.process_time() - start)
    assert min(took) < 8_000 / 30_000
