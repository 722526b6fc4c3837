"""What a strategy chooses from: unlabeled images, the labeled ones, and what a classifier thinks of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from barlowmatch.arrays import AnyFloats, Labels, Rows
from barlowmatch.embeddings.folder import Embeddings
from barlowmatch.embeddings.shards import Shards
from barlowmatch.errors import InputError
from barlowmatch.selection.copies import repeats
from barlowmatch.selection.head import LinearHead, fit_head
from barlowmatch.selection.vectors import BLOCK_ROWS, DEFAULT_MEMORY, Vectors


class Probabilities:
    """Class probabilities (n, C) of some images, read or computed in blocks.

    Attributes:
        names: name of each column's class.
    """

    def __init__(
        self, source: Shards, rows: Rows, files: Sequence[str], dtype: torch.dtype, names: Sequence[str]
    ) -> None:
        self._source, self._rows, self._files = source, rows, files
        self.dtype, self.names = dtype, names

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, places: Rows | Tensor) -> Tensor:
        """Return the probabilities of some images (n, C).

        Raises:
            InputError: they are no probabilities; the line names the file.
        """
        chosen = np.asarray(places)
        values = torch.from_numpy(self._source.take(self._rows[chosen])).to(self.dtype)
        sums = values.sum(1)
        wrong = torch.nonzero(~((sums - 1).abs() < 0.02) | (values < 0).any(1))
        if len(wrong):
            first = int(wrong[0])
            raise InputError(
                f"{self._files[int(chosen[first])]}: its class probabilities sum to {float(sums[first]):.3f}, "
                "not to 1; embed it again"
            )
        return values / sums[:, None]

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield (place, probabilities) in blocks."""
        for start in range(0, len(self), BLOCK_ROWS):
            part = slice(start, min(start + BLOCK_ROWS, len(self)))
            yield part, self.take(np.arange(part.start, part.stop))


