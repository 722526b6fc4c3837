"""Labels as people write them: repeated, misspelled, in tables of other names, of copies, of files that are broken."""

from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.command_line.outputs import keeping_another
from barlowmatch.configs.select import SelectConfig
from barlowmatch.configs.shared import DatasetOptions, ImageOptions
from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, silent
from barlowmatch.machine.compute import Compute
from barlowmatch.stages.create_dataset import run
from barlowmatch.stages.earlier_labels import tell_of_labels_learned
from barlowmatch.stages.images import load_images
from barlowmatch.stages.select import run as select
from barlowmatch.stages.session import tell_contradicting_labels
from tests.stages.labeled_datasets import copied, label_all, said
from tests.stages.small_datasets import config, pictures, write_csv


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
