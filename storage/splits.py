"""How many images each split has, for those who plan what to do with them.

All is counted in indexes and by what is few: rows are read of what is gone, rejected, asked about or kept for
validation, and never of all images. The index is named: by statistics SQLite would leave one where it expects half of
all rows.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from dataclasses import dataclass

from storage.database import Database

LEARNED_FROM = "split IN ('train', 'unlabeled')"
"""Of an image that a model may learn from, once it has a label or without."""
_KEPT = "split IN ('val', 'test')"


@dataclass(frozen=True)
class SplitCounts:
    """Images whose file is there.

    Attributes:
        learnable: those a model may learn from, labeled or not.
        labeled: labeled ones among them.
        classes: classes that occur among those labels.
        judged: labeled images of the validation split.
        kept: all images of the validation split.
    """

    learnable: int
    labeled: int
    classes: int
    judged: int
    kept: int


def split_counts(db: Database) -> SplitCounts:
    """Count the images of a project by what they are for."""
    labels, judged, tested = count_labels(db)
    kept = _count(db, "split", "split = 'val'") - _count(db, "gone", "present = 0 AND split = 'val'")
    classes = f"""SELECT count(*) FROM class WHERE EXISTS (
        SELECT 1 FROM image INDEXED BY image_class
        WHERE image.class = class.id AND {LEARNED_FROM} AND present = 1)"""
    return SplitCounts(
        count_learnable(db), labels - judged - tested, int(db.execute(classes).fetchone()[0]), judged, kept
    )


def count_labels(db: Database) -> tuple[int, int, int]:
    """Return how many images have a label, and how many of them are of the validation and of the test split."""
    labeled = _count(db, "state", "state = 'labeled'") - _count(db, "gone", "present = 0 AND state = 'labeled'")
    judged, tested = (
        _count(db, "split", f"split = '{split}' AND state = 'labeled' AND present = 1") for split in ("val", "test")
    )
    return labeled, judged, tested


def count_learnable(db: Database) -> int:
    """Return how many images a model may learn from, labeled or not."""
    return (
        _count(db, "split", LEARNED_FROM)
        - _count(db, "gone", f"present = 0 AND {LEARNED_FROM}")
        - _count(db, "state", f"state = 'rejected' AND present = 1 AND {LEARNED_FROM}")
    )


def count_drawable(db: Database) -> int:
    """Return how many images `requests.draw_unlabeled` draws from."""
    asked = f"""SELECT count(DISTINCT image.id) FROM request
                CROSS JOIN request_item AS item ON item.request = request.id CROSS JOIN image ON image.id = item.image
                WHERE request.left > 0 AND item.left > 0 AND state = 'none' AND present = 1 AND {LEARNED_FROM}"""
    return (
        _count(db, "state", "state = 'none'")
        - _count(db, "gone", "present = 0 AND state = 'none'")
        - _count(db, "split", f"{_KEPT} AND state = 'none' AND present = 1")
        - int(db.execute(asked).fetchone()[0])
    )


def _count(db: Database, index: str, where: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM image INDEXED BY image_{index} WHERE {where}").fetchone()[0])
