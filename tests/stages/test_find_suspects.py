"""`find-suspects` as a user runs it: from an embeddings folder to a table to look at."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barlowmatch.configs.find_suspects import FindSuspectsConfig
from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.find_suspects import run
from tests.clusters import DIMENSION, clusters

ROWS, LABELED = 200, 150
WRONG = (3, 40, 77, 120)
NAMES = ("=cat", "dog, small", "owl")


def write(folder: Path, vectors: np.ndarray, labeled: int = LABELED) -> Path:
    """Write embeddings of which the first ones are labeled, four of them wrongly."""
    _, owner = clusters(ROWS)
    labels = [NAMES[(owner[row] + (row in WRONG)) % 3] if row < labeled else "" for row in range(ROWS)]
    splits = ["train" if row < 130 else "val" if row < LABELED else "unlabeled" for row in range(ROWS)]
    table = EmbeddedFiles([f"images/{row}.png" for row in range(ROWS)], splits, labels, [""] * ROWS)
    classes = [ImageClass(place, name) for place, name in enumerate(NAMES)]
    with EmbeddingsWriter(
        folder, table, dimension=DIMENSION, classes=classes, checkpoint="c0ffee", with_probabilities=False
    ) as writer:
        writer.write(np.arange(ROWS), vectors)
    return folder


def test_wrong_labels_of_train_stand_in_the_table(tmp_path: Path) -> None:
    vectors, owner = clusters(ROWS)
    folder = write(tmp_path / "representations", vectors)
    config = FindSuspectsConfig(representations_path=folder, out_path=tmp_path / "suspects.csv")
    result = run(config)
    rows = list(csv.DictReader((tmp_path / "suspects.csv").open(encoding="utf-8")))
    assert {row["file"] for row in rows} == {f"images/{row}.png" for row in WRONG}
    assert (result["count"], result["judged"]) == (len(rows), 130)
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, len(rows) + 1)]
    odds = [float(row["odds"]) for row in rows]
    assert odds == sorted(odds, reverse=True)
    shown = {"'=cat": "=cat"}
    for row in rows:
        place = int(Path(row["file"]).stem)
        assert shown.get(row["suggested"], row["suggested"]) == NAMES[owner[place]]
        assert shown.get(row["label"], row["label"]) == NAMES[(owner[place] + 1) % 3]
    before = (tmp_path / "suspects.csv").read_bytes()
    run(config)
    assert (tmp_path / "suspects.csv").read_bytes() == before


def test_what_was_not_judged_is_said(tmp_path: Path) -> None:
    vectors, _ = clusters(ROWS)
    folder = write(tmp_path / "few", vectors, labeled=8)
    said: list[Event] = []
    result = run(FindSuspectsConfig(representations_path=folder, out_path=tmp_path / "s.csv"), said.append)
    assert result["judged"] < 8
    (message,) = [event.message for event in said if isinstance(event, Said)]
    assert f"; {8 - result['judged']} were not judged: of their class, or of every other, there are fewer" in message


def test_labels_of_one_class_are_not_said_to_be_few(tmp_path: Path) -> None:
    vectors, _ = clusters(ROWS)
    folder = write(tmp_path / "alike", vectors)
    table = pd.read_csv(folder / "files.csv", keep_default_na=False)
    table["label"] = ["owl" if label == "owl" else "" for label in table["label"]]
    table.to_csv(folder / "files.csv", index=False)
    said: list[Event] = []
    run(FindSuspectsConfig(representations_path=folder, out_path=tmp_path / "s.csv"), said.append)
    (message,) = [event.message for event in said if isinstance(event, Said)]
    assert "0 of 0 labels are suspect; " in message
    assert "were not judged: of their class, or of every other, there are fewer than 5 labels" in message


def test_bad_input_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    vectors, _ = clusters(ROWS)
    out = tmp_path / "suspects.csv"
    alone = write(tmp_path / "alone", vectors, labeled=1)
    with pytest.raises(InputError, match=r"alone: labels are judged by each other, and train has 1"):
        run(FindSuspectsConfig(representations_path=alone, out_path=out))
    damaged = write(tmp_path / "damaged", vectors)
    stored = np.load(damaged / "embeddings.npy")
    stored[7, 3] = np.nan
    np.save(damaged / "embeddings.npy", stored)
    with pytest.raises(InputError, match=r"the embedding of images/7\.png holds NaN"):
        run(FindSuspectsConfig(representations_path=damaged, out_path=out))
    assert not out.exists()
    out.write_text("file,label\n1.png,cat\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"suspects\.csv"):
        run(FindSuspectsConfig(representations_path=damaged, out_path=out))
    assert out.read_text(encoding="utf-8") == "file,label\n1.png,cat\n"
