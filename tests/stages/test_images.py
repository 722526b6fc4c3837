"""What a stage learns of its images before the first batch."""

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.data.dataset import HELD_OUT_FILE, Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import Pixels
from barlowmatch.data.splits import draw
from barlowmatch.data.store import ImageStore
from barlowmatch.events import Event, Said
from barlowmatch.machine.compute import Compute
from barlowmatch.stages.images import Images, load_images
from barlowmatch.stages.session import tell_about_copies
from tests.stages.small_datasets import pictures


@pytest.fixture
def images() -> Images:
    """Return 512 images of 128 px whose channels differ, every tenth of them to validate."""
    count, size = 512, 128
    random = np.random.default_rng(3)
    array = random.integers(0, (256, 200, 90), (count, size, size, 3), dtype=np.uint8).transpose(0, 3, 1, 2).copy()
    dataset = Dataset(
        root=Path(),
        layout="flat",
        files=tuple(f"{row}.png" for row in range(count)),
        splits=np.array(["val" if row % 10 == 0 else "unlabeled" for row in range(count)]),
        labels=np.full(count, -1),
        classes=(),
    )
    readable = np.arange(count) % 7 != 0
    pixels = Pixels(array, readable, {}, ("",) * count, size, "pad")
    return Images(dataset, pixels, ImageStore(array, torch.device("cpu")))


def test_statistics_equal_the_plain_formula_in_little_memory(images: Images) -> None:
    values = images.pixels.array[images.learnable].astype(np.float64) / 255
    expected = values.mean((0, 2, 3)), values.std((0, 2, 3))
    del values
    tracemalloc.start()
    found = images.statistics(seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert peak < 4 * 2**20, f"{peak / 2**20:.0f} MiB"


def loaded(folder: Path, cache: Path) -> tuple[Images, list[str]]:
    """Return a dataset's images, and what a run says of copies among them."""
    config = ClassifyConfig(dataset_folder=folder, cache_folder=cache, workers=1)
    events: list[Event] = []
    compute = Compute(torch.device("cpu"), torch.float32, autocast=False)
    images = load_images(read_dataset(config), config, compute, lambda event: None)
    tell_about_copies(images, events.append)
    return images, [event.message for event in events if isinstance(event, Said)]


def copied(folder: Path, *splits: str) -> tuple[Images, list[str]]:
    """Return images of which two are copies of ones in val, and what a run says of that.

    Args:
        folder: empty.
        splits: folder of the images, and of those that judge; with none what judges is held out.
    """
    data = folder / "data"
    train, val = splits or ("", "")
    pictures(data / train, *(f"{name}/{n}.png" for name in ("cat", "dog") for n in range(40)))
    if splits:
        pictures(data / val, "cat/judge.png", "dog/judge.png")
    judge = next(name for n in range(40) if draw(name := f"cat/{n}.png") < 0.2) if not splits else "cat/judge.png"
    names = (name for n in range(100) if draw(name := f"cat/copy {n}.png") >= 0.2)
    for _ in range(2):
        shutil.copy(data / val / judge, data / train / next(names))
    return loaded(data, folder / "cache")


def test_nothing_is_learned_from_copies_of_what_was_held_out(tmp_path: Path) -> None:
    images, (said,) = copied(tmp_path)
    files, contents = images.dataset.files, images.pixels.sha256
    judging = {contents[row] for row in images.val}
    assert said.startswith("2 images are copies of ones in val or test, the first cat/copy")
    assert said.endswith("nothing is learned from them")
    assert {files[row] for row in images.val} == {name for name in files if draw(name) < 0.2}, "as without copies"
    assert not judging & {contents[row] for row in images.learnable}
    assert len(images.train) + len(images.val) == len(files) - 2


def test_nor_is_it_in_the_rounds_that_follow(tmp_path: Path) -> None:
    pictures(
        tmp_path / "data", "val/cat/judge.png", *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in "123")
    )
    shutil.copy(tmp_path / "data/val/cat/judge.png", tmp_path / "data/train/cat/copy.png")
    (tmp_path / "data" / HELD_OUT_FILE).write_text('{"group_by": null}\n')  # as create-dataset writes it
    images, (said,) = loaded(tmp_path / "data", tmp_path / "cache")
    assert said.endswith("nothing is learned from them")
    assert sorted(images.dataset.files[row] for row in images.learnable) == [
        f"train/{name}/{n}.png" for name in ("cat", "dog") for n in "123"
    ]


def test_of_splits_that_lie_there_copies_are_named_and_left(tmp_path: Path) -> None:
    images, (said,) = copied(tmp_path, "train", "val")
    assert said.endswith("`inspect --json` lists copies, remove them on one side")
    assert len(images.train) == len(images.dataset.train) == 82
