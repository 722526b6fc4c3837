"""Learners that train the network itself, by the stages that users run."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Labels, Rows
from barlowmatch.configs.simulate import SimulateConfig
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.listings import write_manifest
from barlowmatch.events import silent
from barlowmatch.simulation.learners import Judgement, judge_one_class
from barlowmatch.simulation.world import World

NEVER = 10**9
"""The test images stand as val, and must not pick the best model."""


class Trained:
    """`train-classifier`, and `fixmatch` after it where asked for, from the pretrained checkpoint.

    Args:
        world: images and answers.
        dataset: where the files are.
        config: checkpoint, epochs and what else training needs.
        folder: for manifests, and for runs and checkpoints while they are of use.
    """

    def __init__(self, world: World, dataset: Dataset, config: SimulateConfig, folder: Path) -> None:
        self.world, self.dataset, self.config, self.folder = world, dataset, config, folder
        place = {file: row for row, file in enumerate(dataset.files)}
        self.pool_rows = np.array([place[file] for file in world.files], np.int64)
        self.test_rows = np.array([place[file] for file in world.test_files], np.int64)

    def judge(self, rows: Rows, answers: Labels, seed: int) -> Judgement:
        """Train and return the figures on the test images; with one class only, guess it."""
        from barlowmatch.stages import classify, fixmatch

        if len(np.unique(answers)) < 2:
            return judge_one_class(answers, self.world.test_labels)
        run = self.folder / "run"
        common = {**self._options(len(rows), seed), "manifest": self._manifest(rows, answers)}
        shutil.rmtree(run, ignore_errors=True)  # of a simulation that was killed
        try:
            first = _paths(run, "classifier")
            result = classify.run(ClassifyConfig(**common, **first, transfer_path=self.config.checkpoint_path), silent)
            if self.config.learner == "fixmatch":
                second = _paths(run, "fixmatch")
                result = fixmatch.run(FixMatchConfig(**common, **second, transfer_path=first["best_path"]), silent)
        finally:
            shutil.rmtree(run, ignore_errors=True)
        return Judgement(result["val"]["accuracy"], result["val"]["balanced_accuracy"])

    def _options(self, count: int, seed: int) -> dict[str, Any]:
        """Return how both stages learn from so many labels."""
        return {
            "seed": seed, "select_best_from": NEVER, "num_epochs": self.config.learner_epochs,
            "views": self.config.views, "val_share": 0.0, "image_size": self.config.image_size, "fit": self.config.fit,
            "cache_folder": self.config.cache_folder, "cache": self.config.cache, "workers": self.config.workers,
            "device": self.config.device, "precision": self.config.precision, "threads": self.config.threads,
            "batch_size": self.config.batch_size and max(2, min(self.config.batch_size, count)),
        }  # fmt: skip

    def _manifest(self, rows: Rows, answers: Labels) -> Path:
        """Write the round's dataset as a manifest beside a link to the images; return it."""
        labels = np.full(len(self.dataset), -1, np.int64)
        splits = np.full(len(self.dataset), "unlabeled", self.dataset.splits.dtype)
        labels[self.pool_rows[rows]], splits[self.pool_rows[rows]] = answers, "train"
        labels[self.test_rows], splits[self.test_rows] = self.world.test_labels, "val"
        used = np.sort(np.concatenate([self.pool_rows, self.test_rows]))
        self.folder.mkdir(parents=True, exist_ok=True)
        link, root = self.folder / "images", self.dataset.root.resolve()
        if link.resolve() != root:  # there is none, or an earlier simulation was of other images
            link.unlink(missing_ok=True)
            link.symlink_to(root, target_is_directory=True)
        classes = tuple(ImageClass(place, name) for place, name in enumerate(self.world.class_names))
        # Without groups: where the dataset keeps no images for judging, test images are drawn one by one.
        known = replace(self.dataset, root=link, classes=classes, labels=labels, splits=splits, groups=None)
        current = known.only(used)
        path = self.folder / "manifest.csv"
        write_manifest(path, current, current.sha256 or [""] * len(current))
        return path


def _paths(folder: Path, stage: str) -> dict[str, Any]:
    return {
        "checkpoint_path": folder / f"{stage}.pt",
        "best_path": folder / f"{stage}-best.pt",
        "run_dir": folder / f"{stage}.run",
    }
