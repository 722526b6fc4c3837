"""What a stage learns of its images before the first batch."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from barlowmatch.data.dataset import Dataset
from barlowmatch.data.pixels import Pixels
from barlowmatch.data.store import ImageStore
from barlowmatch.stages.images import Images


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
