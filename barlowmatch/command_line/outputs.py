"""Where a command writes, checked before it works: hours of work are not lost to a name that cannot be written.

A dataset folder is never written to. The main process tries for all whether a place can be written; nothing is made.
"""

import csv
import filecmp
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.files import cannot_write, keep_aside, sync, whole_file
from barlowmatch.machine import launcher

_LONGEST_LINE = 1 << 20
"""Characters of a table's first line that are looked at; what is no table may hold no line end at all."""


def refuse_inside(flag: str, path: Path, dataset_folder: Path | None) -> None:
    """Refuse a place inside a dataset folder: a picture among the results would join the images next time.

    Args:
        flag: what names the place on the command line.
        path: the place, whether it is there or not.
        dataset_folder: where the images are, None where a manifest names each of them.

    Raises:
        InputError: the place is the dataset folder or lies inside it.
    """
    if dataset_folder is not None and path.resolve().is_relative_to(dataset_folder.resolve()):
        raise InputError(f"{flag} {path}: would be written into the dataset folder; name a place outside it by {flag}")


def check_output_file(flag: str, path: Path, dataset_folder: Path | None) -> None:
    """Refuse a file that could not be written, or lies inside the dataset folder.

    Args:
        flag: what names the file on the command line.
        path: the file, whether it is there or not.
        dataset_folder: as in `refuse_inside`.

    Raises:
        InputError: it is a folder, no regular file, or in a folder that cannot be made or written.
    """
    refuse_inside(flag, path, dataset_folder)
    with _naming(flag, path):
        if path.is_dir():
            raise InputError(f"{flag} {path}: is a folder; name a file")
        if path.exists() and not path.is_file():
            raise InputError(f"{flag} {path}: is no regular file; name another one")
        _try_to_write(path.absolute().parent)


def refuse_to_lose(flag: str, path: Path, columns: Sequence[str], beyond: str | None = None) -> None:
    """Refuse to write a table over anything but an earlier one with the same columns.

    What else lies there is somebody's work: a table of labels, a checkpoint, or an earlier result with a column of
    their own in it.

    Args:
        flag: what names the file, or its folder, on the command line.
        path: the table, whether it is there or not.
        columns: the table's columns, or those it begins with.
        beyond: how the names of further columns begin; by default there are none.

    Raises:
        InputError: there is something else.
    """
    if not launcher.is_main() or not path.is_file():
        return
    with _naming(flag, path), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline(_LONGEST_LINE)
    try:
        names = next(csv.reader([first]), [])
    except csv.Error:
        names = []  # no table at all
    known, further = names[: len(columns)] == list(columns), names[len(columns) :]
    if first and not (known and all(beyond is not None and name.startswith(beyond) for name in further)):
        raise InputError(
            f"{flag} {path}: holds something else than this command writes, and would be lost; name another place"
        )


@contextmanager
def keeping_another(path: Path, emit: Emit) -> Iterator[Path]:
    """Yield a path to write to that becomes `path`; what lies there and reads otherwise is kept as `.bak`, `.bak2`, ….

    Somebody may have corrected it by hand.

    Args:
        path: the file.
        emit: hears what was kept, and as what.

    Raises:
        InputError: it cannot be written; what lies there stays.
    """
    with whole_file(path) as partial:
        yield partial
        sync(partial)  # a full disk shows before what lies there has another name
        if path.is_file() and not filecmp.cmp(path, partial, shallow=False):
            emit(Said(message=f"{path}: existed and read otherwise; kept as {keep_aside(path).name}"))


def check_output_folder(flag: str, path: Path, dataset_folder: Path | None) -> None:
    """Refuse a folder that could not be made or written into, or lies inside the dataset folder.

    Args:
        flag: what names the folder on the command line.
        path: the folder, whether it is there or not.
        dataset_folder: as in `refuse_inside`.

    Raises:
        InputError: it is a file, or cannot be made or written.
    """
    refuse_inside(flag, path, dataset_folder)
    with _naming(flag, path):
        if path.exists() and not path.is_dir():
            raise InputError(f"{flag} {path}: is a file; name a folder")
        _try_to_write(path.absolute())


@contextmanager
def _naming(flag: str, path: Path) -> Iterator[None]:
    """Say by its flag which place the operating system complained of."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{flag} {cannot_write(path, error)}") from error


def _try_to_write(folder: Path) -> None:
    """Write a nameless file where `folder` is or would be made: permissions do not tell of read-only disks."""
    if not launcher.is_main():
        return
    nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    with tempfile.TemporaryFile(dir=nearest):
        pass
