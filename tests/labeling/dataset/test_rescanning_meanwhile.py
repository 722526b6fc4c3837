"""A dataset is read anew while people label, and while somebody else reads it anew."""

import hashlib
from dataclasses import replace
from pathlib import Path

from labeling.dataset.indexing import Rescanned, _compare, _take_up
from labeling.dataset.inspecting import Found, Index
from labeling.dataset.labels import import_table
from labeling.project import writing
from storage.checks import find_faults
from storage.database import Database, transaction
from storage.images import add_images, all_images
from storage.records import NewImage

MANY = 3000


def test_a_write_costs_no_step_for_each_image_that_stays(folder: Path) -> None:
    """One is new, one is gone; the times of all others differ, as in a copy."""
    more = [NewImage(f"{n}.png".encode(), f"{n}.png", hashlib.sha256(str(n).encode()).hexdigest()) for n in range(MANY)]
    steps = 0
    with writing(folder) as db:
        with transaction(db):
            add_images(db, more)
        there = [NewImage(image.path, image.name, image.sha256, mtime_ns=7) for image in all_images(db)]
        fresh = NewImage(b"new.png", "new.png", "0" * 64)
        index = Index(folder, tuple(Found(new, "") for new in [*there[:-1], fresh]), (), 0)

        def count() -> None:
            nonlocal steps
            steps += db.in_transaction

        db.set_progress_handler(count, 1)
        changes = _compare(db, index)
        assert steps == 0, "no label waits for the comparison"
        rescanned, _ = _take_up(db, index, changes)
    assert (rescanned.added, rescanned.gone, len(changes.times)) == (1, 1, len(there) - 1)
    assert 0 < steps < MANY


def test_an_answer_that_came_meanwhile_stays_with_the_file_that_is_left(folder: Path) -> None:
    """Of two copies one is gone, and the other moved: it is linked to the one that somebody has answered by then."""
    copies = [NewImage(name.encode(), name, "c" * 64) for name in ("first.png", "copy.png")]
    (folder / "labels.csv").write_text("file,label\ncopy.png,cat\n")
    with writing(folder) as db:
        there = files(db)
        with transaction(db):
            answered = add_images(db, copies)[1]
        index = Index(folder, (*there, Found(NewImage(b"renamed.png", "renamed.png", "c" * 64), "")), (), 0)
        changes = _compare(db, index)
        import_table(folder, folder / "labels.csv")
        _take_up(db, index, changes)
        left = next(image for image in all_images(db) if image.name == "renamed.png")
        assert (left.id, left.label.state) == (answered, "labeled")
        assert find_faults(db) == []


def test_a_dataset_that_somebody_else_reads_meanwhile_is_compared_again(folder: Path) -> None:
    with writing(folder) as db:
        first, *others = files(db)
        moved = Found(replace(first.new, path=b"moved.png", name="moved.png"), "")
        fresh = Found(NewImage(b"new.png", "new.png", "f" * 64), "")
        index = Index(folder, (moved, *others, fresh), (), 0)
        changes = _compare(db, index)
        assert _take_up(db, index, _compare(db, index))[0] == Rescanned(1, 1, 0, 0)
        assert _take_up(db, index, changes)[0] == Rescanned(0, 0, 0, 0)
        assert sorted(image.path for image in all_images(db)) == sorted(found.new.path for found in index.found)
        assert find_faults(db) == []


def files(db: Database) -> list[Found]:
    """Return the files of a project as they are found where none has changed."""
    return [
        Found(NewImage(image.path, image.name, image.sha256, image.split, mtime_ns=image.mtime_ns), "")
        for image in all_images(db)
    ]
