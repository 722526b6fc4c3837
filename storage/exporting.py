"""What an export writes: every image with its present label, at one moment."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from storage.database import Database
from storage.images import image_of
from storage.records import Image, Split

JUDGED_BY = ("val", "test")
"""Splits that networks are judged by, and never learn from."""


@dataclass(frozen=True)
class Labeled:
    """An image and, where everybody agrees on one, the name of its class."""

    image: Image
    label: str | None

    @property
    def split(self) -> Split:
        """Where it is written to: what networks are judged by stays that, the rest is learned from once labeled."""
        if self.image.split in JUDGED_BY:
            return self.image.split
        return "unlabeled" if self.label is None else "train"


def labeled_images(db: Database) -> Iterator[Labeled]:
    """Yield every image by id; call it inside one read transaction to have all of one moment."""
    rows = db.execute(
        "SELECT image.*, class.name AS label FROM image LEFT JOIN class ON class.id = image.class ORDER BY image.id"
    )
    return (Labeled(image_of(row), row["label"]) for row in rows)


def contents_judged_by(items: Iterable[Labeled]) -> set[str]:
    """Return the hashes of what networks are judged by: they may learn from no copy of it."""
    return {item.image.sha256 for item in items if item.image.split in JUDGED_BY and item.image.present}


def name_groups(items: Iterable[Labeled], across: Container[str]) -> list[str]:
    """Return the group of each item, "" for one of `across`: readers would stop there."""
    groups = (item.image.group or "" for item in items)
    return ["" if group in across else group for group in groups]


def groups_across(items: Iterable[Labeled]) -> list[str]:
    """Return, in order, the groups that are both learned from and judged by, or judged by in two splits.

    That happens where labels, a moved file or another split came to a group after the control sample was drawn.
    """
    sides: dict[str, set[str]] = {}
    for image in (item.image for item in items if item.image.group):
        sides.setdefault(image.group or "", set()).add(image.split if image.split in JUDGED_BY else "train")
    return sorted(group for group, found in sides.items() if len(found) > 1)
