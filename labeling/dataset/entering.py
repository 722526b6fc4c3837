"""New images of a dataset, with their classes and labels; very many come in while people label."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from barlowmatch.data.classes import ImageClass, spelled_otherwise
from barlowmatch.errors import InputError
from labeling.dataset.inspecting import Found, Index
from labeling.dataset.labels import import_own_labels
from storage.classes import add_class, class_ids
from storage.database import Database
from storage.errors import Refused
from storage.groups import control_groups, held_groups
from storage.images import add_images, find_images
from storage.parts import store_in_parts
from storage.present import refresh_images
from storage.settings import get_setting, put_setting

READING = "reading"
"""Setting: how often the dataset was read anew, so that two who do it at once notice each other."""


def enter_in_parts(db: Database, index: Index, fresh: Sequence[Found]) -> int:
    """Store new images by many small writes, each image with its label: others label in between.

    What others took up meanwhile is left as it is. Of a group that is drawn into a control sample meanwhile, the rest
    is kept for validation too.

    Args:
        db: open for writing, outside of a transaction.
        index: that the images are of.
        fresh: the images.

    Returns:
        How many were stored.
    """
    grouped = any(found.new.group is not None for found in fresh)
    drawn = control_groups(db) if grouped else set()
    held = held_groups(db) if grouped else set()
    added = 0

    def put(part: Sequence[Found]) -> None:
        nonlocal added
        put_setting(db, READING, get_setting(db, READING, 0) + 1)
        known = find_images(db, [found.new.path for found in part])
        new = [found for found, there in zip(part, known, strict=True) if there is None]
        kept = held | (control_groups(db) - drawn) if grouped else held
        refresh_images(db, enter_images(db, index, new, kept))
        added += len(new)

    store_in_parts(db, fresh, put)
    return added


def enter_images(db: Database, index: Index, fresh: Sequence[Found], held: AbstractSet[str]) -> list[int]:
    """Store new images, the classes they are of, and their labels, which a refresh of the images has to follow.

    Args:
        db: the database, inside a transaction.
        index: that the images are of.
        fresh: the images.
        held: groups that are kept for validation, and so are new images of theirs.

    Returns:
        The labeled images.
    """
    ids = enter_classes(db, index)
    entered = (replace(found.new, split="val") if found.new.group in held else found.new for found in fresh)
    images = add_images(db, entered)
    labeled = [(image, found.label) for image, found in zip(images, fresh, strict=True) if found.label]
    import_own_labels(db, labeled, ids)
    return [image for image, _ in labeled]


def enter_classes(db: Database, index: Index) -> dict[str, int]:
    """Store new classes, and return the id that each has here: its folder may have been spelled otherwise."""
    known = class_ids(db)
    ids = {}
    for number, name in index.classes:
        alike = (number, *spelled_otherwise(ImageClass(number, name)))
        ids[name] = next((there for there in alike if there in known), number)
        if ids[name] not in known:
            try:
                add_class(db, number, name, None, None)
            except Refused as error:
                told = f'the class "{name}": {error}, and names that differ in upper and lower case alone count as one'
                raise InputError(f"{index.root}: {told}; rename one of the two") from error
    return ids
