"""How files and folders are called in a dataset that is written: by `create-dataset`, and by an export of the app.

| layout | names | function |
|---|---|---|
| seed | `<folder>/0.png …` | `numbered` |
| class folders | `<split>/<class>/<name>` | `kept` within `checked_folders` or `safe_folders` |

No two names are alike on any system: those that ignore case, or how Unicode puts an accent together, among them.
"""

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from barlowmatch.data.file_rows import composed
from barlowmatch.data.folders import is_passed_over
from barlowmatch.errors import InputError

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 255
"""Bytes that file systems take of a name."""
_LONGEST_CLASS = 120


def numbered(files: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return `<folder>/<number><suffix>` for each file, numbered from 0 in each folder, suffixes in lower case.

    Args:
        files: what each is called now.
        folders: where each goes.
    """
    numbers: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
    return [
        f"{folder}/{next(numbers[folder])}{PurePosixPath(file).suffix.lower()}"
        for file, folder in zip(files, folders, strict=True)
    ]


def kept(files: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return `<folder>/<name>` for each file, its own name in the folder it goes to.

    Where two would be alike, the one that lies there now keeps its name, else the first, and the other gets a number.

    Args:
        files: what each is called now.
        folders: where each goes.
    """
    names = [str(PurePosixPath(folder, _seen(file))) for file, folder in zip(files, folders, strict=True)]
    free = _FreeNames()
    for place in sorted(range(len(files)), key=lambda place: names[place] != files[place]):
        names[place] = free.take(names[place], PurePosixPath(files[place]).suffix)
    return names


def checked_folders(names: Sequence[str]) -> dict[str, str]:
    """Return a folder for each class, where nothing but its name will say which class it is: the class's very name.

    Raises:
        InputError: a class has a name that no folder here can have, or that readers pass over.
    """
    for name in names:
        if not name or "/" in name or "\0" in name or is_passed_over(name) or len(os.fsencode(name)) > _LONGEST:
            raise InputError(f'class "{name}": cannot be the name of a folder; rename the class')
    return {name: name for name in names}


def safe_folders(names: Sequence[str]) -> dict[str, str]:
    """Return a folder for each class, where a table will say which it is: its name, changed where a system takes none.

    Two that would be alike are told apart by a number.
    """
    free = _FreeNames()
    return {name: free.take(safe(name)) for name in names}


def safe(name: str) -> str:
    """Return a name as a folder may be called on any system; `../x` becomes `_.._x`."""
    cleaned = _UNSAFE.sub("_", composed(name)).encode()[:_LONGEST_CLASS].decode("utf-8", "ignore").rstrip(". ") or "_"
    return f"_{cleaned}" if is_passed_over(cleaned) or _RESERVED.fullmatch(cleaned) else cleaned


def _seen(file: str) -> str:
    """Return the name of a file so that readers do not pass it over: only a manifest can have named it before."""
    name = PurePosixPath(file).name
    return f"_{name}" if is_passed_over(name) else name


class _FreeNames:
    """Names that are taken, and what number the next that is like one of them may get."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def take(self, name: str, suffix: str = "") -> str:
        """Take a name, or where it is taken the first free one with a number before its suffix, and return it."""
        key, candidate = _alike(name), name
        number = self._next.get(key, 2)  # of a million of one name, each looks at a few
        while _alike(candidate) in self._next:
            candidate, number = _with_tail(name.removesuffix(suffix), f"-{number}{suffix}"), number + 1
        self._next[key] = number
        self._next.setdefault(_alike(candidate), 2)
        return candidate


def _with_tail(path: str, tail: str) -> str:
    """Return a path with something behind its name, which is cut where it would be too long."""
    folder, slash, name = path.rpartition("/")
    room = _LONGEST - len(os.fsencode(tail))
    if len(os.fsencode(name)) > room:
        name = os.fsencode(name)[:room].decode("utf-8", "ignore")
    return f"{folder}{slash}{name}{tail}"


def _alike(name: str) -> str:
    return composed(composed(name).casefold())
