"""Real photographs for tests of the views: scikit-learn's two sample pictures, cut up."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor


@lru_cache
def photos(count: int, size: int) -> Tensor:
    """Return `count` different pieces of the two photographs as uint8 (count, 3, size, size)."""
    generator = np.random.default_rng(size)
    pieces = []
    for number in range(count):
        picture = load_sample_images_once()[number % 2]
        side = int(generator.integers(2 * size, 420)) if size < 200 else size
        top, left = generator.integers(0, 427 - side), generator.integers(0, 640 - side)
        piece = Image.fromarray(picture[top : top + side, left : left + side]).resize((size, size))
        pieces.append(torch.from_numpy(np.array(piece)).permute(2, 0, 1))
    return torch.stack(pieces)


@lru_cache
def load_sample_images_once() -> list[np.ndarray]:
    return list(load_sample_images().images)
