"""Names of files and folders in an export: safe on every system, and no two alike."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeling.exports.writing import Row

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 120


def class_folders(names: Sequence[str]) -> dict[str, str]:
    """Return a folder for each class: its name, changed where no system would take it, or another has it."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        folders[name] = _free(safe(name), taken)
    return folders


def safe(name: str) -> str:
    """Return a name as a folder may be called on any system; `../x` becomes `_.._x`."""
    cleaned = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).rstrip(". ")
    cleaned = cleaned.encode()[:_LONGEST].decode("utf-8", "ignore") or "_"
    return f"_{cleaned}" if cleaned.startswith(".") or _RESERVED.fullmatch(cleaned) else cleaned


def within_folders(rows: Sequence["Row"], folders: dict[str, str]) -> Iterator[tuple["Row", str]]:
    """Yield rows with `<split>/<class>/<file>`; of two files that are called alike the later gets its id added."""
    taken: set[str] = set()
    for row in rows:
        assert row.label is not None
        path = PurePosixPath(os.fsdecode(row.of.image.path))
        target = f"{row.split}/{folders[row.label]}/{path.name}"
        if target.casefold() in taken:
            target = f"{row.split}/{folders[row.label]}/{path.stem}-{row.of.image.id}{path.suffix}"
        yield row, _free(target, taken, path.suffix)


def numbered(rows: Sequence["Row"]) -> Iterator[tuple["Row", str]]:
    """Yield rows with `<split>/<number><suffix>`, numbered from 0 in each split."""
    next_number: dict[str, int] = {}
    for row in rows:
        number = next_number.get(row.split, 0)
        next_number[row.split] = number + 1
        yield row, f"{row.split}/{number}{PurePosixPath(os.fsdecode(row.of.image.path)).suffix.lower()}"


def _free(name: str, taken: set[str], suffix: str = "") -> str:
    """Return the name, or with a number before its suffix where it is taken (case ignored), and take it."""
    candidate, number = name, 2
    while candidate.casefold() in taken:
        candidate, number = f"{name.removesuffix(suffix)}-{number}{suffix}", number + 1
    taken.add(candidate.casefold())
    return candidate
