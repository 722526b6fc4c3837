"""Judging by the images kept for it: what the newest predictions say about the labeled ones of the validation split.

Images whose file is gone count nowhere: no run can be judged by them. Images that `asker` is still to answer count as
unanswered; None: no image does.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

from dataclasses import dataclass

from storage.database import Database
from storage.rights import told


@dataclass(frozen=True)
class Cell:
    """So many control images labeled `label` are predicted to be `predicted`."""

    label: int
    predicted: int
    count: int


@dataclass(frozen=True)
class ControlCounts:
    """How much is known of the control sample: the images of the validation split.

    Attributes:
        images: all of them whose file is there, without those that are in it for their group alone.
        labeled: those that have a label.
        asked: those that an open request asks about.
    """

    images: int
    labeled: int
    asked: int


@dataclass(frozen=True)
class Origin:
    """A run whose predictions of control images are the newest, and of how many."""

    folder: bytes
    stage: str
    created: str
    images: int


def confusion(db: Database, asker: int | None = None) -> list[Cell]:
    """Return how often each label met each prediction; merged classes count as what they were merged into.

    The images of a cell are those that the filters `label`, `predicted`, `split` and `missing` of `storage.browsing`
    show: guesses that are still hidden from labelers count nowhere.
    """
    rows = db.execute(
        f"""SELECT image.class AS label, coalesce(class.merged_into, class.id) AS predicted, count(*) AS count
           FROM image JOIN prediction ON prediction.image = image.id JOIN class ON class.id = prediction.class
           WHERE image.split = 'val' AND image.present = 1 AND image.class IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM request_item AS item JOIN request ON request.id = item.request
               WHERE item.image = image.id AND item.left > 0 AND request.blind)
             AND {told("image.id", asker)}
           GROUP BY 1, 2 ORDER BY 1, 2""",
        {"asker": asker},
    )
    return [Cell(row["label"], row["predicted"], row["count"]) for row in rows]


def count_control(db: Database, asker: int | None = None) -> ControlCounts:
    """Count the control sample."""
    row = db.execute(
        f"""SELECT count(*) AS images, coalesce(sum(class IS NOT NULL AND {told("image.id", asker)}), 0) AS labeled,
                  coalesce(sum(EXISTS (SELECT 1 FROM request_item WHERE image = image.id AND left > 0)), 0) AS asked
           FROM image WHERE split = 'val' AND present = 1
             AND (class IS NOT NULL OR "group" IS NULL
                  OR EXISTS (SELECT 1 FROM request_item WHERE image = image.id))""",
        {"asker": asker},
    ).fetchone()
    return ControlCounts(row["images"], row["labeled"], row["asked"])


def control_labels(db: Database, asker: int | None = None) -> dict[int, int]:
    """Return how many control images have each class."""
    rows = db.execute(
        f"""SELECT class, count(*) AS count FROM image
           WHERE split = 'val' AND present = 1 AND class IS NOT NULL AND {told("image.id", asker)} GROUP BY class""",
        {"asker": asker},
    )
    return {row["class"]: row["count"] for row in rows}


def origins(db: Database) -> list[Origin]:
    """Return the runs that the predictions of control images are of, the one of most images first."""
    rows = db.execute(
        """SELECT run.folder, run.stage, run.created, count(*) AS images
           FROM image JOIN prediction ON prediction.image = image.id JOIN run ON run.id = prediction.run
           WHERE image.split = 'val' AND image.present = 1 GROUP BY run.id ORDER BY images DESC, run.id DESC"""
    )
    return [Origin(row["folder"], row["stage"], row["created"], row["images"]) for row in rows]


def labels_ahead(db: Database) -> int:
    """Return how many images to learn from will have a label once all that is asked for is answered."""
    row = db.execute(
        """SELECT (SELECT count(*) FROM image WHERE class IS NOT NULL)
           - (SELECT count(*) FROM image WHERE class IS NOT NULL AND split IN ('val', 'test'))
           - (SELECT count(*) FROM image WHERE present = 0 AND +class IS NOT NULL AND +split NOT IN ('val', 'test')) + (
             SELECT count(DISTINCT image.id) FROM request_item AS item JOIN image ON image.id = item.image
             WHERE item.left > 0 AND image.class IS NULL AND image.split IN ('train', 'unlabeled'))"""
    ).fetchone()
    return int(row[0])
