"""What a command reads has to be there; if not, one line says so, the same to who asks early and to who reads it."""

import shlex
from pathlib import Path

from barlowmatch.command_line.near_paths import or_near
from barlowmatch.errors import InputError

EMBEDDINGS_META = "meta.json"
"""In a folder of embeddings; written last, so that they are finished where it is."""


def need_images(folder: Path) -> None:
    """Refuse what is no folder.

    Raises:
        InputError: it is not there, or a file.
    """
    if not folder.exists():
        way_out = or_near(folder, Path.is_dir, "name the folder that holds the images")
        raise InputError(f"{folder}: no such folder{way_out}")
    if not folder.is_dir():
        raise InputError(f"{folder}: a file, not a folder; name the folder that holds the images")


def need_table(path: Path) -> None:
    """Refuse a table that is not there.

    Raises:
        InputError: there is none.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file{or_near(path, Path.is_file)}")


def need_file(path: Path) -> None:
    """Refuse a file that is not there.

    Raises:
        InputError: there is none, or a folder.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file{or_near(path, Path.is_file)}")


def need_labels(path: Path) -> None:
    """Refuse labels that are not there.

    Raises:
        InputError: there is neither a file nor a folder.
    """
    if not path.exists():
        way_out = or_near(path, Path.exists, "name a CSV of file,label or a folder of class folders")
        raise InputError(f"{path}: no such file or folder{way_out}")


def need_weights(path: Path) -> None:
    """Refuse weights that are not there.

    Raises:
        InputError: there are none, or a folder.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file{or_near(path, Path.is_file)}")


def need_embeddings(folder: Path) -> None:
    """Refuse a folder of embeddings that is not there or not finished.

    Raises:
        InputError: it is not.
    """
    if not (folder / EMBEDDINGS_META).is_file():
        missing = "holds no finished embeddings" if folder.is_dir() else "no such folder"
        write = f"write them with python -m barlowmatch embed --out-path {shlex.quote(str(folder))}"
        way_out = or_near(folder, lambda near: (near / EMBEDDINGS_META).is_file(), write)
        raise InputError(f"{folder}: {missing}{way_out}")


def need_checkpoint(path: Path) -> None:
    """Refuse a checkpoint that is not there.

    Raises:
        InputError: there is none, or a folder.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint file{or_near(path, Path.is_file)}")