@dataclass(frozen=True, eq=False)
class Pool:
    """Images in the order of their file names; validation and test images are not among them.

    Attributes:
        vectors: unit-norm embeddings of the labeled images, then of those that are asked for already and wait for
            their label, then of the unlabeled ones that may be asked for.
        labels: position in `class_names` of each labeled image (L,).
        files: names of the unlabeled images, sorted.
        rows: row of each unlabeled image in the embeddings folder (N,).
        class_names: the classes in order; empty where nobody knows them yet.
        source: raw probabilities of all rows, or None.
        calibration: probabilities (V, C) and labels (V,) of validation images, or None; they are never requested.
        copies: how many images were left out since they repeat one that is labeled, asked for, in val or in the pool.
    """

    vectors: Vectors
    labels: Labels
    files: tuple[str, ...]
    rows: Rows
    class_names: tuple[str, ...]
    source: Shards | None = None
    calibration: tuple[Tensor, Tensor] | None = None
    copies: int = 0

    @classmethod
    def from_embeddings(
        cls, embeddings: Embeddings, memory: int = DEFAULT_MEMORY, asked: Collection[str] = frozenset()
    ) -> Self:
        """Return the pool of an embeddings folder: labels to learn from are in train, requests come from the rest.

        Copies are left out: of images with a label, of those asked for or in val, and all but the first of each other.

        Args:
            embeddings: the folder.
            memory: bytes that the normalised vectors may take.
            asked: names of images that are asked for already.

        Raises:
            InputError: an embedding holds NaN or infinity, the probabilities of a validation image are none, or no
                image is without a label.
        """
        files = embeddings.table.files
        named = np.array([file in asked for file in files], bool)
        waiting, free = (embeddings.askable[named[embeddings.askable] == side] for side in (True, False))
        known = np.flatnonzero((embeddings.labels >= 0) | (embeddings.splits == "val") | named)
        free = np.array(sorted(free, key=files.__getitem__), np.int64)
        repeated = repeats(embeddings.table.sha256, embeddings.vectors, known, free)
        if repeated.all():
            told = " or is asked for already" if len(waiting) else ""
            told += ", or is a copy of one that has or is" if len(repeated) else ""
            raise InputError(
                f"{embeddings.folder}: every image outside val and test has a label{told}; none is left to request"
            )
        names = tuple(item.name for item in embeddings.classes)
        pool = cls.of(
            embeddings.vectors, files, embeddings.labeled, free[~repeated], embeddings.labels, names,
            embeddings.probabilities, memory, waiting,
        )  # fmt: skip
        pool = replace(pool, copies=int(repeated.sum()))
        judged = embeddings.judged_by
        if embeddings.probabilities is None or len(judged) == 0:
            return pool
        judges = [files[row] for row in judged.tolist()]
        shares = Probabilities(embeddings.probabilities, judged, judges, pool.vectors.dtype, names)
        labels = torch.from_numpy(embeddings.labels[judged])
        return replace(pool, calibration=(shares.take(np.arange(len(judged))), labels))

    @classmethod
    def from_arrays(
        cls,
        vectors: AnyFloats,
        labels: Labels,
        *,
        files: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        probabilities: AnyFloats | None = None,
    ) -> Self:
        """Return the pool of arrays in memory: vectors (n, D), labels (n,) with -1 for none, probabilities (n, C)."""
        labels = np.asarray(labels, np.int64)
        names = files if files is not None else [f"{row:012d}" for row in range(len(labels))]
        classes = (
            class_names if class_names is not None else [str(place) for place in range(int(labels.max(initial=-1)) + 1)]
        )
        return cls.of(
            Shards([vectors]), names, np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0), labels, tuple(classes),
            None if probabilities is None else Shards([probabilities]), DEFAULT_MEMORY,
        )  # fmt: skip

    @classmethod
    def of(
        cls,
        vectors: Shards,
        files: Sequence[str],
        labeled: Rows,
        unlabeled: Rows,
        labels: Labels,
        class_names: tuple[str, ...],
        probabilities: Shards | None,
        memory: int,
        asked: Rows | tuple[()] = (),
    ) -> Self:
        """Return the pool of some rows, brought into the order of their file names."""
        labeled, asked, unlabeled = (
            np.array(sorted(rows, key=files.__getitem__), np.int64) for rows in (labeled, asked, unlabeled)
        )
        rows = np.concatenate([labeled, asked, unlabeled])
        names = tuple(files[row] for row in rows)
        return cls(
            vectors=Vectors.read(vectors, rows, names, memory),
            labels=labels[labeled],
            files=names[len(labeled) + len(asked) :],
            rows=unlabeled,
            class_names=class_names,
            source=probabilities,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def labeled(self) -> Vectors:
        """Embeddings of the labeled images (L, D)."""
        return self.vectors.part(0, len(self.labels))

    @cached_property
    def spoken_for(self) -> Vectors:
        """Embeddings of the images that are labeled or asked for already (L + A, D): nobody is asked for their like."""
        return self.vectors.part(0, len(self.vectors) - len(self))

    @cached_property
    def unlabeled(self) -> Vectors:
        """Embeddings of the unlabeled images that may be asked for (N, D)."""
        return self.vectors.part(len(self.vectors) - len(self), len(self.vectors))

    @cached_property
    def head(self) -> LinearHead:
        """A linear classifier fitted to the labeled embeddings.

        Raises:
            InputError: fewer than two classes have a label.
        """
        return fit_head(self.labeled.whole(), self.labels)

    @cached_property
    def probabilities(self) -> Probabilities:
        """Class probabilities of the unlabeled images: the folder's, else those of `head`.

        Raises:
            InputError: there are none, and fewer than two classes have a label.
        """
        vectors = self.unlabeled
        if self.source is not None:
            return Probabilities(self.source, self.rows, self.files, vectors.dtype, self.class_names)
        names = [self.class_names[place] for place in self.head.classes.tolist()]
        values = torch.empty(len(vectors), len(names), dtype=torch.float32)
        for part, block in vectors.blocks():
            values[part] = self.head.probabilities(block)
        return Probabilities(Shards([values.numpy()]), np.arange(len(values)), self.files, vectors.dtype, names)
