"""Arrays that lie in one file, or in as many as there were processes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from barlowmatch.arrays import AnyFloats, Rows
from barlowmatch.errors import InputError


class Shards:
    """Arrays (n_i, width) that lie in several files, read as one (n, width) without loading them."""

    def __init__(self, parts: Sequence[AnyFloats]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.shape = (int(self._starts[-1]), int(parts[0].shape[1]))
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, rows: Rows) -> AnyFloats:
        """Return some rows, in the order given, as an array in memory."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][rows])
        result = np.empty((len(rows), self.shape[1]), self.dtype)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for place, part in enumerate(self._parts):
            mine = np.flatnonzero(owner == place)
            result[mine] = part[rows[mine] - self._starts[place]]
        return result


def shard_name(name: str, number: int, count: int) -> str:
    """Return the name of the file of one shard, counted from 0, of `count`."""
    return f"{name}-{number + 1:05d}-of-{count:05d}.npy" if count > 1 else f"{name}.npy"


def open_shards(folder: Path, name: str, rows: int, width: int) -> Shards:
    """Open the array `name` (rows × width) of a folder, memory-mapped.

    Raises:
        InputError: a file is missing, damaged or of another shape.
    """
    paths = sorted(folder.glob(f"{name}-*-of-*.npy")) or [folder / f"{name}.npy"]
    if len(paths) > 1 or "-of-" in paths[0].name:
        expected = int(paths[0].stem.rsplit("-", 1)[1])
        if len(paths) != expected:
            raise InputError(f"{folder}: {len(paths)} of {expected} shards of {name} are there; embed again")
    parts = [_open_array(path, width) for path in paths]
    found = sum(map(len, parts))
    if found != rows:
        raise InputError(f"{paths[0]}: {found} rows, files.csv names {rows} files; embed again")
    return Shards(parts)


def _open_array(path: Path, width: int) -> AnyFloats:
    try:
        array: AnyFloats = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; embed again") from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); embed again") from error
    if array.dtype not in (np.float16, np.float32) or array.ndim != 2 or array.shape[1] != width:
        raise InputError(
            f"{path}: {array.dtype} {array.shape}, expected float16 or float32 with {width} columns; embed again"
        )
    return array
