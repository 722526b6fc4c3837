"""The manifest of a run: what the project knew at one label event, so that labeling goes on while the run trains.

`manifest.csv` lies in the run folder and names the images through the link `dataset` beside it; `classes.csv` has the
classes with their ids; `manifest.json` says at which label event it was written:

    {"schema": 1, "event": 1234, "created": "…", "images": 1797, "labels": {"train": 60, "val": 100}}

Images of the validation and test splits keep their split whether they are labeled or not, and no image of the same
content is left in training: they are judged by, never learned from. Images that are none of the classes are left out;
those on which people disagree count as unlabeled. Groups are named but for those that are both learned from and judged
by.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from barlowmatch.data.classes import ImageClass, write_classes
from barlowmatch.data.listings import MANIFEST_COLUMNS
from barlowmatch.data.tables import write_table
from barlowmatch.errors import InputError
from barlowmatch.files import cannot_write, write_json
from labeling.processes import read_json
from storage.classes import list_classes
from storage.clock import now
from storage.database import Database
from storage.exporting import JUDGED_BY, Labeled, contents_judged_by, groups_across, labeled_images, name_groups
from storage.requests import latest_event
from storage.settings import get_setting

SCHEMA = 1
MANIFEST = "manifest.csv"
FACTS = "manifest.json"
_LINK = "dataset"


@dataclass(frozen=True)
class Manifest:
    """A written manifest: the label event it is of, how many images it names, and labels by split."""

    event: int
    images: int
    labels: dict[str, int]


def write_manifest(db: Database, folder: Path) -> Manifest:
    """Write the manifest of this moment into a run folder; call it inside one read transaction.

    Raises:
        InputError: the folder cannot be written, or there is nothing to learn from.
    """
    rows = list(_rows(db))
    if not rows:
        raise InputError(f"{folder}: the project has no image whose file is there; run import --rescan")
    try:
        link = folder / _LINK
        if not link.is_symlink():
            link.symlink_to(Path(get_setting(db, "root")), target_is_directory=True)
    except OSError as error:
        raise InputError(cannot_write(folder, error)) from error
    write_classes(folder, [ImageClass(item.id, item.name) for item in list_classes(db)])
    write_table(
        folder / MANIFEST, MANIFEST_COLUMNS,
        (
            (f"{_LINK}/{os.fsdecode(row.image.path)}", row.image.sha256, row.split, row.label or "", group)
            for row, group in zip(rows, name_groups(rows, groups_across(rows)), strict=True)
        ),
    )  # fmt: skip
    labels = Counter[str](row.split for row in rows if row.label is not None)
    manifest = Manifest(latest_event(db), len(rows), dict(labels))
    facts = {"event": manifest.event, "created": now(), "images": manifest.images, "labels": manifest.labels}
    write_json(folder / FACTS, {"schema": SCHEMA, **facts})
    return manifest


def read_facts(folder: Path) -> Manifest | None:
    """Return what the manifest in a run folder is of, None where none was written."""
    facts = read_json(folder / FACTS)
    return Manifest(facts["event"], facts["images"], facts["labels"]) if facts else None


def _rows(db: Database) -> Iterator[Labeled]:
    everything = [row for row in labeled_images(db) if row.image.present and row.image.label.state != "rejected"]
    judged_by = contents_judged_by(everything)
    return (row for row in everything if row.image.split in JUDGED_BY or row.image.sha256 not in judged_by)
