"""The embeddings folder: what `embed` writes and `select` reads.

Layout (schema 1): `embeddings.npy` (rows × D, fp16 or fp32, C order, raw: not normalised), `probabilities.npy`
(rows × C, fp32, where there is a classifier), `files.csv` (row, split, file, sha256, label) and `meta.json` (written
last). Under torchrun each process writes its rows as a shard: `embeddings-00001-of-00004.npy`. The arrays are
memory-mapped on both sides, so their size is bounded by the disk alone.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from barlowmatch import distributed
from barlowmatch.data.classes import ImageClass
from barlowmatch.data.dataset import SPLITS, Rows
from barlowmatch.data.tables import read_table, write_table
from barlowmatch.errors import InputError
from barlowmatch.files import aside, cannot_write, reserve, sync_file, sync_folder, write_json

SCHEMA = 1
META, FILES = "meta.json", "files.csv"
COLUMNS = ("row", "split", "file", "sha256", "label")
BLOCK_BYTES = 32 * 2**20

Floats = npt.NDArray[np.floating[Any]]


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


class Shards:
    """Arrays (n_i, width) that lie in several files, read as one (n, width) without loading them."""

    def __init__(self, parts: Sequence[Floats]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.shape = (int(self._starts[-1]), int(parts[0].shape[1]))
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, rows: Rows) -> Floats:
        """Return some rows, in the order given, as an array in memory."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][rows])
        result = np.empty((len(rows), self.shape[1]), self.dtype)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for place, part in enumerate(self._parts):
            mine = np.flatnonzero(owner == place)
            result[mine] = part[rows[mine] - self._starts[place]]
        return result

    def blocks(self) -> Iterator[tuple[int, Floats]]:
        """Yield (first row, rows) in blocks of some megabytes."""
        length = max(1, BLOCK_BYTES // (self.shape[1] * self.dtype.itemsize))
        for first, part in zip(self._starts.tolist(), self._parts, strict=False):
            for start in range(0, len(part), length):
                yield first + start, part[start : start + length]


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
    labels: Rows
    meta: dict[str, Any]

    def __len__(self) -> int:
        return len(self.table)


class EmbeddingsWriter:
    """Writes an embeddings folder row by row; it appears when all is durable, replacing an older one, or not at all.

    Under torchrun every process makes one and writes the rows of `share`; the main process writes the rest.

        with EmbeddingsWriter(folder, table, dimension=512, classes=classes, checkpoint=sha256) as writer:
            for rows, embeddings, probabilities in outputs:
                writer.write(rows, embeddings, probabilities)

    Args:
        folder: where to.
        table: what each row is.
        dimension: D of the embeddings.
        classes: columns of the probabilities, in order, with ids.
        checkpoint: sha256 of the checkpoint that made them.
        with_probabilities: whether rows come with class probabilities.
        number_format: how embeddings are stored.
        meta: further plain values for `meta.json`.

    Raises:
        InputError: the folder cannot be written or holds something else.
    """

    def __init__(
        self,
        folder: Path,
        table: EmbeddedFiles,
        *,
        dimension: int,
        classes: Sequence[ImageClass],
        checkpoint: str,
        with_probabilities: bool,
        number_format: Literal["float16", "float32"] = "float16",
        meta: dict[str, Any] | None = None,
    ) -> None:
        if folder.exists() and not (folder / META).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: exists and is no embeddings folder; name another one or remove it")
        self.folder = folder
        self.share = distributed.share(len(table))
        self._table = table
        self._partial = Path(distributed.from_main(str(aside(folder))))
        self._meta = {
            "schema": SCHEMA,
            "checkpoint": checkpoint,
            "rows": len(table),
            "dimension": dimension,
            "number_format": number_format,
            "classes": [{"id": item.id, "name": item.name} for item in classes],
            "probabilities": with_probabilities,
            "shards": distributed.world_size(),
            **(meta or {}),
        }
        self._written = np.zeros(self.share.stop - self.share.start, bool)
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def __enter__(self) -> Self:
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            self._open("embeddings", self._meta["dimension"], self._meta["number_format"])
            if self._meta["probabilities"]:
                self._open("probabilities", len(self._meta["classes"]), "float32")
        except OSError as error:
            self._discard()
            raise InputError(cannot_write(self.folder, error)) from error
        return self

    def write(self, rows: Rows, embeddings: npt.ArrayLike, probabilities: npt.ArrayLike | None = None) -> None:
        """Write embeddings (n, D) and probabilities (n, C) of rows of this process's share.

        Raises:
            InputError: an embedding is not finite, also after rounding to the stored format; the line names the file.
        """
        places = np.asarray(rows) - self.share.start
        with np.errstate(over="ignore"):
            stored = np.asarray(embeddings).astype(self._meta["number_format"])
        wrong = np.flatnonzero(~np.isfinite(stored).all(1))
        if len(wrong):
            raise InputError(
                f"{self._table.files[rows[wrong[0]]]}: its embedding holds NaN or a number beyond "
                f"{self._meta['number_format']}; the checkpoint is damaged or --number-format float32 is needed"
            )
        self._arrays["embeddings"][places] = stored
        if self._meta["probabilities"]:
            self._arrays["probabilities"][places] = np.asarray(probabilities)
        self._written[places] = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as failure:
            raise InputError(cannot_write(self.folder, failure)) from failure
        finally:
            self._arrays.clear()
            self._discard()

    def _open(self, name: str, width: int, number_format: str) -> None:
        shards = self._meta["shards"]
        suffix = f"-{distributed.rank() + 1:05d}-of-{shards:05d}" if shards > 1 else ""
        path = self._partial / f"{name}{suffix}.npy"
        self._arrays[name] = np.lib.format.open_memmap(path, "w+", np.dtype(number_format), (len(self._written), width))
        reserve(path)

    def _finish(self) -> None:
        missing = np.flatnonzero(~self._written)
        assert len(missing) == 0, f"row {missing[0] + self.share.start} was not written"
        for array in self._arrays.values():
            assert isinstance(array, np.memmap)
            array.flush()
        distributed.barrier()
        if distributed.is_main():
            self._publish()
        distributed.barrier()

    def _publish(self) -> None:
        table = self._table
        rows = zip(range(len(table)), table.splits, table.files, table.sha256, table.labels, strict=True)
        write_table(self._partial / FILES, COLUMNS, rows)
        for path in self._partial.glob("*.npy"):
            sync_file(path)
        write_json(self._partial / META, self._meta)
        old = aside(self.folder)
        if self.folder.exists():
            self.folder.rename(old)
        self._partial.rename(self.folder)
        sync_folder(self.folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _discard(self) -> None:
        if distributed.is_main():
            shutil.rmtree(self._partial, ignore_errors=True)


def read_embeddings(folder: Path) -> Embeddings:
    """Open an embeddings folder; sizes are checked against each other, numbers when they are used.

    Raises:
        InputError: missing, incomplete, of a newer version, or its parts contradict each other.
    """
    meta = _read_meta(folder)
    table = _read_files(folder / FILES)
    classes = tuple(ImageClass(int(item["id"]), str(item["name"])) for item in meta["classes"])
    vectors = _open_shards(folder, "embeddings", len(table), meta["dimension"])
    probabilities = None
    if meta["probabilities"]:
        probabilities = _open_shards(folder, "probabilities", len(table), len(classes))
    place = {item.name: position for position, item in enumerate(classes)} | {"": -1}
    unknown = next((name for name in table.labels if name not in place), None)
    if unknown is not None:
        raise InputError(f'{folder / FILES}: the label "{unknown}" is not among the classes of {META}; embed again')
    labels = np.fromiter((place[name] for name in table.labels), np.int64, len(table))
    return Embeddings(folder, vectors, probabilities, table, classes, labels, meta)


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    if not path.is_file():
        missing = "holds no finished embeddings" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {missing}; write them with python -m barlowmatch embed --out-path {folder}")
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


def _open_shards(folder: Path, name: str, rows: int, width: int) -> Shards:
    paths = sorted(folder.glob(f"{name}-*-of-*.npy")) or [folder / f"{name}.npy"]
    if len(paths) > 1 or "-of-" in paths[0].name:
        expected = int(paths[0].stem.rsplit("-", 1)[1])
        if len(paths) != expected:
            raise InputError(f"{folder}: {len(paths)} of {expected} shards of {name} are there; embed again")
    parts = [_open_array(path, width) for path in paths]
    found = sum(map(len, parts))
    if found != rows:
        raise InputError(f"{paths[0]}: {found} rows, {FILES} names {rows} files; embed again")
    return Shards(parts)


def _open_array(path: Path, width: int) -> Floats:
    try:
        array: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; embed again") from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); embed again") from error
    if array.dtype not in (np.float16, np.float32) or array.ndim != 2 or array.shape[1] != width:
        raise InputError(
            f"{path}: {array.dtype} {array.shape}, expected float16 or float32 with {width} columns; embed again"
        )
    return array
