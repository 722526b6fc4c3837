"""What `create-dataset` refuses: answers that do not fit, and places that hold something; nothing is written then."""

from pathlib import Path

import pytest
import torch

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import config, pictures, seed_layout, write_csv


@pytest.mark.parametrize(
    ("request_lines", "label_lines", "message"),
    [
        (["file"], ["file,label"], "requests no image"),
        (["file", "99.png"], ["file,label"], "line 2: 99.png is not among the images"),
        (["7.png", "unlabeled/7.png"], ["file,label"], "names 7.png twice"),
        (["file", "train/1.png"], ["file,label"], "line 2: train/1.png is not in the pool, it is in train as 1"),
        (["file", "7.png", "8.png"], ["file,label", "7.png,1", "88.png,1"], "line 3: 88.png is not among the images"),
        (["file", "7.png", "8.png"], ["file,label", "7.png,", "8.png, "], "answers none of the 2 images of"),
        (["file", "7.png"], ["file,label"], "labels.csv: answers none of the 1 images of .*request.csv; label some of"),
        (["file", "7.png"], ["file,label", "7.png,1", "8.png,1"], "line 3: 8.png was not requested"),
        (["file", "7.png"], ["file,label", "7.png,1", "7.png,2"], "lines 2 and 3 both name .*7.png, and differ"),
        (["file", "7.png"], ["7.png,1"], 'line 1 has no column "file"'),
        (["file", "7.png"], ["file,label", "7.png,9"], 'the label "9" is outside the 4 classes'),
        (["file", "7.png"], ["file,label", "7.png,caf\xe9"], "is not UTF-8"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_nothing_is_written(
    request_lines: list[str], label_lines: list[str], message: str, tmp_path: Path
) -> None:
    source = seed_layout(tmp_path / "dataset")
    (tmp_path / "request.csv").write_text("\n".join(request_lines) + "\n")
    (tmp_path / "labels.csv").write_bytes(("\n".join(label_lines) + "\n").encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        run(config(source, label_request_path=tmp_path))
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "labels.csv", "request.csv"]


def test_a_label_tensor_of_another_length_or_without_any_label_is_refused(tmp_path: Path) -> None:
    source = seed_layout(tmp_path / "dataset")
    (tmp_path / "request_1.csv").write_text("7.png\n8.png\n")
    for labels, message in (
        ([1], "holds 1 labels and .* names 2 images"),
        ([-1, -1], "label_1.pt: answers none of the 2 images of"),
    ):
        torch.save(torch.tensor(labels), tmp_path / "label_1.pt")
        with pytest.raises(InputError, match=message):
            run(config(source, label_request_path=tmp_path))


def test_a_name_that_means_several_images_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", "a/1.png", "b/1.png", "2.png")
    request = write_csv(tmp_path / "r.csv", ("file",), [("1.png",)])
    with pytest.raises(InputError, match=r"2 images are called 1.png; give the path"):
        run(config(DatasetOptions(dataset_folder=tmp_path / "dataset"), request=request, labels=request))


def test_new_classes_need_a_word_and_move_no_id(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", "train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "unlabeled/1.png")
    source = DatasetOptions(dataset_folder=tmp_path / "dataset")
    request = write_csv(tmp_path / "r.csv", ("file",), [("unlabeled/1.png",)])
    labels = write_csv(tmp_path / "l.csv", ("file", "label"), [("unlabeled/1.png", "bird")])
    with pytest.raises(InputError, match=r"outside the 2 classes \(cat, dog\); correct it, or add --new-classes"):
        run(config(source, request=request, labels=labels))
    result = run(config(source, request=request, labels=labels, new_classes=True))
    assert result["new_classes"] == ["bird"]
    old = read_dataset(source)
    new = read_dataset(DatasetOptions(dataset_folder=Path(result["out_path"])))
    assert set(old.classes) < set(new.classes)
    wrong = write_csv(tmp_path / "l.csv", ("file", "label"), [("unlabeled/1.png", "../x")])
    with pytest.raises(InputError, match=r'class "../x": cannot be the name of a folder'):
        run(config(source, request=request, labels=wrong, new_classes=True))


def test_never_into_its_input_nor_over_anything(tmp_path: Path) -> None:
    source = seed_layout(tmp_path / "dataset")
    (tmp_path / "request.csv").write_text("file\n7.png\n")
    (tmp_path / "labels.csv").write_text("file,label\n7.png,1\n")
    for out in (tmp_path / "dataset", tmp_path / "dataset" / "new"):
        with pytest.raises(InputError, match="lies in the dataset"):
            run(config(source, label_request_path=tmp_path, out_path=out))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="exists and is not empty"):
        run(config(source, label_request_path=tmp_path, out_path=tmp_path / "full"))


def test_strict_refuses_an_unreadable_image(tmp_path: Path) -> None:
    source = seed_layout(tmp_path / "dataset")
    (tmp_path / "dataset/unlabeled/7.png").write_bytes(b"")
    (tmp_path / "request.csv").write_text("file\n7.png\n")
    (tmp_path / "labels.csv").write_text("file,label\n7.png,1\n")
    with pytest.raises(InputError, match=r"7.png: the file is empty"):
        run(config(source, label_request_path=tmp_path, strict=True))
    run(config(source, label_request_path=tmp_path))
