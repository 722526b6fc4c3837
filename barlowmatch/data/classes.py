"""Classes: their names, and ids that outlive renaming and new classes."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Labels
from barlowmatch.data.file_rows import composed
from barlowmatch.data.natural import natural_key
from barlowmatch.data.tables import is_text, read_table, write_table
from barlowmatch.errors import InputError

CLASSES_FILE = "classes.csv"
"""Beside a dataset's images or a manifest: `id,name`, for who wants ids, names or an order of their own."""
LARGEST_LABEL = 10_000_000
"""The largest id that a label tensor of the seed's layout may hold."""
HASHED = 2**52
"""Ids from here on come from a class's first name: two datasets that have one of them mean the same class."""


@dataclass(frozen=True)
class ImageClass:
    """A class: its `id` never changes and is never given to another class, its `name` may change."""

    id: int
    name: str


def class_id(name: str) -> int:
    """Return the id of a class of which only the name is known.

    The id comes from the name alone, so that a class added later, wherever it sorts, moves no other: a number stands
    for itself, any other name for 52 bits of its sha256 (two of 1,000 names collide once in 10^10 datasets).
    """
    if name.isascii() and name.isdigit() and len(name) <= 10 and str(int(name)) == name and int(name) < 2**31:
        return int(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return HASHED + int.from_bytes(digest[:8], "big") % HASHED


def spelled_otherwise(item: ImageClass) -> list[int]:
    """Return the ids that a class has where its name is spelled with composed signs, or with them taken apart."""
    if item.id != class_id(item.name):
        return []
    return [class_id(unicodedata.normalize(form, item.name)) for form in ("NFC", "NFD")]


def classes_of(names: Sequence[str]) -> tuple[ImageClass, ...]:
    """Return the classes of some names, each once, in natural order.

    Spellings that look alike are one class, which is called by the composed one; a name of one spelling stays as it is.
    """
    alike: dict[str, str] = {}
    for name in set(names):
        alike[composed(name)] = composed(name) if composed(name) in alike else name
    return tuple(ImageClass(class_id(name), name) for name in sorted(alike.values(), key=natural_key))


def plain_classes(classes: Iterable[ImageClass]) -> list[dict[str, Any]]:
    """Return classes as checkpoints and embeddings carry them."""
    return [{"id": item.id, "name": item.name} for item in classes]


def has_own_id(item: ImageClass) -> bool:
    """Say whether a class's id comes from a name of it: then another dataset's class of that id is the same class.

    Other small numbers may be of other classes in another dataset.
    """
    return item.id >= HASHED or item.name == str(item.id)


def renamed(known: Sequence[ImageClass], today: Sequence[ImageClass]) -> tuple[ImageClass, ...]:
    """Return classes by the names that a dataset gives them today."""
    names = {item.id: item.name for item in today}
    result = tuple(
        ImageClass(item.id, names.get(item.id, item.name) if has_own_id(item) else item.name) for item in known
    )
    distinct = len({item.name for item in result}) == len(result)  # one may have taken the name of one that is gone
    return result if distinct else tuple(known)


def places_among(known: Sequence[ImageClass], today: Sequence[ImageClass]) -> list[int]:
    """Return the position among known classes that each of a dataset's classes has, -1 where it is none of them.

    It is by their names, as the dataset has them today: a small id may be of another class there.
    """
    places = {composed(item.name): place for place, item in enumerate(renamed(known, today))}
    return [places.get(composed(item.name), -1) for item in today]


def some(names: Iterable[str], most: int = 10) -> str:
    """Return names as people read them, and beyond so many how many more there are."""
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most:,} more" if len(listed) > most else "")


def number(
    names: Sequence[str | None], listed: tuple[ImageClass, ...] | None = None
) -> tuple[tuple[ImageClass, ...], Labels]:
    """Return the classes and each name's position among them, -1 for None.

    Args:
        names: the class name of each image.
        listed: the classes where the dataset lists them; else they are those that occur.

    Raises:
        InputError: a name is not among the listed classes, or no text.
    """
    classes = listed or classes_of([name for name in set(names) if name is not None])
    places = {composed(item.name): place for place, item in enumerate(classes)}
    position: dict[str | None, int] = {
        name: places[composed(name)] for name in set(names) if name is not None and composed(name) in places
    }
    position[None] = -1
    garbled = next((item.name for item in classes if not is_text(item.name)), None)
    if garbled is not None:
        raise InputError(f"class {garbled!r}: its name is not UTF-8; rename the folder")
    unknown = next((name for name in names if name not in position), None)
    if unknown is not None:
        raise InputError(f'label "{unknown}" is outside the classes of {CLASSES_FILE}; add it there or correct it')
    return classes, np.fromiter((position[name] for name in names), dtype=np.int64, count=len(names))


def read_classes(folder: Path) -> tuple[ImageClass, ...] | None:
    """Return the classes that `classes.csv` in `folder` lists, or None where there is no such file.

    Raises:
        InputError: it has no columns id and name, or an id or a name twice.
    """
    path = folder / CLASSES_FILE
    if not path.is_file():
        return None
    table = read_table(path)
    classes = []
    for line, number_text, name in zip(table.lines, table.need(["id"]), table.need(["name"]), strict=True):
        digits = number_text.lstrip("0") or "0"
        if not (number_text.isascii() and number_text.isdigit() and len(digits) <= 16 and int(digits) < 2**53):
            raise InputError(f'{path}: line {line}: the id "{number_text[:20]}" is no number from 0 to 2^53')
        classes.append(ImageClass(int(digits), name))
    _refuse_repeats(path, "id", [str(item.id) for item in classes])
    _refuse_repeats(path, "name", [composed(item.name) for item in classes])
    return tuple(classes)


def write_classes(folder: Path, classes: Sequence[ImageClass]) -> None:
    """Write `classes.csv` into `folder`."""
    write_table(folder / CLASSES_FILE, ("id", "name"), [(item.id, item.name) for item in classes])


def _refuse_repeats(path: Path, what: str, values: list[str]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise InputError(f'{path}: the {what} "{repeated[0]}" is there twice; each class has its own')
