"""The report names everything that is wrong with a dataset."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.inspect import present, report_lines, run
from tests.pictures import BROKEN, write_zoo
from tests.stages.test_create_dataset import class_folders, pictures, seed_layout


def warned(config: InspectConfig) -> list[str]:
    heard: list[Event] = []
    run(config, heard.append)
    return [event.message for event in heard if isinstance(event, Said) and event.level == "warning"]


def test_a_thousand_pictures_of_all_kinds_with_every_bad_file_named(tmp_path: Path) -> None:
    zoo = write_zoo(tmp_path / "zoo", 1000)
    report = run(InspectConfig(dataset_folder=tmp_path / "zoo"))
    assert {item["file"] for item in report["unreadable"]} == {file for file, fault in zoo.items() if fault}
    assert {fault for fault in zoo.values() if fault} == set(BROKEN)
    assert set(report["formats"]) == {"JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP"}
    assert set(report["modes"]) >= {"RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I", "F"}
    assert report["images"] == 1000
    assert report["splits"] == {"unlabeled": {"images": 1000, "labeled": 0}}
    text = "\n".join(report_lines(report))
    assert all(item["file"] in text and item["reason"] in text for item in report["unreadable"])


def test_counts_sizes_and_classes(tmp_path: Path) -> None:
    report = run(InspectConfig(dataset_folder=seed_layout(tmp_path / "d").dataset_folder))
    assert report["splits"] == {
        "train": {"images": 12, "labeled": 12},
        "val": {"images": 5, "labeled": 5},
        "unlabeled": {"images": 30, "labeled": 0},
    }
    assert [item["labels"] for item in report["classes"]] == [
        {"train": 3, "val": 2, "test": 0}, *[{"train": 3, "val": 1, "test": 0}] * 3,
    ]  # fmt: skip
    assert report["sizes"]["common"] == [[8, 8, 47]]
    assert (report["unreadable"], report["duplicates"], report["problems"], report["warnings"]) == ([], [], [], [])


@pytest.mark.parametrize(("labels", "word"), [(9, "shorter"), (15, "longer")])
def test_a_label_tensor_that_does_not_fit_is_reported_not_fatal(labels: int, word: str, tmp_path: Path) -> None:
    seed_layout(tmp_path)
    torch.save(torch.zeros(labels, dtype=torch.int64), tmp_path / "train_label_tensor.pt")
    (problem,) = run(InspectConfig(dataset_folder=tmp_path))["problems"]
    assert f"{word} than the images: {labels} labels, 12 images" in problem
    assert problem in warned(InspectConfig(dataset_folder=tmp_path))
    with pytest.raises(InputError, match=r"--manifest-out .*: not written"):
        run(InspectConfig(dataset_folder=tmp_path, manifest_out=tmp_path / "M.csv"))
    assert not (tmp_path / "M.csv").exists()


def test_a_table_that_names_a_missing_image_is_reported_not_fatal(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "c.png")
    (tmp_path / "labels.csv").write_text("file,label\nb.png,dog\na.png,cat\n")
    report = run(InspectConfig(dataset_folder=tmp_path))
    assert "line 2 names b.png, which is not among the images" in report["problems"][0]
    assert report["splits"]["train"] == {"images": 1, "labeled": 1}


def test_pages_that_nobody_reads_are_named(tmp_path: Path) -> None:
    pages = [Image.new("L", (8, 8), value) for value in (10, 20, 30)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "one.tif")
    pages[0].save(tmp_path / "moves.gif", save_all=True, append_images=pages[1:])
    content = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) * 4 // 5])
    report = run(InspectConfig(dataset_folder=tmp_path))
    (warning,) = report["warnings"]
    assert warning in warned(InspectConfig(dataset_folder=tmp_path))
    assert "1 TIFF files hold more pages or layers than the first" in warning
    assert "stack.tif (3); save" in warning
    assert report["unreadable"] == []


def test_equal_images_within_and_across_splits(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for source, target in (
        ("train/0/1.png", "train/0/copy.png"),
        ("train/0/2.png", "train/1/other-class.png"),
        ("train/0/3.png", "val/0/leak.png"),
        ("val/1/1.png", "unlabeled/in-pool.png"),
    ):
        shutil.copy(tmp_path / source, tmp_path / target)
    report = run(InspectConfig(dataset_folder=tmp_path))
    assert [item["files"] for item in report["duplicates"]] == [
        ["train/0/1.png", "train/0/copy.png"],
        ["train/0/2.png", "train/1/other-class.png"],
        ["train/0/3.png", "val/0/leak.png"],
        ["val/1/1.png", "unlabeled/in-pool.png"],
    ]
    capitals, pool, disputed = warned(InspectConfig(dataset_folder=tmp_path))
    assert capitals.startswith("TRAIN AND VAL SHARE 1 IMAGE, SUCH AS train/0/3.png AND val/0/leak.png")
    assert "in the pool too, such as val/1/1.png and unlabeled/in-pool.png" in pool
    assert "different labels, such as train/0/2.png (0) and train/1/other-class.png (1)" in disputed


def test_of_many_equal_images_only_the_first_are_listed_and_where_the_others_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path, *(f"{number:02}.png" for number in range(33)))
    for number in range(33):
        shutil.copy(tmp_path / f"{number:02}.png", tmp_path / f"{number:02} again.png")
    config = InspectConfig(dataset_folder=tmp_path)
    report = run(config)
    present(config, report)
    told = capsys.readouterr().out
    first, *listed, rest = told[told.index("images that are there more than once") :].splitlines()
    assert first.endswith(": 33")
    assert listed == [f"  {n:02} again.png (unlabeled) = {n:02}.png (unlabeled)" for n in range(20)]
    assert rest == "  and 13 more; --json lists them all"
    assert len(report["duplicates"]) == 33


def test_groups_that_cross_splits_are_a_problem(tmp_path: Path) -> None:
    pictures(tmp_path, "train/cat/a7/1.png", "val/cat/a7/2.png", "train/dog/a8/1.png")
    report = run(InspectConfig(dataset_folder=tmp_path, group_by="folder"))
    assert report["groups"] == {"count": 2, "largest": 2}
    assert 'the group "a7" lies in train' in report["problems"][0]


def test_the_manifest_holds_what_was_found(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "data")
    (tmp_path / "data" / "unlabeled" / "broken.png").write_bytes(b"")
    assert source.dataset_folder is not None
    place = source.dataset_folder / "M.csv"
    report = run(InspectConfig(dataset_folder=source.dataset_folder, manifest_out=place))
    assert report["manifest"] == str(place)
    old, new = read_dataset(source), read_dataset(DatasetOptions(manifest=place))
    assert old.fingerprint == new.fingerprint
    again = run(InspectConfig(manifest=place))
    assert again["splits"] == report["splits"]
    Image.new("L", (9, 9)).save(tmp_path / "data" / "unlabeled" / "0.png")
    changed = run(InspectConfig(manifest=place))["unreadable"]
    assert {
        "file": "unlabeled/0.png",
        "split": "unlabeled",
        "reason": "changed since the manifest was written",
    } in changed


def test_strict_stops_at_the_first_unreadable_file(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / "unlabeled" / "0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"unlabeled/0.png: the file is empty; repair or remove it"):
        run(InspectConfig(dataset_folder=tmp_path, strict=True))


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class_folders(tmp_path)
    (tmp_path / "unlabeled" / "caf\udce9\n.png").write_bytes(b"")
    config = InspectConfig(dataset_folder=tmp_path, json=True)
    present(config, run(config))
    shown = json.loads(capsys.readouterr().out)
    assert shown["unreadable"] == [
        {"file": "unlabeled/caf\udce9\n.png", "split": "unlabeled", "reason": "the file is empty"}
    ]
    present(InspectConfig(dataset_folder=tmp_path), run(config))
    assert r"unlabeled/caf\udce9\n.png: the file is empty" in capsys.readouterr().out
