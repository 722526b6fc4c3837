"""Which files answer which request, what the names in them mean, and what the labels make of the classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.data.answers import Answers, labels_for, latest_request, read_answers, read_request, with_answers
from barlowmatch.data.classes import CLASSES_FILE, HASHED, ImageClass
from barlowmatch.data.dataset import Dataset
from barlowmatch.errors import InputError

CAT, DOG = ImageClass(7, "cat"), ImageClass(1, "dog")
FILES = (
    "train/0.png", "train/1.png", "val/2.png", "unlabeled/3.png", "unlabeled/a/4.png", "unlabeled/b/4.png", "5.png",
    "unlabeled/5.png", "unlabeled/6.png", "unlabeled/x/6.png", "unlabeled/a/e\u0301.png", "unlabeled/b/e\u0301.png",
    "unlabeled/=7.png", "unlabeled/deep/8.png", "unlabeled/deep/n\u0303.png",
)  # fmt: skip


def dataset(layout: str = "flat", classes: tuple[ImageClass, ...] = (CAT, DOG)) -> Dataset:
    """Return a cat and a dog in train, one image of val without a label, and a pool."""
    splits = np.array(["train"] * 2 + ["val"] + ["unlabeled"] * (len(FILES) - 3), "<U9")
    labels = np.array(([0, 1] if classes else [-1, -1]) + [-1] * (len(FILES) - 2))
    return Dataset(Path("nowhere"), layout, classes, FILES, splits, labels)


def files(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_the_request_without_a_number_is_the_latest_else_that_of_the_highest(tmp_path: Path) -> None:
    files(tmp_path, "request_2.csv", "request_10.csv", "request_x.csv", "requests.csv")
    assert latest_request(tmp_path).name == "request_10.csv"
    files(tmp_path, "request.csv")
    assert latest_request(tmp_path).name == "request.csv"


def test_labels_are_those_of_the_requests_number_else_the_latest(tmp_path: Path) -> None:
    folder, data = tmp_path / "requests", tmp_path / "data"
    third, latest = folder / "request_3.csv", folder / "request.csv"
    files(data, "labels.csv", "label_4.pt", "label_30.pt")
    with pytest.raises(InputError, match=r"holds no labels \(labels.csv or label_3.pt\), nor does"):
        labels_for(third, folder, data)
    assert labels_for(latest, folder, data) == data / "label_30.pt"
    files(data, "label_3.pt")
    assert labels_for(third, folder, data) == data / "label_3.pt"
    files(folder, "labels_4.csv", "labels_20.csv")
    assert labels_for(third, folder, data) == data / "label_3.pt"
    assert labels_for(latest, folder, data).name == "labels_20.csv"
    files(folder, "labels.csv")
    assert labels_for(third, folder, data).name == "labels.csv"
    assert labels_for(latest, folder, data).name == "labels.csv"
    files(folder, "labels_3.csv")
    assert labels_for(third, folder, data).name == "labels_3.csv"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("5.png", "5.png"), ("unlabeled/5.png", "unlabeled/5.png"), ("6.png", "unlabeled/6.png"),
        ("x/6.png", "unlabeled/x/6.png"), ("./unlabeled/3.png", "unlabeled/3.png"), ("8.png", "unlabeled/deep/8.png"),
        ("'=7.png", "unlabeled/=7.png"), ("unlabeled/a/\u00e9.png", "unlabeled/a/e\u0301.png"),
        ("n\u0303.png", "unlabeled/deep/n\u0303.png"), (r"unlabeled\deep\8.png", "unlabeled/deep/8.png"),
        (f"{Path('nowhere').absolute()}/unlabeled/3.png", "unlabeled/3.png"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", ["", " FILE \n"])
def test_a_name_is_a_path_else_one_in_the_pool_else_the_only_one(
    name: str, file: str, header: str, tmp_path: Path
) -> None:
    request = tmp_path / "request.csv"
    request.write_text(f"{header}{name}\n \n" if not header else f"{header}{name}\n", encoding="utf-8")
    pool = dataset()
    pool.splits[6] = "unlabeled"
    assert read_request(request, pool) == (FILES.index(file),)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_of_names_may_come_from_any_system(end: str, tmp_path: Path) -> None:
    request = tmp_path / "request_1.csv"
    request.write_bytes(f"3.png{end}8.png{end}".encode())
    assert read_request(request, dataset()) == (3, 13)


@pytest.mark.parametrize("text", ["x" * 200_000, '3.png\n"8.png\n'])
def test_what_is_no_list_of_names_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    request = tmp_path / "request_1.csv"
    request.write_text(text)
    with pytest.raises(InputError, match=r"request_1\.csv: line \d is no CSV"):
        read_request(request, dataset())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("4.png", "line 2: 2 images are called 4.png"),
        ("\u00e9.png", "line 2: 2 images are called \u00e9.png"),
        ("e\u0301.png", "line 2: 2 images are called e\u0301.png"),
        ("9.png", "line 2: 9.png is not among the images"),
        ("0.png", r"line 2: 0.png is not in the pool, it is in train as cat; this"),
        ("2.png", r"line 2: 2.png is not in the pool, it is in val; this"),
    ],
)
def test_a_name_that_is_no_image_of_the_pool_is_refused_with_its_line(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "request.csv").write_text(f"3.png\n{name}\n", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_request(tmp_path / "request.csv", dataset())


def test_labels_are_read_without_spaces_and_what_was_not_asked_for_is_counted(tmp_path: Path) -> None:
    labels, request = tmp_path / "labels.csv", tmp_path / "request.csv"
    labels.write_text("file,label\n8.png, dog \n3.png,cat\n")
    assert read_answers(labels, request, (3, 13), dataset()) == Answers((3, 13), ("cat", "dog"))
    with pytest.raises(InputError, match=r"line 3: 3.png was not requested by .* \(1 such lines\)"):
        read_answers(labels, request, (13,), dataset())


@pytest.mark.parametrize("lines", ["3.png,cat", "8.png, \n3.png,cat"])
def test_what_of_a_request_has_no_answer_is_left_out(lines: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"file,label\n{lines}\n")
    assert read_answers(labels, tmp_path / "request.csv", (13, 3), dataset()) == Answers((3,), ("cat",))
    tensor = tmp_path / "label_1.pt"
    torch.save(torch.tensor([-1, 0]), tensor)
    assert read_answers(tensor, tmp_path / "request.csv", (13, 3), dataset()) == Answers((3,), ("cat",))


def test_a_class_whose_name_has_spaces_keeps_them(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n3.png,cat \n8.png,cat\n")
    spaced = dataset(classes=(ImageClass(5, "cat "), DOG))
    assert read_answers(labels, tmp_path / "request.csv", (3, 13), spaced).names == ("cat ", "cat")


def test_numbers_of_a_tensor_are_ids_in_the_seeds_layout_and_places_elsewhere(tmp_path: Path) -> None:
    tensor, request = tmp_path / "label_1.pt", tmp_path / "request_1.csv"
    torch.save(torch.tensor([1, 7, 0]), tensor)
    assert read_answers(tensor, request, (3, 8, 13), dataset("seed")).names == ("dog", "cat", "0")
    assert read_answers(tensor, request, (3, 8, 13), dataset("flat")).names == ("dog", "7", "cat")


@pytest.mark.parametrize(
    ("layout", "classes", "names", "expected"),
    [
        ("flat", (CAT, DOG), ("dog", "cat"), (CAT, DOG)),
        ("flat", (CAT, DOG), ("bee", "3"), (None, None, CAT, DOG)),
        ("flat", (), ("dog", "cat"), (None, None)),
        ("flat", (ImageClass(4, "r\u00e9"), DOG), ("re\u0301", "dog"), (ImageClass(4, "r\u00e9"), DOG)),
        ("flat", (ImageClass(4, "re\u0301"), DOG), ("r\u00e9", "dog"), (ImageClass(4, "re\u0301"), DOG)),
        ("seed", (ImageClass(0, "zero"), ImageClass(5, "5")), ("3", "5"),
         (ImageClass(0, "zero"), *(ImageClass(n, str(n)) for n in range(1, 6)))),
        ("seed", (ImageClass(0, "0"), ImageClass(1, "1")), ("3", "1"), tuple(ImageClass(n, str(n)) for n in range(4))),
    ],
)  # fmt: skip
def test_known_classes_keep_their_ids_and_images_their_classes(
    layout: str, classes: tuple[ImageClass, ...], names: tuple[str, str], expected: tuple[ImageClass | None, ...]
) -> None:
    """Where new ones come among them in their order, or numbers between."""
    before = dataset(layout, classes)
    after = with_answers(before, Answers((3, 13), names), Path("labels.csv"), new_classes=bool(classes))
    assert len(after.classes) == len(expected)
    assert all(wanted in (None, found) for wanted, found in zip(expected, after.classes, strict=True))
    for row in (0, 1):
        if classes:
            assert after.classes[after.labels[row]] == classes[before.labels[row]]
    alike = [after.class_names[after.labels[row]] for row in (3, 13)]
    assert alike == [{"re\u0301": "r\u00e9", "r\u00e9": "re\u0301"}.get(name, name) for name in names]
    assert after.splits[[3, 13]].tolist() == ["train", "train"]
    assert (after.labels[[2, *range(4, 13), 14]] == -1).all()


def test_a_class_whose_id_is_too_large_for_a_listed_ones_layout_takes_the_next_small_one(tmp_path: Path) -> None:
    (tmp_path / CLASSES_FILE).touch()
    listed = (ImageClass(HASHED + 5, "bee"), ImageClass(1, "ant"))
    before = replace(dataset("seed", listed), root=tmp_path)
    after = with_answers(before, Answers((3, 13), ("cow", "bee")), Path("labels.csv"), new_classes=True)
    assert after.classes == (*listed, ImageClass(2, "cow"))


def test_a_word_among_numbered_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r'the label "bird" is no number; this dataset numbers its classes from 0'):
        with_answers(dataset("seed"), Answers((3,), ("bird",)), Path("labels.csv"), new_classes=True)


def test_a_mistyped_number_makes_no_thousands_of_classes() -> None:
    """As many as a dataset may be read with where it is written; listed ones are not numbered through."""
    few, mistyped = Answers((3, 13), ("dog", "10000")), Answers((3, 13), ("dog", "10001"))
    assert len(with_answers(dataset("seed"), few, Path("labels.csv"), new_classes=True).classes) == 10_001
    told = 'labels.csv: unlabeled/deep/8.png: the label "10001" would make 10,002 classes of 15 images; correct it, or'
    with pytest.raises(InputError, match=told):
        with_answers(dataset("seed"), mistyped, Path("labels.csv"), new_classes=True)
    many = replace(dataset("seed"), files=tuple(f"{number}.png" for number in range(10_001)))
    assert len(with_answers(many, mistyped, Path("labels.csv"), new_classes=True).classes) == 10_002
