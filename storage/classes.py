"""Classes: ids that never change; names, keys, colors and order that may; merges that lose no label."""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

import hashlib
import json
from dataclasses import dataclass

from storage.database import Database, Row
from storage.errors import Refused
from storage.people import fold
from storage.present import move_labels, refresh_class
from storage.records import ImageClass
from storage.rights import OWED_IMAGES, kept_labels

PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8b7500", "#7b4ea3", "#4d4d4d", "#b2182b",
)  # fmt: skip
"""Colors that people with any color vision can tell apart (Okabe and Ito, and some), given in turn."""


@dataclass(frozen=True)
class Merged:
    """A class whose labels count as another one's; `answers` were given with its own name and never taken back."""

    id: int
    name: str
    into: int
    answers: int


def list_classes(db: Database, *, merged: bool = False, asker: int | None = None) -> list[ImageClass]:
    """Return the classes in their order with how many images have them, merged ones only where asked for.

    Images that `asker` is still to answer are not counted; None: all are.
    """
    kept = {class_id: count for (_, class_id), count in kept_labels(db, asker).items()}
    rows = db.execute(
        """SELECT class.*, coalesce(used.count, 0) AS count
           FROM class LEFT JOIN (
               SELECT class, count(*) AS count FROM image WHERE class IS NOT NULL GROUP BY class) AS used
           ON used.class = class.id
           WHERE class.merged_into IS NULL OR ? ORDER BY class.position, class.id""",
        (merged,),
    )
    return [_class(row, row["count"] - kept.get(row["id"], 0)) for row in rows]


def classes_version(db: Database) -> str:
    """Return a word that is another one whenever the classes are: their names, keys, colors, order or number."""
    rows = db.execute("SELECT id, name, key, color, position FROM class WHERE merged_into IS NULL ORDER BY id")
    return hashlib.sha256(json.dumps([tuple(row) for row in rows]).encode()).hexdigest()[:16]


def get_class(db: Database, class_id: int, asker: int | None = None) -> ImageClass:
    """Return a class, merged or not; `asker` as of `list_classes`.

    Raises:
        Refused: there is none.
    """
    row = db.execute("SELECT * FROM class WHERE id = ?", (class_id,)).fetchone()
    if row is None:
        raise Refused(f"no class {class_id}", "class", "GET /api/classes lists them", "missing")
    count = db.execute("SELECT count(*) FROM image WHERE class = ?", (class_id,)).fetchone()[0]
    return _class(row, count - kept_labels(db, asker).get(("labeled", class_id), 0))


def class_ids(db: Database) -> set[int]:
    """Return the ids of all classes that ever were."""
    return {row["id"] for row in db.execute("SELECT id FROM class")}


def add_class(db: Database, class_id: int, name: str, key: str | None, color: str | None) -> ImageClass:
    """Add a class at the end of the order.

    Raises:
        Refused: the name or the key is taken.
    """
    _check_name(db, name, class_id)
    _check_key(db, key, class_id)
    position = db.execute("SELECT coalesce(max(position), -1) + 1 FROM class").fetchone()[0]
    db.execute(
        "INSERT INTO class (id, name, folded, key, color, position) VALUES (?, ?, ?, ?, ?, ?)",
        (class_id, name, fold(name), key, color or PALETTE[position % len(PALETTE)], position),
    )
    return get_class(db, class_id)


def rename_class(db: Database, class_id: int, name: str) -> None:
    """Give a class another name.

    Raises:
        Refused: no such class, or the name is taken.
    """
    get_class(db, class_id)
    _check_name(db, name, class_id)
    db.execute("UPDATE class SET name = ?, folded = ? WHERE id = ?", (name, fold(name), class_id))


def set_key(db: Database, class_id: int, key: str | None) -> None:
    """Give a class a key of its own, or none.

    Raises:
        Refused: no such class, or the key is taken.
    """
    get_class(db, class_id)
    _check_key(db, key, class_id)
    db.execute("UPDATE class SET key = ? WHERE id = ?", (key, class_id))


def set_color(db: Database, class_id: int, color: str) -> None:
    """Give a class another color.

    Raises:
        Refused: no such class.
    """
    get_class(db, class_id)
    db.execute("UPDATE class SET color = ? WHERE id = ?", (color, class_id))


