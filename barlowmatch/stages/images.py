"""From a dataset to batches: decoded images, the rows a stage may use, and the network's input statistics."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from barlowmatch.arrays import Counts, Rows
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.dataset import Dataset, judging
from barlowmatch.data.pixels import Pixels, load_pixels
from barlowmatch.data.sampling import sample
from barlowmatch.data.splits import val_is_sample
from barlowmatch.data.store import ImageStore
from barlowmatch.errors import InputError
from barlowmatch.events import Emit
from barlowmatch.machine.compute import Compute
from barlowmatch.machine.transfer import send
from barlowmatch.models.network import Architecture

STATISTICS_SAMPLE = 4096
STATISTICS_BLOCK = 32
"""Images looked at at a time, so that those decoded when asked for keep all cores at work."""


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset whose pixels are at hand; every list of rows leaves out the unreadable files.

    Of what is learned from copies of held out images are left out too: a name decides what is held out, and the content
    may have several.

    Attributes:
        dataset: files, splits and labels.
        pixels: the decoded images, row for row.
        store: where batches come from.
    """

    dataset: Dataset
    pixels: Pixels
    store: ImageStore

    @property
    def size(self) -> int:
        """Side of the images in px."""
        return self.pixels.size

    @property
    def train(self) -> Rows:
        """Labeled rows to learn from."""
        return self._apart(self.dataset.train)

    @property
    def unlabeled(self) -> Rows:
        """Rows of the pool."""
        return self._apart(self.dataset.unlabeled)

    @property
    def val(self) -> Rows:
        """Labeled rows to judge by: never trained on, never requested."""
        return self._readable(self.dataset.val)

    @cached_property
    def copies(self) -> Rows:
        """Rows of train and the pool with the content of an image that judges."""
        judges = judging(self.dataset.splits)
        contents = {self.pixels.sha256[row] for row in self._readable(np.flatnonzero(judges))} - {""}
        others = self._readable(np.flatnonzero(~judges))
        same = np.fromiter((self.pixels.sha256[row] in contents for row in others), bool, count=len(others))
        copies: Rows = others[same]
        return copies

    @cached_property
    def leaves_copies_out(self) -> bool:
        """Whether copies of what judges are left out: where val was drawn from the labeled images, in any round."""
        return "val" in self.dataset.splits and val_is_sample(self.dataset)

    @property
    def learnable(self) -> Rows:
        """All rows that may be learned from without labels."""
        return np.sort(np.concatenate([self.train, self.unlabeled]))

    @property
    def all(self) -> Rows:
        """Every readable row."""
        return self._readable(np.arange(len(self.dataset.files)))

    def labels(self, rows: Tensor) -> Tensor:
        """Return the labels (B,) of dataset rows, on the store's device."""
        return send(torch.from_numpy(self.dataset.labels[rows.numpy()]), self.store.device)

    def statistics(self, seed: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of the channels in [0, 1], over a seeded sample of the learnable rows."""
        counts = self._levels(sample(self.learnable, STATISTICS_SAMPLE, seed))
        shares, values = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
        mean = shares @ values
        std = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))
        return tuple(map(float, mean)), tuple(float(max(deviation, 1e-3)) for deviation in std)

    def _levels(self, rows: Rows) -> Counts:
        """Return how often each channel of some rows has each of its levels (3, 256), in the memory of a few images."""
        counts = np.zeros((3, 256), np.int64)
        for start in range(0, len(rows), STATISTICS_BLOCK):
            for image in self.pixels.array[rows[start : start + STATISTICS_BLOCK]]:
                counts += [np.bincount(channel.ravel(), minlength=256) for channel in image]
        return counts

    def _apart(self, rows: Rows) -> Rows:
        readable = self._readable(rows)
        return np.setdiff1d(readable, self.copies, assume_unique=True) if self.leaves_copies_out else readable

    def _readable(self, rows: Rows) -> Rows:
        readable: Rows = rows[self.pixels.readable[rows]]
        return readable


def load_images(
    dataset: Dataset, options: ImageOptions, compute: Compute, emit: Emit, like: Architecture | None = None
) -> Images:
    """Decode the dataset, or take it from the cache, and make its images ready for `compute`.

    Args:
        dataset: which files.
        options: size, fit, cache folder and workers as the user asks for.
        compute: where batches are wanted.
        emit: hears of progress and of unreadable files.
        like: what a checkpoint's network was trained with; its size, fit and intensity range hold then.

    Raises:
        InputError: the options ask for another size or fit than the checkpoint's, or no image is readable.
    """
    if like is None:
        pixels = load_pixels(dataset, options, emit)
        return Images(dataset, pixels, ImageStore(pixels.array, compute.device))
    for flag, wanted, demanded in (
        ("--image-size", options.image_size, like.image_size),
        ("--fit", options.fit, like.fit),
    ):
        if wanted not in (None, "auto", demanded):
            raise InputError(f"{flag} {wanted}: the checkpoint was trained with {demanded}; leave the flag out")
    pixels = load_pixels(
        dataset, options, emit, size=like.image_size, fit=like.fit, sixteen_bit_range=like.sixteen_bit_range
    )
    return Images(dataset, pixels, ImageStore(pixels.array, compute.device))
