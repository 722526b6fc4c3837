"""What a strategy may choose from: embeddings as they were made, with the labels of this moment.

An embeddings folder knows the labels of the day it was made. Here its vectors are linked into a folder whose table says
what the project knows now, so that a strategy sees every label since, and never asks for what needs no answer: images
that were answered or rejected, are kept for validation, or whose file is gone. Those that are asked for already are in
a table beside it: they are not asked for again either, and what is like them counts as covered.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from barlowmatch.data.tables import write_table
from barlowmatch.embeddings.folder import COLUMNS, FILES, META, Embeddings, read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write, write_json
from labeling.embeddings.columns import classes_of_columns
from labeling.embeddings.importing import match_images
from storage.classes import list_classes
from storage.database import Database
from storage.images import all_images
from storage.predictions import root_class
from storage.records import Image
from storage.requests import open_images

OUT = "test"
"""Split of rows that are neither learned from nor asked for; no strategy looks at it."""
ASKED = "asked.csv"
"""Table, in the pool's folder, of the images that are asked for already."""


@dataclass(frozen=True)
class PoolFolder:
    """A folder that strategies read.

    Attributes:
        folder: an embeddings folder.
        images: image of each file that may be asked for, by the file's name in it.
        labeled: images to learn from.
    """

    folder: Path
    images: dict[str, Image]
    labeled: int


@dataclass(frozen=True)
class _Row:
    split: str
    label: int | None
    image: Image
    asked: bool = False


def write_pool(db: Database, source: Path, folder: Path) -> PoolFolder:
    """Write the pool of this moment.

    Args:
        db: the project.
        source: a finished embeddings folder of its images.
        folder: an empty folder; the vectors are linked into it, not copied.

    Raises:
        InputError: the embeddings are damaged or of other images, or the folder cannot be written.
    """
    embeddings = read_embeddings(source)
    rows = _rows(db, embeddings)
    names, keeps_probabilities = _class_names(db, embeddings, rows)
    table = [
        (number, row.split if row else OUT, file, sha256, names[row.label] if row and row.label is not None else "")
        for number, (file, sha256) in enumerate(zip(embeddings.table.files, embeddings.table.sha256, strict=True))
        for row in [rows.get(number)]
    ]
    files = embeddings.table.files
    try:
        write_table(folder / FILES, COLUMNS, table)
        write_table(folder / ASKED, ("file",), [(files[number],) for number, row in rows.items() if row.asked])
        for path in source.glob("*.npy"):
            if keeps_probabilities or not path.name.startswith("probabilities"):
                (folder / path.name).symlink_to(path.absolute())
        classes = [{"id": number, "name": name} for number, name in names.items()]
        known = embeddings.meta["classes"] if keeps_probabilities else classes
        write_json(folder / META, embeddings.meta | {"classes": known, "probabilities": keeps_probabilities})
    except OSError as error:
        raise InputError(cannot_write(folder, error)) from error
    free = {files[number]: row.image for number, row in rows.items() if row.split == "unlabeled" and not row.asked}
    return PoolFolder(folder, free, sum(row.split == "train" for row in rows.values()))


def _rows(db: Database, embeddings: Embeddings) -> dict[int, _Row]:
    """Return what each row is now; where several images have its content, the one that settles it."""
    images, places = match_images(db, embeddings)
    place_of = dict(zip(images.tolist(), places.tolist(), strict=True))
    asked = {image for _, image in open_images(db)}
    found: dict[int, _Row] = {}
    for image in all_images(db):
        place = place_of.get(image.id)
        if place is None:
            continue
        row = _row(image, asked)
        if place not in found or _weight(row) > _weight(found[place]):
            found[place] = row
    return found


def _row(image: Image, asked: set[int]) -> _Row:
    kept = image.split in ("val", "test")
    if image.label.state == "labeled":
        return _Row(image.split if kept else "train", image.label.class_id, image)
    free = image.label.state == "none" and not kept
    return _Row("unlabeled" if free else OUT, None, image, free and image.id in asked)


def _weight(row: _Row) -> int:
    """Order what images of one content say: validation, labels, reasons not to ask, and last that one may ask."""
    return {"unlabeled": int(row.asked), OUT: 2, "train": 3, "val": 4}[row.split]


def _class_names(db: Database, embeddings: Embeddings, rows: dict[int, _Row]) -> tuple[dict[int, str], bool]:
    """Return a name for each class, and whether the folder's probabilities still are about these classes.

    They are not once a class was added that has labels, or two were merged: then a strategy that needs probabilities
    fits a linear classifier to the labeled embeddings.
    """
    present = {item.id: item.name for item in list_classes(db)}
    columns = _columns(db, embeddings)
    used = {row.label for row in rows.values() if row.label is not None}
    if columns is not None and used <= columns.keys():
        return columns, True
    return present, False


def _columns(db: Database, embeddings: Embeddings) -> dict[int, str] | None:
    """Return the name of the column of each class; None without probabilities, or where columns have become one."""
    if embeddings.probabilities is None:
        return None
    columns: dict[int, str] = {}
    known = classes_of_columns(db, embeddings.classes)
    for found, column in zip(known, embeddings.classes, strict=True):
        root = column.id if found is None else root_class(db, found)
        if root in columns:
            return None
        columns[root] = column.name
    return columns


def file_of(image: Image) -> str:
    """Return where an image lies below the dataset, as tables name it."""
    return os.fsdecode(image.path)
