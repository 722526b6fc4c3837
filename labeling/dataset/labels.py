"""Labels that come from elsewhere: the dataset's own, and tables of file and label."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from barlowmatch.data.classes import some
from barlowmatch.data.tables import read_table
from barlowmatch.errors import InputError
from labeling.dataset.classes import add_classes, known_classes
from labeling.dataset.labelsets import table_rows
from labeling.names import clean_name
from labeling.project import TERM_SECONDS, writing
from storage.classes import list_classes
from storage.clock import instant
from storage.database import Database, transaction
from storage.events import append_imported, imported_class, record
from storage.people import DATASET, find_or_add_person, fold
from storage.records import Sent
from storage.written import body_hash


@dataclass(frozen=True)
class Imported:
    """How many labels were stored, how many rows said what was known already, and how many said nothing."""

    stored: int
    known: int
    empty: int = 0


def import_own_labels(db: Database, labeled: Sequence[tuple[int, str]], ids: Mapping[str, int]) -> None:
    """Store the dataset's own labels of new images in one go; a refresh of the images has to follow.

    Args:
        db: the database.
        labeled: image, and the name of its class in the dataset.
        ids: classes by that name; in the project they may go by another by now.
    """
    person = find_or_add_person(db, DATASET).id
    sent = ((image, ids[name]) for image, name in labeled)
    append_imported(db, (_imported(image, class_id, person) for image, class_id in sent))


def import_table(folder: Path, path: Path, name: str = DATASET, new_classes: bool = False) -> Imported:
    """Store the labels of a CSV of file and label, as answers of one person; rows without a label say nothing.

    Imported again, a table changes nothing, whatever people said since; a label that differs from the one imported last
    counts anew.

    Args:
        folder: of the project.
        path: of the table.
        name: the person's.
        new_classes: make the classes that are not there.

    Raises:
        InputError: an unknown file or class; the line names both, and nothing is stored.
    """
    table = read_table(path)
    with writing(folder) as db, transaction(db):
        person = find_or_add_person(db, clean_name(name, "person")).id
        rows = list(table_rows(db, table))
        if new_classes:
            add_classes(db, (row.label for row in rows if row.label))
        ids = known_classes(db)
        stored = empty = 0
        for row in rows:
            if row.image is None:
                raise InputError(
                    f"{path}: line {row.line} names {row.file}, which is no image of the project; correct it"
                )
            if not row.label:
                empty += 1
            elif fold(row.label) not in ids:
                raise InputError(f'{path}: line {row.line}: no class "{row.label}" {_way_out(db)}')
            else:
                stored += _store(db, row.image, ids[fold(row.label)], person)
    return Imported(stored, len(rows) - stored - empty, empty)


def _way_out(db: Database) -> str:
    names = [item.name for item in list_classes(db)]
    there = f"there are {some(names)}" if names else "there are none yet"
    return f"({there}); correct it, or make the classes that are missing by --add-classes"


def _store(db: Database, image: int, class_id: int, person: int) -> bool:
    """Store one imported label unless it is what stands imported; say whether it was stored."""
    if imported_class(db, image, person) == class_id:
        return False
    record(db, _imported(image, class_id, person), instant(), TERM_SECONDS)
    return True


def _imported(image: int, class_id: int, person: int) -> Sent:
    body = body_hash({"image": image, "class": class_id}, person)
    return Sent(str(uuid.uuid4()), body, "label", person, image=image, class_id=class_id, source="import")
