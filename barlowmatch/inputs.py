"""What a command reads has to be there; if not, one line says so, the same to who asks early and to who reads it."""

from pathlib import Path

from barlowmatch.errors import InputError


def need_images(folder: Path) -> None:
    """Refuse what is no folder.

    Raises:
        InputError: it is not there, or a file.
    """
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; name the folder that holds the images")
    if not folder.is_dir():
        raise InputError(f"{folder}: a file, not a folder; name the folder that holds the images")


def need_table(path: Path) -> None:
    """Refuse a table that is not there.

    Raises:
        InputError: there is none.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")


def need_checkpoint(path: Path) -> None:
    """Refuse a checkpoint that is not there.

    Raises:
        InputError: there is none, or a folder.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint file")
