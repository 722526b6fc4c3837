"""Pools for the tests of strategies: clustered vectors with labels and probabilities, and plain distances."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from barlowmatch.embeddings.shards import Shards
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.vectors import DEFAULT_MEMORY

Array = npt.NDArray[np.float64]


def clustered(count: int, dimension: int, classes: int, labeled: int, seed: int = 0, spread: float = 0.6) -> "Scene":
    """Return points around `classes` random directions, `labeled` of them with their label."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(classes, dimension))
    truth = random.integers(classes, size=count)
    points = (centres[truth] + spread * random.normal(size=(count, dimension))).astype(np.float32)
    labels = np.full(count, -1)
    chosen = random.choice(count, labeled, replace=False)
    labels[chosen] = truth[chosen]
    logits = 4 * unit(points) @ unit(centres).T
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Scene(points, labels, truth, probabilities.astype(np.float32))


class Scene:
    """Points (n, D), labels (n,) with -1 for none, true classes (n,), probabilities (n, C)."""

    def __init__(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], truth: npt.NDArray[np.int64],
                 probabilities: npt.NDArray[np.float32]) -> None:  # fmt: skip
        self.points, self.labels, self.truth, self.probabilities = points, labels, truth, probabilities
        self.files = [f"unlabeled/{place:06d}.png" for place in range(len(points))]

    @property
    def pool(self) -> Pool:
        return self.in_order(np.arange(len(self.points)))

    def in_order(self, order: npt.NDArray[np.int64]) -> Pool:
        """Return the pool with its rows in another order."""
        classes = self.probabilities.shape[1]
        return Pool.from_arrays(
            self.points[order], self.labels[order], files=[self.files[row] for row in order],
            class_names=[f"class {place}" for place in range(classes)], probabilities=self.probabilities[order],
        )  # fmt: skip

    def besides(self, asked: npt.NDArray[np.int64]) -> Pool:
        """Return the pool in which some rows are asked for already."""
        names = tuple(f"class {place}" for place in range(self.probabilities.shape[1]))
        labeled, free = np.flatnonzero(self.labels >= 0), np.flatnonzero(self.labels < 0)
        return Pool.of(
            Shards([self.points]), self.files, labeled, np.setdiff1d(free, asked), self.labels, names,
            Shards([self.probabilities]), DEFAULT_MEMORY, asked,
        )  # fmt: skip


def unit(points: npt.ArrayLike) -> Array:
    """Return unit-norm vectors in float64; zero stays zero."""
    values = np.asarray(points, np.float64)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(norms > 0, norms, 1)


def distances(left: Array, right: Array) -> Array:
    """Return Euclidean distances (n, m) by differences, the plain way."""
    return np.array([np.sqrt(((right - row) ** 2).sum(1)) for row in left])


def missing(scene: Scene) -> Array:
    """Return the labels as scikit-activeml has them: NaN for none."""
    return np.where(scene.labels < 0, np.nan, scene.labels)


class LargestMade(TorchDispatchMode):
    """Take note of how many numbers the largest tensor has, and all of them together."""

    numbers = 0
    together = 0

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        made = func(*args, **(kwargs or {}))
        size = made.numel() if isinstance(made, torch.Tensor) else 0
        self.numbers = max(self.numbers, size)
        self.together += size
        return made
