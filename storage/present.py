"""Bringing the derived columns of images up to date with the events."""

from collections.abc import Iterable

from storage.database import Database
from storage.records import Label


def refresh_image(db: Database, image: int) -> Label:
    """Derive the state of one image anew and return its present label."""
    label = db.execute("SELECT state, class, event FROM answered WHERE image = ?", (image,)).fetchone()
    marks = db.execute("SELECT flagged, skips FROM marked WHERE image = ?", (image,)).fetchone()
    state, class_id, event = tuple(label) if label else ("none", None, None)
    flagged, skips = (marks["flagged"] or 0, marks["skips"]) if marks else (0, 0)
    db.execute(
        "UPDATE image SET state = ?, class = ?, event = ?, flagged = ?, skips = ? WHERE id = ?",
        (state, class_id, event, flagged, skips, image),
    )
    return Label(state, class_id, event)


def refresh_images(db: Database, images: Iterable[int]) -> None:
    """Derive the state of some images anew."""
    for image in images:
        refresh_image(db, image)


def refresh_all(db: Database) -> None:
    """Derive the state of all images anew, in one pass."""
    db.execute(
        """UPDATE image SET state = fresh.state, class = fresh.class, event = fresh.event,
                            flagged = fresh.flagged, skips = fresh.skips
           FROM present_label AS fresh
           WHERE fresh.image = image.id
             AND (image.state, image.class, image.event, image.flagged, image.skips)
                 IS NOT (fresh.state, fresh.class, fresh.event, fresh.flagged, fresh.skips)"""
    )


def move_labels(db: Database, classes: Iterable[int], root: int) -> None:
    """Let images labeled as one of `classes` be labeled as `root`, and settle disputes that were between them.

    A merge of a large class is one update: only where opinions differ are the votes counted again.
    """
    for class_id in classes:
        db.execute("UPDATE image SET class = ? WHERE class = ?", (root, class_id))
        disputed = db.execute(
            """SELECT id FROM image WHERE state = 'disputed'
               AND EXISTS (SELECT 1 FROM label_event WHERE image = image.id AND class = ?)""",
            (class_id,),
        ).fetchall()
        refresh_images(db, [row["id"] for row in disputed])


def refresh_class(db: Database, class_id: int) -> None:
    """Derive the state of all images anew that somebody ever gave this class."""
    rows = db.execute("SELECT DISTINCT image FROM label_event WHERE class = ?", (class_id,)).fetchall()
    refresh_images(db, [row["image"] for row in rows])


def present_label(db: Database, image: int) -> Label:
    """Return the present label of an image, as it is kept."""
    row = db.execute("SELECT state, class, event FROM image WHERE id = ?", (image,)).fetchone()
    return Label(row["state"], row["class"], row["event"])


def answered_by(db: Database, image: int) -> int | None:
    """Return the person on whose answer alone a label rests, None where review decided, several answered or nobody."""
    row = db.execute(
        """SELECT CASE WHEN count(*) = 1 AND NOT max(decides) THEN max(person) END AS person
           FROM deciding_vote WHERE image = ?""",
        (image,),
    ).fetchone()
    person: int | None = row["person"]
    return person
