"""Writing an embeddings folder, by one process or by many."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Rows
from barlowmatch.data.classes import ImageClass, plain_classes
from barlowmatch.data.tables import write_table
from barlowmatch.embeddings.folder import COLUMNS, FILES, META, SCHEMA, EmbeddedFiles
from barlowmatch.embeddings.shards import shard_name
from barlowmatch.errors import InputError
from barlowmatch.files import aside, cannot_write, refuse_working_folder, replace_folder, reserve, sync, write_json
from barlowmatch.machine import distributed, launcher

_OURS = re.compile(
    rf"{re.escape(META)}|{re.escape(FILES)}|(embeddings|probabilities)(-\d{{5}}-of-\d{{5}})?\.npy|\.DS_Store"
)


def refuse_other_content(folder: Path) -> None:
    """Refuse a folder that holds anything else than embeddings, or is the working one: they would replace it.

    Raises:
        InputError: it does, or is.
    """
    refuse_working_folder(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder")
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    others = [name for name in names if not _OURS.fullmatch(name)]
    if others or (names and not any(name.endswith(".npy") for name in names)):
        other = (others or names)[0]
        raise InputError(f"{folder}: holds {other}, which embeddings would replace; name another folder or move it")


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
        refuse_other_content(folder)
        self.folder = folder.resolve() if folder.is_symlink() else folder
        self.share = distributed.own_part(len(table))
        self._table = table
        self._partial = Path(distributed.from_main(str(aside(self.folder))))
        self._meta = {
            "schema": SCHEMA,
            "checkpoint": checkpoint,
            "rows": len(table),
            "dimension": dimension,
            "number_format": number_format,
            "classes": plain_classes(classes),
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
            InputError: an embedding is not finite, also after rounding to the stored format, or a probability is not;
                the line names the file.
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
            shares = np.asarray(probabilities)
            wrong = np.flatnonzero(~np.isfinite(shares).all(1))
            if len(wrong):
                file = self._table.files[rows[wrong[0]]]
                raise InputError(f"{file}: its class probabilities hold NaN; take an earlier checkpoint")
            self._arrays["probabilities"][places] = shares
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
        path = self._partial / shard_name(name, distributed.rank(), self._meta["shards"])
        self._arrays[name] = np.lib.format.open_memmap(path, "w+", np.dtype(number_format), (len(self._written), width))
        reserve(path)

    def _finish(self) -> None:
        missing = np.flatnonzero(~self._written)
        assert len(missing) == 0, f"row {missing[0] + self.share.start} was not written"
        for array in self._arrays.values():
            assert isinstance(array, np.memmap)
            array.flush()
        distributed.barrier()
        if launcher.is_main():
            self._publish()
        distributed.barrier()

    def _publish(self) -> None:
        table = self._table
        rows = zip(range(len(table)), table.splits, table.files, table.sha256, table.labels, strict=True)
        write_table(self._partial / FILES, COLUMNS, rows)
        for path in self._partial.glob("*.npy"):
            sync(path)
        write_json(self._partial / META, self._meta)
        replace_folder(self._partial, self.folder)

    def _discard(self) -> None:
        if launcher.is_main():
            shutil.rmtree(self._partial, ignore_errors=True)
