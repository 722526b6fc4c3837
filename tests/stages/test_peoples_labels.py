"""Labels as people write them: repeated, misspelled, in tables of other names, of copies, of files that are broken."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from barlowmatch.command_line.outputs import keeping_another
from barlowmatch.configs.inspect import InspectConfig
from barlowmatch.configs.select import SelectConfig
from barlowmatch.configs.shared import DatasetOptions, ImageOptions
from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.data.splits import draw
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Event, Said, silent
from barlowmatch.machine.compute import Compute
from barlowmatch.stages.create_dataset import run
from barlowmatch.stages.earlier_labels import tell_of_labels_learned
from barlowmatch.stages.images import load_images
from barlowmatch.stages.inspect import run as inspect
from barlowmatch.stages.select import run as select
from barlowmatch.stages.session import tell_contradicting_labels
from tests.stages.small_datasets import config, pictures, write_csv


def said(heard: list[Event], level: str = "warning") -> list[str]:
    return [event.message for event in heard if isinstance(event, Said) and event.level == level]


def read(folder: Path, level: str = "warning", **options: object) -> list[str]:
    """Return what is said while a dataset is read."""
    heard: list[Event] = []
    read_dataset(DatasetOptions(dataset_folder=folder, **options), heard.append)
    return said(heard, level)


def test_lines_that_only_repeat_others_count_once_and_are_told(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", *(f"{n}.png" for n in range(4)))
    rows: list[tuple[object, ...]] = [("0.png", "a"), ("1.png", "b"), ("./0.png", " a"), ("1.png", "b")]
    labels, heard = write_csv(tmp_path / "l.csv", ("file", "label"), rows), list[Event]()
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0)
    result = run(config(source, request=labels, labels=labels), heard.append)
    assert (result["added"], result["classes"], result["unanswered"]) == (2, 2, 0)
    assert f"{labels}: left out 2 lines that only repeat others" in said(heard, "note")
    beside = write_csv(tmp_path / "dataset" / "labels.csv", ("file", "label"), rows)
    assert f"{beside}: left out 2 lines that only repeat others" in read(tmp_path / "dataset", "note")
    manifest = write_csv(tmp_path / "dataset" / "M.csv", ("file", "label"), rows)
    assert len(read_dataset(DatasetOptions(manifest=manifest, val_share=0))) == 2
    write_csv(beside, ("file", "label"), [*rows, ("0.png", "b")])
    with pytest.raises(InputError, match=r"lines 2 and 6 both name 0.png, and differ; remove one"):
        read(tmp_path / "dataset")


@pytest.mark.parametrize("where", ["", "train/"])
def test_a_table_may_be_written_in_capitals_where_that_leaves_no_doubt(where: str, tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{where}{n}.png" for n in range(3)))
    write_csv(tmp_path / where / "Labels.CSV", ("file", "label"), [("0.png", "cat")])
    found = read_dataset(DatasetOptions(dataset_folder=tmp_path, val_share=0))
    assert [found.files[row] for row in found.train] == [f"{where}0.png"]
    write_csv(tmp_path / where / "LABELS.csv", ("file", "label"), [("0.png", "dog")])
    assert not len(read_dataset(DatasetOptions(dataset_folder=tmp_path)).train)
    (warning,) = read(tmp_path)
    assert warning.startswith(f"{tmp_path / where / 'LABELS.csv'} and 1 more tables are not read: tables are called")


def test_tables_of_another_name_are_told_and_others_that_hold_no_labels_are_not(tmp_path: Path) -> None:
    pictures(tmp_path, "0.png", "1.png")
    write_csv(tmp_path / "weather.csv", ("day", "label"), [("1", "sun")])
    write_csv(tmp_path / "places.csv", ("file", "latitude"), [("0.png", 1.5)])
    write_csv(tmp_path / "M.csv", ("file", "sha256", "split", "label", "group"), [("0.png", "", "", "a", "")])
    (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\0\0")
    assert read(tmp_path) == []
    table = write_csv(tmp_path / "annotations.csv", ("Filename", "Class"), [("0.png", "cat")])
    assert read(tmp_path) == [
        f"{table} is not read: tables are called labels.csv or metadata.csv, so rename what holds labels"
    ]


def test_names_that_look_like_mistakes_are_told_in_the_first_round(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", *(f"{n}.png" for n in range(14)))
    names = [*["healthy"] * 8, *["dead"] * 4, "helthy", "Dead"]
    rows: list[tuple[object, ...]] = [(f"{n}.png", name) for n, name in enumerate(names)]
    labels, heard = write_csv(tmp_path / "l.csv", ("file", "label"), rows), list[Event]()
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0)
    run(config(source, request=labels, labels=labels, out_path=tmp_path / "1"), heard.append)
    (warning,) = [message for message in said(heard) if "mistakes" in message]
    assert '"Dead" (1) and "dead" (4); "helthy" (1) beside "healthy" (8)' in warning
    assert '"helthy" (1) beside "healthy" (8)' in read(tmp_path / "1", val_share=0)[0]
    write_csv(tmp_path / "1" / "classes.csv", ("id", "name"), list(enumerate(["healthy", "dead", "helthy", "Dead"])))
    assert read(tmp_path / "1", val_share=0) == [], "whoever lists the classes means them"


def copied(folder: Path, names: list[str], copies: int) -> None:
    """Write pictures, and of each in turn a copy with the same bytes or only the same pixels."""
    pictures(folder, *(f"{name}.png" for name in names))
    for number in range(copies):
        for place, name in enumerate(names):
            target = folder / f"copy {number} of {name}.png"
            if place % 2:
                shutil.copy(folder / f"{name}.png", target)
            else:
                Image.open(folder / f"{name}.png").save(target, compress_level=0)


def label_all(source: DatasetOptions, home: Path, labels: dict[str, str], emit: Emit = silent) -> Dataset:
    """Write the next dataset with labels that nobody asked for, and return it."""
    table = write_csv(home / "l.csv", ("file", "label"), list(labels.items()))
    result = run(config(source, request=table, labels=table, new_classes=True, group_by=source.group_by), emit)
    return read_dataset(DatasetOptions(dataset_folder=Path(result["out_path"]), group_by=source.group_by))


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


def test_labels_of_broken_files_are_named_and_do_not_count(tmp_path: Path) -> None:
    pictures(tmp_path / "dataset", "0.png", "1.png")
    (tmp_path / "dataset" / "broken.png").write_bytes(b"\x89PNG nonsense")
    table = write_csv(tmp_path / "l.csv", ("file", "label"), [("0.png", "a"), ("1.png", "b"), ("broken.png", "a")])
    heard: list[Event] = []
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0)
    result = run(config(source, request=table, labels=table), heard.append)
    assert (result["added"], result["unreadable"]) == (2, 1)
    (warning,) = said(heard)
    assert warning.startswith(
        f"{table}: 1 label of files that cannot be read, of which nothing is learned: broken.png ("
    )
    heard.clear()
    options = {"dataset_folder": Path(result["out_path"]), "cache_folder": tmp_path / "cache", "val_share": 0}
    load_pixels(read_dataset(ImageOptions(**options)), ImageOptions(**options), heard.append)
    assert "1 of 3 images cannot be read and are left out with their labels (1 of train):" in said(heard)[0]


def test_labels_that_contradict_each_other_are_told_before_anything_is_learned(tmp_path: Path) -> None:
    copied(tmp_path / "dataset", ["0", "1"], 1)
    rows = [("0.png", "a"), ("1.png", "a"), ("copy 0 of 0.png", "b"), ("copy 0 of 1.png", "b")]
    table, heard = write_csv(tmp_path / "l.csv", ("file", "label"), [*rows]), list[Event]()
    source = DatasetOptions(dataset_folder=tmp_path / "dataset", val_share=0)
    out = Path(run(config(source, request=table, labels=table), heard.append)["out_path"])
    assert said(heard) == [
        "2 images carry different labels, such as 0.png (a) and copy 0 of 0.png (b); correct one of them"
    ]
    heard.clear()
    options = ClassifyConfig(dataset_folder=out, cache_folder=tmp_path / "cache", val_share=0, workers=1)
    compute = Compute(torch.device("cpu"), torch.float32, autocast=False)
    tell_contradicting_labels(load_images(read_dataset(options), options, compute, silent), heard.append)
    assert said(heard) == [
        "1 image carries different labels, such as 1.png (a) and copy 0 of 1.png (b); correct one of them"
    ]


def test_what_somebody_corrected_in_a_table_is_kept(tmp_path: Path) -> None:
    table, heard = tmp_path / "t.csv", list[Event]()
    for text in ("mine\n", "new\n", "new\n", "newer\n"):
        with keeping_another(table, heard.append) as partial:
            partial.write_text(text)
    assert table.read_text() == "newer\n"
    assert [(tmp_path / name).read_text() for name in ("t.csv.bak", "t.csv.bak2")] == ["mine\n", "new\n"]
    assert said(heard, "note") == [f"{table}: existed and read otherwise; kept as t.csv.bak{n}" for n in ("", "2")]
    with pytest.raises(ZeroDivisionError), keeping_another(table, heard.append) as partial:
        partial.write_text(f"{1 / 0}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.csv.bak", "t.csv.bak2"]


def embedded(folder: Path, dataset: Dataset) -> Path:
    """Write embeddings of a dataset, of numbers of no meaning."""
    names = (*dataset.class_names, "")
    labels = [names[label] for label in dataset.labels]
    files = EmbeddedFiles(dataset.files, dataset.splits.tolist(), labels, [""] * len(dataset))
    meta = {"dataset_folder": str(dataset.root)}
    with EmbeddingsWriter(
        folder,
        files,
        dimension=4,
        classes=list(dataset.classes),
        checkpoint="c0ffee",
        with_probabilities=False,
        meta=meta,
    ) as writer:
        writer.write(np.arange(len(dataset)), np.random.default_rng(0).normal(size=(len(dataset), 4)))
    return folder


def test_a_second_round_on_the_first_folder_is_told_which_folder_has_the_labels(tmp_path: Path) -> None:
    pictures(tmp_path / "photos", *(f"{n}.png" for n in range(20)))
    source = DatasetOptions(dataset_folder=tmp_path / "photos")
    first = label_all(source, tmp_path, {f"{n}.png": "ab"[n % 2] for n in range(8)})
    folder = embedded(tmp_path / "embeddings", first)
    select(SelectConfig(representations_path=folder, strategy="random", budget=3, dest_path=tmp_path / "asked"))
    (request,) = (tmp_path / "asked").glob("request.csv")
    asked = [line.split(",")[1] for line in request.read_text().splitlines()[1:]]
    labels = write_csv(tmp_path / "l2.csv", ("file", "label"), [(file, "a") for file in asked])
    for dataset, told in ((source, 1), (DatasetOptions(dataset_folder=first.root), 0)):
        heard: list[Event] = []
        run(config(dataset, request=request, labels=labels, out_path=tmp_path / f"out {told}"), heard.append)
        found = [message for message in said(heard) if "--dataset-folder" in message]
        assert found == told * [
            f"{request} was chosen beside 8 labels of {first.root}, and {tmp_path / 'photos'} has 0; to go on from "
            f"these give --dataset-folder {first.root}"
        ]


def test_a_network_that_learned_from_labels_of_another_folder_is_told_of(tmp_path: Path) -> None:
    pictures(tmp_path / "photos", *(f"{n}.png" for n in range(20)))
    source = DatasetOptions(dataset_folder=tmp_path / "photos")
    first = label_all(source, tmp_path, {f"{n}.png": "ab"[n % 2] for n in range(8)})
    learned = {"config": {"dataset_folder": str(first.root)}, "classifier": {}, "labeled": 8}
    path, heard = tmp_path / "best.pt", list[Event]()
    tell_of_labels_learned(learned, path, read_dataset(source), heard.append)
    assert said(heard)[0].startswith(f"{path} learned from 8 labels of {first.root}, and {tmp_path / 'photos'} has 0;")
    for checkpoint, dataset in (
        (learned, first),
        ({**learned, "config": {"dataset_folder": "elsewhere"}}, first),
        ({"config": learned["config"]}, read_dataset(source)),
        ({**learned, "config": {"dataset_folder": None}}, read_dataset(source)),
    ):
        heard.clear()
        tell_of_labels_learned(checkpoint, path, dataset, heard.append)
        assert heard == []
