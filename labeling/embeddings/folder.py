"""Reading an embeddings folder without torch, which its writer needs to know its process's share.

The layout is that of `barlowmatch.embeddings`: `embeddings.npy`, `probabilities.npy` (or shards of them), `files.csv`,
`meta.json`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.data.tables import read_table
from barlowmatch.errors import InputError

SCHEMA = 1

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EmbeddingFolder:
    """What a model made of images, row by row.

    Attributes:
        files: paths relative to the dataset.
        sha256: contents in hex, "" where not known.
        classes: columns of the probabilities, as (id, name).
        stage: which command's checkpoint made them.
    """

    files: tuple[str, ...]
    sha256: tuple[str, ...]
    classes: tuple[tuple[int, str], ...]
    stage: str
    _vectors: list[npt.NDArray[Any]]
    _probabilities: list[npt.NDArray[Any]] | None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def classifies(self) -> bool:
        """Whether there are class probabilities."""
        return self._probabilities is not None

    def unit_vectors(self, rows: Rows) -> Floats:
        """Return embeddings of unit length, (n, D).

        Raises:
            InputError: one holds NaN or infinity.
        """
        vectors = _take(self._vectors, rows)
        wrong = np.flatnonzero(~np.isfinite(vectors).all(1))
        if len(wrong):
            raise InputError(f"{self.files[rows[wrong[0]]]}: its embedding holds NaN or infinity; embed again")
        unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def probabilities(self, rows: Rows) -> Floats | None:
        """Return class probabilities, (n, C), None where there is no classifier."""
        return None if self._probabilities is None else _take(self._probabilities, rows)


def read_embedding_folder(folder: Path) -> EmbeddingFolder:
    """Open an embeddings folder.

    Raises:
        InputError: missing, unfinished, of a newer version, or damaged.
    """
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        schema, dimension = int(meta["schema"]), int(meta["dimension"])
        classes = tuple((int(item["id"]), str(item["name"])) for item in meta["classes"])
    except FileNotFoundError:
        raise InputError(
            f"{folder}: holds no finished embeddings; write them with python -m barlowmatch embed"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'meta.json'}: damaged ({error}); embed again") from error
    if schema > SCHEMA:
        raise InputError(f"{folder}: written by a newer version (schema {schema}); update the program")
    table = read_table(folder / "files.csv")
    files, sha256 = tuple(table.need(["file"])), tuple(table.need(["sha256"]))
    vectors = _open(folder, "embeddings", len(files), dimension)
    probabilities = _open(folder, "probabilities", len(files), len(classes)) if meta.get("probabilities") else None
    return EmbeddingFolder(files, sha256, classes, str(meta.get("stage", "embed")), vectors, probabilities)


def _open(folder: Path, name: str, rows: int, width: int) -> list[npt.NDArray[Any]]:
    paths = sorted(folder.glob(f"{name}-*-of-*.npy")) or [folder / f"{name}.npy"]
    try:
        parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{folder}: {name} cannot be read ({error}); embed again") from error
    right = all(part.ndim == 2 and part.shape[1] == width and part.dtype.kind == "f" for part in parts)
    if not right or sum(map(len, parts)) != rows:
        raise InputError(f"{folder}: {name} is not {rows} rows of {width} numbers; embed again")
    return parts


def _take(parts: list[npt.NDArray[Any]], rows: Rows) -> Floats:
    """Return some rows of arrays that lie one after the other."""
    ends = np.cumsum([len(part) for part in parts])
    owner = np.searchsorted(ends, rows, side="right")
    found = np.empty((len(rows), parts[0].shape[1]), np.float32)
    for place, part in enumerate(parts):
        mine = np.flatnonzero(owner == place)
        found[mine] = part[rows[mine] - (ends[place] - len(part))]
    return found
