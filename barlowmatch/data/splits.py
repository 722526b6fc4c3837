"""Holding out validation images, and keeping groups whole."""

import hashlib
from dataclasses import replace

import numpy as np

from barlowmatch.data.dataset import Dataset


def hold_out(dataset: Dataset, share: float) -> Dataset:
    """Return the dataset with a uniform sample of its labeled images as split val, where it has no val or test.

    An image is held out by a hash of its group, else of its file name, never by its place: labels that come later
    move no image between train and val. With groups whole groups are held out, their unlabeled images included.
    """
    if share == 0 or not (dataset.labels >= 0).any() or np.isin(dataset.splits, ("val", "test")).any():
        return dataset
    if dataset.groups is None:
        chosen = np.zeros(len(dataset), dtype=bool)
        for row in dataset.train:
            chosen[row] = draw(dataset.files[row]) < share
    else:
        held = {group: draw(group) < share for group in set(dataset.groups)}
        chosen = np.fromiter((held[group] for group in dataset.groups), dtype=bool, count=len(dataset))
    return replace(dataset, splits=np.where(chosen, "val", dataset.splits).astype("<U9"))


def draw(name: str) -> float:
    """Return a number in [0, 1) that depends on `name` alone and is uniform over names."""
    digest = hashlib.sha256(b"held out\0" + name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
