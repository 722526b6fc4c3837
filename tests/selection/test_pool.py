"""Which rows of an embeddings folder are asked for, learned from and calibrated by, and what calibration is for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles, read_embeddings
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.selection.configs import MaxHerdingConfig, UHerdingConfig
from barlowmatch.selection.maxherding import MaxHerding
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.uherding import UHerding, best_temperature
from tests.selection.scenes import Array, clustered, unit

ROWS = [
    ("z.png", "train", "b"), ("y.png", "train", ""), ("x.png", "val", "a"), ("w.png", "val", ""),
    ("v.png", "test", "b"), ("u.png", "test", ""), ("t.png", "unlabeled", ""), ("s.png", "train", "a"),
    ("r.png", "val", "b"),
]  # fmt: skip


def written(folder: Path, rows: list[tuple[str, str, str]], *, guesses: bool) -> tuple[Pool, Array]:
    """Return the pool of a folder of these rows (file, split, label), and their probabilities of a and b."""
    files, splits, labels = map(list, zip(*rows, strict=True))
    random = np.random.default_rng(0)
    first = random.uniform(size=len(rows))
    shares = np.stack([first, 1 - first], 1)
    classes = [ImageClass(0, "a"), ImageClass(1, "b")]
    with EmbeddingsWriter(
        folder, EmbeddedFiles(files, splits, labels, [""] * len(rows)), dimension=9, classes=classes, checkpoint="",
        with_probabilities=guesses,
    ) as writer:  # fmt: skip
        writer.write(np.arange(len(rows)), np.eye(9)[: len(rows)], shares if guesses else None)
    return Pool.from_embeddings(read_embeddings(folder)), shares


def test_labels_come_from_train_requests_from_what_has_none_and_calibration_from_val(tmp_path: Path) -> None:
    pool, shares = written(tmp_path / "e", ROWS, guesses=True)
    assert (pool.files, pool.rows.tolist()) == (("t.png", "y.png"), [6, 1])
    assert pool.labels.tolist() == [0, 1], "of s.png and z.png"
    np.testing.assert_allclose(pool.labeled.whole(), np.eye(9)[[7, 0]])
    np.testing.assert_allclose(pool.unlabeled.whole(), np.eye(9)[[6, 1]])
    np.testing.assert_allclose(pool.probabilities.take(np.arange(2)), shares[[6, 1]], atol=1e-6)
    assert pool.calibration is not None
    judged, labels = pool.calibration
    np.testing.assert_allclose(judged, shares[[2, 8]], atol=1e-6)
    assert labels.tolist() == [0, 1]


def test_images_asked_for_already_lie_between_the_labeled_and_the_others(tmp_path: Path) -> None:
    """Names of others, and of images that have their label by now, change nothing."""
    written(tmp_path / "e", ROWS, guesses=True)
    pool = Pool.from_embeddings(read_embeddings(tmp_path / "e"), asked={"t.png", "s.png", "x.png", "strange.png"})
    assert (pool.files, pool.rows.tolist(), pool.labels.tolist()) == (("y.png",), [1], [0, 1])
    np.testing.assert_allclose(pool.spoken_for.whole(), np.eye(9)[[7, 0, 6]])
    np.testing.assert_allclose(pool.labeled.whole(), np.eye(9)[[7, 0]])
    np.testing.assert_allclose(pool.unlabeled.whole(), np.eye(9)[[1]])
    with pytest.raises(InputError, match="has a label or is asked for already; none is left"):
        Pool.from_embeddings(read_embeddings(tmp_path / "e"), asked={"t.png", "y.png"})


def test_nothing_is_calibrated_by_without_guesses_or_labels_of_val(tmp_path: Path) -> None:
    assert written(tmp_path / "a", ROWS, guesses=False)[0].calibration is None
    others = [row for row in ROWS if row[1] != "val" or not row[2]]
    assert written(tmp_path / "b", others, guesses=True)[0].calibration is None


def test_where_all_outside_val_and_test_is_labeled_none_is_left_to_ask_for(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row[1] in ("val", "test") or row[2]]
    with pytest.raises(InputError, match="none is left to request"):
        written(tmp_path / "e", rows, guesses=True)


@pytest.mark.parametrize("judged", [49, 50])
def test_doubt_is_calibrated_by_fifty_images_at_least(judged: int) -> None:
    """An overconfident classifier's guesses are flattened, and it asks for other images than without."""
    scene = clustered(300, 8, classes=4, labeled=40)
    random = np.random.default_rng(1)
    logits = torch.from_numpy(random.normal(size=(judged, 4)))
    labels = torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(0)).squeeze(1)
    calibration = ((logits * 8).softmax(1), labels)
    pool = replace(scene.pool, calibration=calibration)
    temperature = best_temperature(*calibration) if judged >= 50 else 1.0
    assert (temperature > 2) == (judged >= 50)

    heard: list[Event] = []
    found = UHerding(UHerdingConfig(sigma=0.3)).select(pool, 20, emit=heard.append)
    expected = UHerding(UHerdingConfig(sigma=0.3, temperature=temperature)).select(scene.pool, 20)
    assert found.rows.tolist() == expected.rows.tolist()
    said = [event.message for event in heard if isinstance(event, Said)]
    assert f"uherding: kernel width 0.300, temperature {temperature:.2f}" in said
    plain = UHerding(UHerdingConfig(sigma=0.3, temperature=1.0)).select(scene.pool, 20)
    assert (found.rows.tolist() == plain.rows.tolist()) == (judged < 50)


def test_a_classifier_that_doubts_nothing_leaves_it_to_what_represents_the_pool() -> None:
    scene = clustered(300, 8, classes=4, labeled=40)
    scene.probabilities[:] = np.eye(4)[scene.truth]
    found = UHerding(UHerdingConfig(sigma=0.5)).select(scene.pool, 20)
    expected = MaxHerding(MaxHerdingConfig(sigma=0.5)).select(scene.pool, 20)
    assert found.rows.tolist() == expected.rows.tolist()


def test_without_probabilities_the_head_says_which_class_each_column_is() -> None:
    scene = clustered(300, 8, classes=3, labeled=60, spread=0.2)
    labels = np.where(scene.labels >= 0, 2 * scene.labels + 1, -1)
    names = [f"class {place}" for place in range(6)]
    pool = Pool.from_arrays(scene.points, labels, class_names=names)
    assert pool.probabilities.names == ["class 1", "class 3", "class 5"]
    shares = pool.probabilities.take(np.arange(len(pool)))
    assert (shares.argmax(1).numpy() == scene.truth[pool.rows]).mean() > 0.95
    np.testing.assert_allclose(pool.unlabeled.whole(), unit(scene.points)[pool.rows])
