"""Learners that train the network itself: which images they see, and what they do with one class."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.configs.simulate import SimulateConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.simulation.trained import Trained
from barlowmatch.simulation.world import World
from tests.conftest import write_seed_layout


def learner(data: Path, folder: Path, **options: Any) -> Trained:
    """Return a learner of the digits: those of train are asked for, those of val judge."""
    dataset = read_dataset(DatasetOptions(dataset_folder=data))
    pool, test = dataset.train, dataset.val
    nothing = np.zeros((0, 4), np.float32)
    world = World(
        tuple(dataset.files[row] for row in pool), nothing, dataset.labels[pool], dataset.labels[pool],
        tuple(dataset.files[row] for row in test), nothing, dataset.labels[test], dataset.class_names,
    )  # fmt: skip
    return Trained(world, dataset, SimulateConfig(dataset_folder=data, learner="classifier", **options), folder)


@pytest.mark.parametrize("count", [0, 3])
def test_one_class_is_guessed(count: int, seed_layout: Path, tmp_path: Path) -> None:
    found = learner(seed_layout, tmp_path / "training")
    rows = np.flatnonzero(found.world.answers == 7)[:count]
    judged = found.judge(rows, found.world.answers[rows], 0)
    guess = 7 if count else 0
    assert judged.accuracy == (found.world.test_labels == guess).mean()
    assert judged.balanced_accuracy == pytest.approx(0.1)


def test_a_stage_is_told_how_to_compute_and_no_batch_is_larger_than_the_labels(
    seed_layout: Path, tmp_path: Path
) -> None:
    found = learner(
        seed_layout, tmp_path / "training", batch_size=16, cache="none", learner_epochs=1, precision="float32",
        image_size=8, checkpoint_path=None,
    )  # fmt: skip
    rows = np.concatenate([np.flatnonzero(found.world.answers == label)[:3] for label in (1, 7)])
    judged = found.judge(rows, found.world.answers[rows], 0)
    told = found._options(len(rows), 0)
    assert (told["batch_size"], told["cache"], told["precision"]) == (6, "none", "float32")
    left = {path.name for path in (tmp_path / "training").iterdir()}
    assert left == {"images", "manifest.csv"}, "runs and checkpoints would fill the disk"
    (tmp_path / "training" / "run").mkdir()
    (tmp_path / "training" / "run" / "classifier.pt").write_bytes(b"of a simulation that was killed")
    assert found.judge(rows, found.world.answers[rows], 0) == judged
    assert {path.name for path in (tmp_path / "training").iterdir()} == left


def test_images_of_another_folder_are_not_taken_for_these(seed_layout: Path, tmp_path: Path) -> None:
    other = write_seed_layout(tmp_path / "other")
    for data in (seed_layout, other, other):
        found = learner(data, tmp_path / "training")
        manifest = found._manifest(np.arange(4), found.world.answers[:4])
        files = read_dataset(DatasetOptions(manifest=manifest))
        assert files.path(0).resolve().is_relative_to(data.resolve())


def test_groups_that_the_draw_of_test_images_split_do_not_stop_it(seed_layout: Path, tmp_path: Path) -> None:
    found = learner(seed_layout, tmp_path / "training")
    found.dataset = replace(found.dataset, groups=("one plate",) * len(found.dataset))
    manifest = found._manifest(np.arange(4), found.world.answers[:4])
    assert len(read_dataset(DatasetOptions(manifest=manifest, val_share=0.0)).train) == 4


def test_answers_are_named_as_in_the_world_whatever_the_order_of_the_dataset(seed_layout: Path, tmp_path: Path) -> None:
    found = learner(seed_layout, tmp_path / "training")
    found.world = replace(found.world, class_names=("unseen", *found.world.class_names))
    manifest = found._manifest(np.arange(4), found.world.answers[:4] + 1)
    dataset = read_dataset(DatasetOptions(manifest=manifest, val_share=0.0))
    said = {dataset.files[row]: dataset.class_names[dataset.labels[row]] for row in dataset.train.tolist()}
    truth = [found.dataset.class_names[answer] for answer in found.world.answers[:4]]
    assert said == {f"images/{file}": name for file, name in zip(found.world.files[:4], truth, strict=True)}
