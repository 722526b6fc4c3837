"""Copies are asked for once, and not at all where what they show is known."""

from pathlib import Path

import numpy as np
import pytest

from barlowmatch.configs.select import SelectConfig
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.tables import read_table, write_table
from barlowmatch.embeddings.folder import EmbeddedFiles, read_embeddings
from barlowmatch.embeddings.shards import Shards
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.selection.copies import repeats
from barlowmatch.simulation.world import build_world
from barlowmatch.stages.select import run

ORIGINALS = 60
STRATEGIES = ("random", "margin", "kmeans", "k-center")
"""All get the same pool; these are the quick ones."""


def embedded(folder: Path, *, by_content: bool, all_labeled: bool = False) -> list[int]:
    """Embed sixty different pictures three times over, in a random order; return which picture each row shows.

    The first copy of twenty is in train with its label, one of ten others in val, one of ten in test. By content copies
    have the same hash and other embeddings, else the same embedding and other hashes.
    """
    random = np.random.default_rng(0)
    shown = random.permutation(np.tile(np.arange(ORIGINALS), 3))
    vectors = np.eye(8)[shown % 4] + 0.3 * random.normal(size=(ORIGINALS, 8))[shown]
    vectors += 0.3 * random.normal(size=vectors.shape) * by_content
    splits, first = ["unlabeled"] * len(shown), {shown[row]: row for row in range(len(shown))[::-1]}
    for picture, row in first.items():
        splits[row] = "train" if picture < 20 else "val" if picture < 30 else "test" if picture < 40 else "unlabeled"
    labels = [
        f"c{picture % 4}" if all_labeled or split != "unlabeled" else ""
        for picture, split in zip(shown, splits, strict=True)
    ]
    hashes = [f"{picture if by_content else row:064x}" for row, picture in enumerate(shown)]
    table = EmbeddedFiles([f"{row:03d}.png" for row in range(len(shown))], splits, labels, hashes)
    classes = [ImageClass(place, f"c{place}") for place in range(4)]
    with EmbeddingsWriter(
        folder, table, dimension=8, classes=classes, checkpoint="", with_probabilities=False
    ) as writer:
        writer.write(np.arange(len(shown)), vectors)
    return [int(picture) for picture in shown]


@pytest.mark.parametrize("by_content", [True, False])
def test_no_strategy_asks_twice_or_for_what_is_known(tmp_path: Path, by_content: bool) -> None:
    """As many are asked for as there are: every picture that is in no part that is known, once."""
    shown = embedded(tmp_path / "e", by_content=by_content)
    waiting = next(row for row, picture in enumerate(shown) if picture == 59)
    write_table(tmp_path / "asked.csv", ("file",), [(f"{waiting:03d}.png",)])
    for name in STRATEGIES:
        said: list[Event] = []
        config = SelectConfig(
            representations_path=tmp_path / "e", dest_path=tmp_path / name, strategy=name, budget=130,
            asked=(tmp_path / "asked.csv",),
        )  # fmt: skip
        assert run(config, said.append)["count"] == 19
        asked = [shown[int(file[:3])] for file in read_table(tmp_path / name / "request.csv").need(["file"])]
        assert sorted(asked) == list(range(40, 59)), name
        lines = [event.message for event in said if isinstance(event, Said)]
        assert any(line.startswith("select: left out 120 copies of images that are labeled") for line in lines), name


def test_more_images_than_there_are_with_copies_are_refused(tmp_path: Path) -> None:
    embedded(tmp_path / "e", by_content=True)
    config = SelectConfig(representations_path=tmp_path / "e", dest_path=tmp_path / "r", strategy="random", budget=141)
    with pytest.raises(InputError, match="--budget 141: must be 1 to 20"):
        run(config)


@pytest.mark.parametrize("by_content", [True, False])
def test_a_simulation_has_no_picture_on_both_sides(tmp_path: Path, by_content: bool) -> None:
    shown = embedded(tmp_path / "e", by_content=by_content, all_labeled=True)
    embeddings = read_embeddings(tmp_path / "e")
    world = build_world(embeddings, embeddings.labels)
    pictures = [shown[int(file[:3])] for file in world.files]
    judges = {shown[int(file[:3])] for file in world.test_files}
    assert sorted(pictures) == sorted(set(range(ORIGINALS)) - judges)
    assert judges == set(range(30, 40))
    assert world.copies == 3 * ORIGINALS - 10 - 10 - len(pictures), "ten judge, ten are in val"


def test_where_all_embeddings_are_alike_they_tell_nothing() -> None:
    vectors, rows = Shards([np.ones((40, 4), np.float32)]), np.arange(40)
    assert not repeats([""] * 40, vectors, rows[:5], rows[5:]).any()
    assert repeats([str(row % 20) for row in rows], vectors, rows[:0], rows).sum() == 20
    zeros = Shards([np.vstack([np.zeros((5, 4)), np.eye(4)]).astype(np.float32)])
    assert not repeats([""] * 9, zeros, rows[:0], rows[:9]).any()
