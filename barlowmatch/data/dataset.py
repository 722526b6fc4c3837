"""A dataset: which images there are, in which split, and what is known about them."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Labels, Rows
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.file_rows import composed

SPLITS = ("train", "val", "test", "unlabeled")
"""Labeled images to learn from, two splits to measure on, and the pool that labels are requested from."""
HELD_OUT_FILE = "held-out.json"
"""Beside a split val that is a sample of the labeled images and grows with them from round to round."""
SYNONYMS = {
    "train": "train",
    "training": "train",
    "train_new": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "unlabeled": "unlabeled",
    "unlabelled": "unlabeled",
}
"""Names of split folders and values of split columns, in lower case, and the split each means."""
Splits = npt.NDArray[np.str_]
"""The split of each row, one of `SPLITS` (N,)."""


def labeled_in(split: str, splits: Splits, labels: Labels) -> Rows:
    """Return the rows of a split that have a label."""
    return np.flatnonzero((splits == split) & (labels >= 0))


def judging(splits: Splits) -> npt.NDArray[np.bool_]:
    """Say of each row (N,) whether it judges models: nothing is learned from it, and nobody is asked for its label."""
    return np.isin(splits, ("val", "test"))


def askable(splits: Splits, labels: Labels) -> Rows:
    """Return the rows whose label may be asked for: they have none, and judge nothing."""
    return np.flatnonzero((labels < 0) & ~judging(splits))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in rows; a row's number is its place everywhere (pixels, embeddings).

    Attributes:
        root: folder that `files` are relative to.
        layout: `seed`, `class-folders`, `table`, `flat` or `manifest`.
        classes: the classes in order; labels are positions in it.
        files: relative POSIX paths, bytes that are no UTF-8 kept by surrogateescape.
        splits: split of each row, one of `SPLITS`, (N,).
        labels: position in `classes` or -1 for none, (N,) int64; known ones are kept in every split but the pool.
        groups: what each row belongs together with, or None where nothing was asked for.
        sha256: content each file had when a manifest was written, "" where it does not say; None without a manifest.
        held_out: whether val was drawn from the labeled images on reading, and is no split that lies there.
    """

    root: Path
    layout: str
    classes: tuple[ImageClass, ...]
    files: tuple[str, ...]
    splits: Splits
    labels: Labels
    groups: tuple[str, ...] | None = None
    sha256: tuple[str, ...] | None = None
    held_out: bool = False

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def train(self) -> Rows:
        """Labeled rows to learn from."""
        return labeled_in("train", self.splits, self.labels)

    @cached_property
    def val(self) -> Rows:
        """Labeled rows that judge a model while it is made; those of test are for when it is finished."""
        return labeled_in("val", self.splits, self.labels)

    @cached_property
    def unlabeled(self) -> Rows:
        """Rows of the pool: without a label, and free to be requested and learned from."""
        return askable(self.splits, self.labels)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names in order."""
        return tuple(item.name for item in self.classes)

    @cached_property
    def composed_names(self) -> frozenset[str]:
        """The classes' names, composed: folders may spell them otherwise."""
        return frozenset(map(composed, self.class_names))

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, in hex, of file names, splits, labels and classes."""
        digest = hashlib.sha256()
        for item in self.classes:
            digest.update(f"{item.id}\0{item.name}\0".encode("utf-8", "surrogateescape"))
        for file in self.files:
            digest.update(file.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(np.ascontiguousarray(self.splits.astype("S9")).tobytes())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return digest.hexdigest()

    def groups_of(self, rows: Rows) -> tuple[str, ...] | None:
        """Return the groups of some rows, None where nothing was asked for."""
        return None if self.groups is None else tuple(self.groups[row] for row in rows)

    def path(self, row: int) -> Path:
        """Return the file of a row."""
        return self.root / self.files[row]

    def only(self, rows: Rows) -> "Dataset":
        """Return the dataset of some rows, in the order given."""
        return replace(
            self,
            files=tuple(self.files[row] for row in rows),
            splits=self.splits[rows],
            labels=self.labels[rows],
            groups=self.groups_of(rows),
            sha256=None if self.sha256 is None else tuple(self.sha256[row] for row in rows),
        )