def move_class(db: Database, class_id: int, position: int) -> None:
    """Put a class at a place in the order, counted from 0; the others close up.

    Raises:
        Refused: no such class.
    """
    get_class(db, class_id)
    order = [item.id for item in list_classes(db) if item.id != class_id]
    order.insert(position, class_id)
    db.executemany("UPDATE class SET position = ? WHERE id = ?", list(enumerate(order)))


def with_merged(db: Database, class_id: int) -> list[int]:
    """Return a class and those whose labels count for it."""
    return [row[0] for row in db.execute("SELECT id FROM class WHERE id = :id OR merged_into = :id", {"id": class_id})]


def merge_class(db: Database, class_id: int, into: int) -> None:
    """Let all labels of a class count as another one; the events stay as they are.

    Raises:
        Refused: no such class, or the two are one.
    """
    source, target = get_class(db, class_id), get_class(db, into)
    if source.merged_into is not None:
        raise Refused(f"{source.name} is merged already", "id", "split it first")
    if target.root == class_id:
        raise Refused(f"{source.name} cannot be merged into itself", "into", "name another class")
    moved = with_merged(db, class_id)
    db.execute("UPDATE class SET parent = ? WHERE id = ?", (into, class_id))
    db.execute("UPDATE class SET merged_into = ? WHERE id = ? OR merged_into = ?", (target.root, class_id, class_id))
    move_labels(db, moved, target.root)


def split_class(db: Database, class_id: int) -> None:
    """Take the merge of a class back; what was merged into it goes with it, its key only where no other has it by now.

    Raises:
        Refused: no such class, it is not merged, or its name is taken by now.
    """
    source = get_class(db, class_id)
    if source.merged_into is None:
        raise Refused(f"{source.name} is not merged", "id", "there is nothing to take back")
    _check_name(db, source.name, class_id)
    taken = db.execute("SELECT 1 FROM class WHERE key = ? AND merged_into IS NULL", (source.key,)).fetchone()
    db.execute(
        "UPDATE class SET parent = NULL, merged_into = NULL, key = ? WHERE id = ?",
        (None if taken else source.key, class_id),
    )
    refresh_class(db, class_id)
    for follower in _merged_below(db, class_id):
        db.execute("UPDATE class SET merged_into = ? WHERE id = ?", (class_id, follower))
        refresh_class(db, follower)


def list_merged(db: Database, asker: int | None = None) -> list[Merged]:
    """Return the merged classes in their order; `asker` as of `list_classes`."""
    told = "" if asker is None else f"AND event.image NOT IN {OWED_IMAGES}"
    rows = db.execute(
        f"""SELECT class.id, class.name, class.merged_into AS into_class, (
               SELECT count(*) FROM label_event AS event
               WHERE event.class = class.id AND event.kind IN ('label', 'confirm')
                 AND NOT EXISTS (SELECT 1 FROM label_event AS undo WHERE undo.undoes = event.id AND NOT EXISTS (
                     SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id)) {told}) AS answers
           FROM class WHERE class.merged_into IS NOT NULL ORDER BY class.position, class.id""",
        {"asker": asker},
    )
    return [Merged(row["id"], row["name"], row["into_class"], row["answers"]) for row in rows]


def _merged_below(db: Database, class_id: int) -> list[int]:
    """Return what was merged into a class, and into that, and so on."""
    rows = db.execute(
        """WITH RECURSIVE below (id) AS (
               SELECT id FROM class WHERE parent = ? UNION ALL
               SELECT class.id FROM class JOIN below ON class.parent = below.id)
           SELECT id FROM below""",
        (class_id,),
    )
    return [row["id"] for row in rows]


def _check_name(db: Database, name: str, class_id: int) -> None:
    row = db.execute(
        "SELECT name FROM class WHERE folded = ? AND merged_into IS NULL AND id <> ?", (fold(name), class_id)
    ).fetchone()
    if row is not None:
        raise Refused(f"the class {row['name']} exists already", "name", "take another name, or merge the two")


def _check_key(db: Database, key: str | None, class_id: int) -> None:
    row = db.execute(
        "SELECT name FROM class WHERE key = ? AND merged_into IS NULL AND id <> ?", (key, class_id)
    ).fetchone()
    if row is not None:
        raise Refused(f"the key {key} belongs to the class {row['name']}", "key", "take another key")


def _class(row: Row, count: int) -> ImageClass:
    return ImageClass(row["id"], row["name"], row["key"], row["color"], row["position"], row["merged_into"], count)
