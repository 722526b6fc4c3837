"""The embeddings folder: what is written is read, whole or not at all, and damage is named."""

import ctypes
import itertools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import SPLITS, Dataset
from barlowmatch.embeddings.folder import EmbeddedFiles, read_embeddings
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError

ROWS, D = 7, 5
CLASSES = (ImageClass(3, "cat"), ImageClass(9, "=dog"))
TABLE = EmbeddedFiles(
    files=["unlabeled/a.png", "=formula.png", "bytes\udcff.png", "a,b.png", "-1.png", "x\ny.png", "'quoted.png"],
    splits=["unlabeled", "train", "train", "val", "test", "unlabeled", "unlabeled"],
    labels=["", "cat", "=dog", "cat", "", "", ""],
    sha256=["ab" * 32] * ROWS,
)


def vectors() -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.random.default_rng(0).normal(size=(ROWS, D)).astype(np.float32)


def write(folder: Path, values: object = None, **options: object) -> None:
    probabilities = np.full((ROWS, 2), 0.5)
    settings = {"dimension": D, "classes": CLASSES, "checkpoint": "c0ffee", "with_probabilities": True, **options}
    with EmbeddingsWriter(folder, TABLE, **settings) as writer:  # type: ignore[arg-type]
        for rows in (np.arange(4, ROWS), np.arange(4)):
            writer.write(rows, (vectors() if values is None else values)[rows], probabilities[rows])  # type: ignore[index]


def test_a_classifier_past_all_numbers_writes_nothing(tmp_path: Path) -> None:
    shares = np.full((ROWS, 2), 0.5)
    shares[2] = np.nan
    with (
        pytest.raises(InputError, match=r"its class probabilities hold NaN"),
        EmbeddingsWriter(tmp_path / "e", TABLE, dimension=D, classes=CLASSES, checkpoint="", with_probabilities=True)
        as writer,
    ):  # fmt: skip
        writer.write(np.arange(ROWS), vectors(), shares)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number_format", ["float16", "float32"])
def test_what_is_written_is_read(tmp_path: Path, number_format: str) -> None:
    write(tmp_path / "e", number_format=number_format)
    read = read_embeddings(tmp_path / "e")
    np.testing.assert_array_equal(read.vectors.take(np.arange(ROWS)), vectors().astype(number_format))
    assert read.vectors.dtype == number_format
    assert read.probabilities is not None
    assert read.probabilities.shape == (ROWS, 2)
    assert read.classes == CLASSES
    assert read.labels.tolist() == [-1, 0, 1, 0, -1, -1, -1]
    assert (list(read.table.files), list(read.table.splits)) == (TABLE.files, TABLE.splits)
    assert read.meta["checkpoint"] == "c0ffee"


def test_labels_are_known_however_their_accents_are_spelled(tmp_path: Path) -> None:
    """The folders of a dataset may come from macOS, and the classes of a checkpoint from a table."""
    table = EmbeddedFiles(["a.png", "b.png"], ["train"] * 2, ["cafe\u0301", "caf\u00e9"], [""] * 2)
    settings = {"dimension": 1, "classes": [ImageClass(7, "caf\u00e9")], "checkpoint": "", "with_probabilities": False}
    with EmbeddingsWriter(tmp_path / "e", table, **settings) as writer:  # type: ignore[arg-type]
        writer.write(np.arange(2), np.ones((2, 1)))
    assert read_embeddings(tmp_path / "e").labels.tolist() == [0, 0]


def test_a_dataset_and_its_embeddings_agree_on_who_is_labeled_judges_and_may_be_asked(tmp_path: Path) -> None:
    pairs = list(itertools.product(SPLITS, ("", "cat", "=dog")))
    splits, names = [split for split, _ in pairs], [name for _, name in pairs]
    files, settings = [f"{row}.png" for row in range(len(pairs))], {"checkpoint": "", "with_probabilities": False}
    table = EmbeddedFiles(files, splits, names, [""] * len(pairs))
    with EmbeddingsWriter(tmp_path / "e", table, dimension=1, classes=CLASSES, **settings) as writer:  # type: ignore[arg-type]
        writer.write(np.arange(len(pairs)), np.ones((len(pairs), 1)))
    read = read_embeddings(tmp_path / "e")
    labels = np.array([("cat", "=dog", "").index(name) if name else -1 for name in names])
    dataset = Dataset(tmp_path, "table", CLASSES, tuple(files), np.array(splits), labels)

    def rows(*pairs_wanted: tuple[str, str]) -> list[int]:
        return sorted(pairs.index(pair) for pair in pairs_wanted)

    expected = (
        rows(("train", "cat"), ("train", "=dog")),
        rows(("val", "cat"), ("val", "=dog")),
        rows(("train", ""), ("unlabeled", "")),
    )
    assert tuple(rows.tolist() for rows in (read.labeled, read.judged_by, read.askable)) == expected
    assert tuple(rows.tolist() for rows in (dataset.train, dataset.val, dataset.unlabeled)) == expected


