"""How many images each split has, for those who plan what to do with them."""

from dataclasses import dataclass

from storage.database import Database


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
    row = db.execute(
        """SELECT sum(split IN ('train', 'unlabeled') AND state <> 'rejected') AS learnable,
                  sum(split IN ('train', 'unlabeled') AND state = 'labeled') AS labeled,
                  count(DISTINCT CASE WHEN split IN ('train', 'unlabeled') THEN class END) AS classes,
                  sum(split = 'val' AND state = 'labeled') AS judged, sum(split = 'val') AS kept
           FROM image WHERE present = 1"""
    ).fetchone()
    return SplitCounts(*(int(row[name] or 0) for name in ("learnable", "labeled", "classes", "judged", "kept")))
