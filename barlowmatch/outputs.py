"""Where a command writes, checked before it works: hours of work are not lost to a name that cannot be written.

The main process checks for all; nothing is made by it.
"""

import os
import tempfile
from pathlib import Path

from barlowmatch import launcher
from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write


def check_output_file(flag: str, path: Path) -> None:
    """Refuse a file that could not be written.

    Args:
        flag: what names the file on the command line.
        path: the file, whether it is there or not.

    Raises:
        InputError: it is a folder, no regular file, or in a folder that cannot be made or written.
    """
    if not launcher.is_main():
        return
    try:
        if path.is_dir():
            raise InputError(f"{flag} {path}: is a folder; name a file")
        if path.exists() and not path.is_file():
            raise InputError(f"{flag} {path}: is no regular file; name another one")
        _try_to_write(path.absolute().parent)
    except OSError as error:
        raise InputError(f"{flag} {cannot_write(path, error)}") from error


def check_output_folder(flag: str, path: Path) -> None:
    """Refuse a folder that could not be made or written into.

    Args:
        flag: what names the folder on the command line.
        path: the folder, whether it is there or not.

    Raises:
        InputError: it is a file, or cannot be made or written.
    """
    if not launcher.is_main():
        return
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{flag} {path}: is a file; name a folder")
        _try_to_write(path.absolute())
    except OSError as error:
        raise InputError(f"{flag} {cannot_write(path, error)}") from error


def _try_to_write(folder: Path) -> None:
    """Write a nameless file where `folder` is or would be made: permissions do not tell of read-only disks."""
    nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    with tempfile.TemporaryFile(dir=nearest):
        pass