def test_the_working_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the folder that this command runs in"):
        write(Path())


def test_no_cell_of_the_table_is_a_formula(tmp_path: Path) -> None:
    write(tmp_path / "e")
    cells = (tmp_path / "e" / "files.csv").read_text(encoding="utf-8", errors="surrogateescape").split(",")
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "+", "@")) or cell.startswith("-1.png")]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "e")
    spoiled = vectors()
    spoiled[5, 1] = np.nan
    with pytest.raises(InputError, match=r"y\.png: its embedding holds NaN"):
        write(tmp_path / "e", spoiled)
    np.testing.assert_array_equal(
        read_embeddings(tmp_path / "e").vectors.take(np.arange(ROWS)), vectors().astype(np.float16)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def test_numbers_beyond_the_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--number-format float32"):
        write(tmp_path / "e", vectors() * 1e6)
    write(tmp_path / "e", vectors() * 1e6, number_format="float32")


def test_a_new_folder_replaces_the_old_and_no_other_folder(tmp_path: Path) -> None:
    write(tmp_path / "e")
    write(tmp_path / "e", vectors() + 1)
    assert read_embeddings(tmp_path / "e").vectors.take(np.array([0]))[0, 0] == np.float16(vectors()[0, 0] + 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    shutil.copytree(tmp_path / "e", tmp_path / "plotted")
    (tmp_path / "plotted" / "umap.png").write_text("a plot of them")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "meta.json").write_text("of another program")
    for folder, content in (("mine", "thesis.txt"), ("plotted", "umap.png"), ("other", "meta.json")):
        with pytest.raises(InputError, match=f"{folder}: holds {content}, which embeddings would replace"):
            write(tmp_path / folder)
        assert (tmp_path / folder / content).is_file()


def test_an_old_folder_that_lost_its_name_to_a_kill_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system that cannot exchange folders, the moment between two renames."""
    write(tmp_path / "e")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    monkeypatch.setattr(shutil, "rmtree", lambda *paths, **options: None)
    write(tmp_path / "e", vectors() + 1)
    shutil.move(tmp_path / "e", tmp_path / "not yet there")
    (tmp_path / "link").symlink_to(tmp_path / "e")
    np.testing.assert_array_equal(
        read_embeddings(tmp_path / "link").vectors.take(np.arange(ROWS)), vectors().astype(np.float16)
    )


def test_through_a_link_they_go_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "disk" / "e").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "e")
    for _ in range(2):
        write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert len(read_embeddings(tmp_path / "disk" / "e")) == ROWS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["e"]


def test_shards_read_as_one(tmp_path: Path) -> None:
    write(tmp_path / "e")
    whole = np.load(tmp_path / "e" / "embeddings.npy")
    (tmp_path / "e" / "embeddings.npy").unlink()
    np.save(tmp_path / "e" / "embeddings-00001-of-00002.npy", whole[:3])
    with pytest.raises(InputError, match="1 of 2 shards of embeddings are there"):
        read_embeddings(tmp_path / "e")
    np.save(tmp_path / "e" / "embeddings-00002-of-00002.npy", whole[3:])
    read = read_embeddings(tmp_path / "e").vectors
    mixed = np.array([6, 0, 3, 2, 2])
    np.testing.assert_array_equal(read.take(mixed), whole[mixed])


def test_damage_is_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    write(whole)
    meta = json.loads((whole / "meta.json").read_text())

    def damaged(name: str) -> Path:
        shutil.rmtree(tmp_path / "e", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "e")
        return tmp_path / "e" / name

    def refused(says: str) -> None:
        with pytest.raises(InputError, match=says):
            read_embeddings(tmp_path / "e")

    refused("e: no such folder; write them with python -m barlowmatch embed")
    damaged("meta.json").unlink()
    refused("e: holds no finished embeddings")
    damaged("meta.json").write_text("{")
    refused("meta.json: damaged")
    damaged("meta.json").write_text(json.dumps({**meta, "schema": 2}))
    refused("newer version")
    damaged("embeddings.npy").write_bytes((whole / "embeddings.npy").read_bytes()[:-3])
    refused("embeddings.npy: damaged or cut short")
    np.save(damaged("embeddings.npy"), vectors()[:5])
    refused("5 rows, files.csv names 7 files")
    np.save(damaged("embeddings.npy"), vectors().astype(np.float64))
    refused("float64")
    np.save(damaged("probabilities.npy"), np.ones((ROWS, 3), np.float32))
    refused("probabilities.npy.*expected float16 or float32 with 2 columns")
    damaged("probabilities.npy").unlink()
    refused("probabilities.npy: missing")
    path = damaged("files.csv")
    path.write_text(path.read_text(errors="surrogateescape").replace(",cat\n", ",cow\n"), errors="surrogateescape")
    refused('the label "cow" is not among the classes')
