"""An embeddings folder as it is read: which files, which classes, which vectors."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.command_line.inputs import EMBEDDINGS_META, need_embeddings
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import SPLITS, Splits, askable, labeled_in
from barlowmatch.data.file_rows import composed
from barlowmatch.data.tables import read_table
from barlowmatch.embeddings.shards import Shards, open_shards
from barlowmatch.errors import InputError
from barlowmatch.files import put_back

SCHEMA = 1
META, FILES = EMBEDDINGS_META, "files.csv"
_BLOCK = 4096
"""Rows that are brought to unit length at a time: of many, no second copy is held."""
COLUMNS = ("row", "split", "file", "sha256", "label")


@dataclass(frozen=True, eq=False)
class EmbeddedFiles:
    """What each row is, in the order of the rows.

    Attributes:
        files: paths relative to the dataset, bytes that are no UTF-8 kept by surrogateescape.
        splits: `train`, `val`, `test` or `unlabeled`.
        labels: class names, "" where there is none.
        sha256: contents in hex, "" where not known.
    """

    files: Sequence[str]
    splits: Sequence[str]
    labels: Sequence[str]
    sha256: Sequence[str]

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A folder of embeddings, checked and memory-mapped.

    Attributes:
        folder: where it lies.
        vectors: raw embeddings (rows × D).
        probabilities: class probabilities (rows × C), columns as `classes`, or None.
        table: file, split, label and sha256 of each row.
        classes: the classes in order.
        labels: position in `classes` or -1 (rows,).
        meta: what `meta.json` holds besides: checkpoint (its sha256), dimension, stage, …
    """

    folder: Path
    vectors: Shards
    probabilities: Shards | None
    table: EmbeddedFiles
    classes: tuple[ImageClass, ...]
    labels: Labels
    meta: dict[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def splits(self) -> Splits:
        """The split of each row (rows,)."""
        return np.asarray(self.table.splits, np.str_)

    @property
    def labeled(self) -> Rows:
        """Rows with labels to learn from."""
        return labeled_in("train", self.splits, self.labels)

    @property
    def judged_by(self) -> Rows:
        """Rows with labels that judge a model while it is made."""
        return labeled_in("val", self.splits, self.labels)

    @property
    def askable(self) -> Rows:
        """Rows whose label may be asked for."""
        return askable(self.splits, self.labels)

    def unit_vectors(self, rows: Rows) -> Floats:
        """Return the embeddings of some rows at unit length (n, D).

        Raises:
            InputError: one holds NaN or infinity.
        """
        unit = np.empty((len(rows), self.vectors.shape[1]), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            vectors = self._finite(self.vectors, part, "embedding")
            unit[start : start + _BLOCK] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def shares(self, rows: Rows) -> Floats | None:
        """Return the class probabilities of some rows (n, C), None where there is no classifier.

        Raises:
            InputError: one is NaN or infinity.
        """
        return None if self.probabilities is None else self._finite(self.probabilities, rows, "prediction")

    def _finite(self, source: Shards, rows: Rows, what: str) -> Floats:
        found = source.take(rows).astype(np.float32)
        wrong = np.flatnonzero(~np.isfinite(found).all(1))
        if len(wrong):
            file = self.table.files[rows[wrong[0]]]
            raise InputError(f"{self.folder}: the {what} of {file} holds NaN or infinity; embed again")
        return found

    @property
    def dataset_folder(self) -> Path | None:
        """Where the embedded images were, None where a manifest named them or nothing tells."""
        folder = self.meta.get("dataset_folder")
        return Path(folder) if isinstance(folder, str) else None


def read_embeddings(folder: Path) -> Embeddings:
    """Open an embeddings folder; sizes are checked against each other, numbers when they are used.

    Raises:
        InputError: missing, incomplete, of a newer version, or its parts contradict each other.
    """
    put_back(folder.resolve())
    meta = _read_meta(folder)
    table = _read_files(folder / FILES)
    classes = tuple(ImageClass(int(item["id"]), str(item["name"])) for item in meta["classes"])
    vectors = open_shards(folder, "embeddings", len(table), meta["dimension"])
    probabilities = None
    if meta["probabilities"]:
        probabilities = open_shards(folder, "probabilities", len(table), len(classes))
    place = {composed(item.name): position for position, item in enumerate(classes)} | {"": -1}
    spelled = {name: place.get(composed(name)) for name in set(table.labels)}
    unknown = next((name for name in table.labels if spelled[name] is None), None)
    if unknown is not None:
        raise InputError(f'{folder / FILES}: the label "{unknown}" is not among the classes of {META}; embed again')
    labels = np.fromiter((spelled[name] for name in table.labels), np.int64, len(table))
    return Embeddings(folder, vectors, probabilities, table, classes, labels, meta)


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    need_embeddings(folder)
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        newer = int(meta["schema"]) > SCHEMA
        int(meta["dimension"]), list(meta["classes"]), bool(meta["probabilities"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); embed again") from error
    if newer:
        raise InputError(f"{path}: written by a newer version (schema {meta['schema']}); update BarlowMatch")
    return meta


def _read_files(path: Path) -> EmbeddedFiles:
    table = read_table(path)
    columns = {name: table.need([name]) for name in COLUMNS}
    if columns["row"] != [str(row) for row in range(len(table))]:
        raise InputError(f"{path}: its rows are not numbered from 0 in order; embed again")
    strange = next((split for split in columns["split"] if split not in SPLITS), None)
    if strange is not None:
        raise InputError(f'{path}: the split "{strange}" is none of {", ".join(SPLITS)}; embed again')
    return EmbeddedFiles(columns["file"], columns["split"], columns["label"], columns["sha256"])
