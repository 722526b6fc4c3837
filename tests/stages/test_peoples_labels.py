"""Labels as people write them: repeated, misspelled, in tables of other names, of copies, of files that are broken."""

from pathlib import Path

import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.create_dataset import run
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
