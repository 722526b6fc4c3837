"""Labels as people bring them: a table of file and label, or folders that are named like classes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from barlowmatch.command_line.inputs import need_labels
from barlowmatch.data.folders import read_tree
from barlowmatch.data.tables import FILE_COLUMNS, LABEL_COLUMNS, Table, read_table
from barlowmatch.errors import InputError
from labeling.names import named_images
from storage.database import Database
from storage.images import images_with_hash


@dataclass(frozen=True)
class Row:
    """A label of a file: its name as it was given, an image of the project it is (None: none), the class's name.

    Of a table, `line` is the line that it stands on.
    """

    file: str
    image: int | None
    label: str
    line: int = 0


def read_labels(db: Database, source: Path) -> Iterator[Row]:
    """Yield the labels of a CSV of file and label, or of class folders.

    Files of a CSV are named relative to the folder of images, or absolutely. The pictures in class folders are found
    by their content, so that sorted copies will do, wherever they lie; all images of a content get its label. So are
    those of a CSV that has a column `sha256`, as the tables of an export do: its names are of files in the export.

    Args:
        db: the project.
        source: CSV, or a folder with a folder a class.

    Raises:
        InputError: no such source, not a table of file and label, or no pictures in it.
    """
    need_labels(source)
    if source.is_dir():
        yield from _folder_rows(db, source)
    else:
        yield from table_rows(db, read_table(source))


def table_rows(db: Database, table: Table) -> Iterator[Row]:
    """Yield the labels of a table of file and label, in the order of its rows.

    Raises:
        InputError: it has no column of files or of labels.
    """
    files, labels = table.need(FILE_COLUMNS), table.need(LABEL_COLUMNS)
    hashes = table.column(("sha256",)) or [""] * len(table)
    rows = zip(files, named_images(db, files), hashes, labels, table.lines, strict=True)
    for file, named, digest, label, line in rows:
        for image in _meant(db, named, digest.strip().lower()):
            yield Row(file, image, label.strip(), line)


def _meant(db: Database, named: int | None, digest: str) -> Sequence[int | None]:
    """Return the image of a name where it has the content that is told, else all that have it."""
    alike = [image.id for image in images_with_hash(db, digest) if image.present] if digest else []
    if not digest or named in alike:
        return (named,)
    return alike or (None,)


def _folder_rows(db: Database, source: Path) -> Iterator[Row]:
    pictures = [name for name in read_tree(source).pictures if "/" in name]
    if not pictures:
        raise InputError(f"{source}: holds no folders with pictures; name the folder that holds one folder a class")
    for name in pictures:
        for image in _with_content(db, source / name) or (None,):
            yield Row(name, image, label=name.partition("/")[0])


def _with_content(db: Database, path: Path) -> list[int]:
    """Return all images that have the content of a picture and whose files are there."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return []
    return [image.id for image in images_with_hash(db, digest) if image.present]
