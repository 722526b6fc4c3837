"""Images: found once, never deleted; their files may move, vanish, or be replaced by others."""

import os
import random
from collections.abc import Iterable, Iterator
from itertools import islice

from storage.database import Database, Row
from storage.records import Image, Label, NewImage, Split

MOST_TRIED = 20
"""So many ids are drawn for each image wanted before all ids are read: only where nearly all files are gone."""


def add_images(db: Database, images: Iterable[NewImage]) -> list[int]:
    """Add images and return their ids, in order."""
    sql = """INSERT INTO image (path, name, sha256, split, "group", bytes, mtime_ns, width, height)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    return [
        int(
            db.execute(
                sql,
                (new.path, new.name, new.sha256, new.split, new.group, new.bytes, new.mtime_ns, new.width, new.height),
            ).lastrowid
            or 0
        )
        for new in images
    ]


def get_image(db: Database, image: int) -> Image | None:
    """Return an image by id."""
    row = db.execute("SELECT * FROM image WHERE id = ?", (image,)).fetchone()
    return None if row is None else image_of(row)


def all_images(db: Database) -> Iterator[Image]:
    """Yield every image by id, those without a file included."""
    return map(image_of, db.execute("SELECT * FROM image ORDER BY id"))


def find_images(db: Database, files: Iterable[str | bytes]) -> list[int | None]:
    """Return the id of the image at each path relative to the dataset root, None where there is none."""
    found = (
        db.execute("SELECT id FROM image WHERE path = ? AND present = 1", (os.fsencode(file),)).fetchone()
        for file in files
    )
    return [None if row is None else row["id"] for row in found]


def draw_images(db: Database, count: int, seed: int) -> list[Image]:
    """Return images whose files are there, drawn by a seed: the same ones each time it is asked with it."""
    last = db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    generator = random.Random(seed)  # noqa: S311 - a sample, no secret
    tried = generator.sample(range(1, last + 1), min(MOST_TRIED * count, last))
    found = _present(db, tried, count)
    if len(found) < count and len(tried) < last:  # few are there: all are looked at, a row for each image
        ids = [row["id"] for row in db.execute("SELECT id FROM image WHERE present = 1 ORDER BY id")]
        found = _present(db, generator.sample(ids, min(count, len(ids))), count)
    return found


def _present(db: Database, ids: Iterable[int], count: int) -> list[Image]:
    """Return the first images of these whose files are there."""
    found = (get_image(db, image) for image in ids)
    return list(islice((image for image in found if image is not None and image.present), count))


def images_with_hash(db: Database, sha256: str) -> list[Image]:
    """Return the images of a content, by id."""
    return [image_of(row) for row in db.execute("SELECT * FROM image WHERE sha256 = ? ORDER BY id", (sha256,))]


def mark_gone(db: Database, images: Iterable[int]) -> None:
    """Say that the files of these images are gone or have other content; nobody is asked about them any more."""
    rows = [(image,) for image in images]
    db.executemany("UPDATE image SET present = 0 WHERE id = ?", rows)
    db.executemany("UPDATE request_item SET free = 0, left = 0 WHERE image = ?", rows)


def relink(db: Database, image: int, path: bytes, name: str, size: int | None, mtime_ns: int | None) -> None:
    """Say where the file of an image lies now."""
    db.execute(
        "UPDATE image SET path = ?, name = ?, bytes = ?, mtime_ns = ?, present = 1 WHERE id = ?",
        (path, name, size, mtime_ns, image),
    )


def note_files(db: Database, found: Iterable[tuple[Image, NewImage]]) -> None:
    """Note the size and time of files that are where they were, and what they were."""
    db.executemany(
        "UPDATE image SET bytes = ?, mtime_ns = ? WHERE id = ? AND path = ? AND present = 1",
        [(new.bytes, new.mtime_ns, image.id, new.path) for image, new in found],
    )


def set_dimensions(db: Database, image: int, width: int, height: int) -> None:
    """Note the sides of an image in pixels, after turning."""
    db.execute("UPDATE image SET width = ?, height = ? WHERE id = ?", (width, height, image))


def set_split(db: Database, images: Iterable[int], split: Split) -> None:
    """Move images to a split."""
    db.executemany("UPDATE image SET split = ? WHERE id = ?", [(split, image) for image in images])


def has_split(db: Database, split: Split) -> bool:
    """Say whether any image is of this split."""
    return db.execute("SELECT 1 FROM image WHERE split = ? LIMIT 1", (split,)).fetchone() is not None


def image_of(row: Row) -> Image:
    """Return the record of a row of `image`."""
    return Image(
        id=row["id"], path=row["path"], name=row["name"], sha256=row["sha256"], bytes=row["bytes"],
        mtime_ns=row["mtime_ns"], width=row["width"], height=row["height"], split=row["split"], group=row["group"],
        present=bool(row["present"]), label=Label(row["state"], row["class"], row["event"]),
        flagged=bool(row["flagged"]), skips=row["skips"],
    )  # fmt: skip
