"""Writing files and folders so that what is there is whole.

Everything is written aside in the same folder, synced, renamed onto its name, and the folder is synced. A process
killed at any moment leaves the old content or the new one, and at most a `.partial-…` beside it that nobody reads.
Where the system cannot exchange two folders, the old one may be left as a `.replaced-…`, which `put_back` finds.
"""

import ctypes
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from barlowmatch.errors import InputError


def aside(path: Path) -> Path:
    """Return a name beside `path` that no reader takes for a result."""
    begin = path.name[:50]  # of 4 bytes at most; file systems take 255
    return path.with_name(f".partial-{begin}-{uuid.uuid4().hex[:8]}")


def keep_aside(path: Path) -> Path:
    """Rename a file to the first free of `NAME.bak`, `NAME.bak2`, … and return that; no earlier one is replaced."""
    backup, number = path.with_name(f"{path.name}.bak"), 1
    while os.path.lexists(backup):
        number += 1
        backup = path.with_name(f"{path.name}.bak{number}")
    return path.rename(backup)


def sync(path: Path) -> None:
    """Make the content of a file durable, or the names in a folder; reading it is all that has to be allowed."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reserve(path: Path) -> None:
    """Take the disk space a sparse file claims, so that a full disk is an error now.

    Writing to a memory map of a file whose space cannot be had kills the process instead.

    Raises:
        OSError: there is not enough space.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, path.stat().st_size))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes `path` in one step, on any error it is removed.

    Raises:
        InputError: the folder cannot be written or the disk is full.
    """
    partial = aside(path)
    try:
        with _folders_made(path):
            try:
                yield partial
                sync(partial)
                partial.replace(path)
                sync(path.parent)
            finally:
                with suppress(OSError):  # a folder that cannot be written holds no partial file either
                    partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(cannot_write(path, error)) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to fill; on success it becomes `path` in one step, on any error it is removed.

    Raises:
        InputError: `path` is a file or not empty, the working folder, cannot be written, or the disk is full.
    """
    refuse_working_folder(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: the folder exists and is not empty; name another one or remove it")
    partial = aside(path)
    try:
        with _folders_made(path):
            try:
                partial.mkdir()
                yield partial
                _sync_tree(partial)
                if path.is_dir():
                    path.rmdir()
                partial.rename(path)
                sync(path.parent)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise InputError(cannot_write(path, error)) from error


def replace_folder(filled: Path, path: Path) -> None:
    """Give a folder its name in one step; a folder that has the name goes.

    Args:
        filled: beside `path`, all that is in it durable.
        path: no symbolic link.

    Raises:
        OSError: it cannot be renamed; `path` is what it was.
    """
    old = _replaced(path)
    if not path.exists():
        filled.rename(path)
    elif _exchange(filled, path):
        old = filled
    else:
        shutil.rmtree(old, ignore_errors=True)  # of an earlier one that was killed after it had put the new one there
        path.rename(old)
        try:
            filled.rename(path)
        except OSError:
            put_back(path)
            raise
    sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def put_back(path: Path) -> None:
    """Give an old folder its name again where the one that was to replace it did not come to it, and none has it."""
    if not os.path.lexists(path):
        with suppress(OSError):  # there is none, or nothing may be renamed here
            _replaced(path).rename(path)


def _replaced(path: Path) -> Path:
    """Return the name that a folder has while another takes its place."""
    return path.with_name(f".replaced-{path.name[:50]}-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}")


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders have each other's name, in one step; say whether system and file system can do that."""
    system, names = ctypes.CDLL(None), (os.fsencode(one), os.fsencode(other))
    if hasattr(system, "renameat2"):  # Linux; -100 (AT_FDCWD) is the working folder, 2 is RENAME_EXCHANGE
        return bool(system.renameat2(-100, names[0], -100, names[1], 2) == 0)
    if hasattr(system, "renamex_np"):  # macOS; 2 is RENAME_SWAP
        return bool(system.renamex_np(*names, 2) == 0)
    return False


def refuse_working_folder(path: Path) -> None:
    """Refuse a folder to be replaced that is the working one: whoever works there would be left in the old one.

    Raises:
        InputError: it is.
    """
    if path.resolve() == Path.cwd():
        raise InputError(f"{path}: is the folder that this command runs in, and would be replaced; name another one")


@contextmanager
def _folders_made(path: Path) -> Iterator[None]:
    """Make the folders that lead to `path`; those made go again where it is not there in the end."""
    made = [folder for folder in path.parents if not os.path.lexists(folder)]  # `exists` fails on too long a name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        if made and not os.path.lexists(path):
            for folder in made:
                with suppress(OSError):  # it was not made, or somebody else has put something into it
                    folder.rmdir()


def _sync_tree(folder: Path) -> None:
    """Make all that is below a folder durable."""
    for inner, _, files in os.walk(folder):
        for name in files:
            file = Path(inner, name)
            if file.stat().st_nlink == 1:  # a hard link's content belongs to somebody else and is durable
                sync(file)
        sync(Path(inner))


def cannot_write(path: Path, error: OSError) -> str:
    """Say in one line why `path` cannot be written and what to do."""
    return f"{path}: cannot be written ({error.strerror or error}); free some space or name a folder you may write to"


@contextmanager
def paths_explained() -> Iterator[None]:
    """Turn what the file system says of a path into bad input.

    A name that is too long, or a folder one may not look into, fails wherever the path is first looked at.

    Raises:
        InputError: a path cannot be used; the line names it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise  # no path's fault
        path = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        raise InputError(f"{path}: cannot be used ({error.strerror or error}); name another path") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all; undecodable bytes of file names survive the round trip."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write files that belong together: none gets its name before all are on disk under another."""
    with ExitStack() as stack:
        for path, text in texts.items():
            partial = stack.enter_context(whole_file(path))
            partial.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
            sync(partial)  # a full disk shows itself here, before the first name is given


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=True, default=str) + "\n")
