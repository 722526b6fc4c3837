"""The classes that labels from elsewhere name: known ones, by any name that stands for them, and new ones."""

from collections.abc import Iterable

from barlowmatch.errors import InputError
from labeling.names import clean_name, new_class_id
from storage.classes import add_class, class_ids, list_classes
from storage.database import Database
from storage.errors import Refused
from storage.people import fold


def known_classes(db: Database) -> dict[str, int]:
    """Return the present class of each folded name; the name of a merged class means what it was merged into."""
    merged = {
        fold(item.name): item.merged_into for item in list_classes(db, merged=True) if item.merged_into is not None
    }
    return {**merged, **{fold(item.name): item.id for item in list_classes(db)}}


def add_classes(db: Database, names: Iterable[str]) -> None:
    """Add the classes that are not there yet, in the order of the alphabet; of a name's spellings the first counts.

    Raises:
        InputError: a name cannot be one of a class.
    """
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(fold(name), name)
    known, taken = known_classes(db), class_ids(db)
    for name in sorted(spelled.values()):
        try:
            clean = clean_name(name)
            if fold(clean) not in known:
                number = new_class_id(clean, taken)
                add_class(db, number, clean, None, None)
                known[fold(clean)] = number
                taken.add(number)
        except Refused as error:
            raise InputError(f'the class "{name[:100]}": {error}; correct it in the table') from error
