"""Fixtures every test may use: real images as folders, and the product's command as a real process."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.commands import Finished, Started

Command = Callable[..., Finished]


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep decoded images out of the user's cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    return folder


@pytest.fixture(scope="session")
def barlowmatch() -> Command:
    """Run `python -m barlowmatch …` and return the finished process."""

    def run(*words: object, cwd: Path | None = None) -> Finished:
        return Started([str(word) for word in words], cwd).finish()

    return run


@pytest.fixture(scope="session")
def seed_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return handwritten digits in the seed's layout."""
    return write_seed_layout(tmp_path_factory.mktemp("seed") / "digits")


def write_seed_layout(folder: Path) -> Path:
    """Write handwritten digits in the seed's layout, 60 labeled, 40 to validate, 300 unlabeled; return the folder."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(1).permutation(len(digits.images))
    start = 0
    for split, count in (("train", 60), ("val", 40), ("unlabeled", 300)):
        rows = order[start : start + count]
        start += count
        (folder / split).mkdir(parents=True)
        for number, row in enumerate(rows):
            image = Image.fromarray((digits.images[row] * (255 / 16)).astype(np.uint8)).resize((16, 16))
            image.save(folder / split / f"{number}.png")
        if split != "unlabeled":
            torch.save(torch.from_numpy(digits.target[rows].astype(np.int64)), folder / f"{split}_label_tensor.pt")
    return folder
