"""A dataset is read anew while people label, and while somebody else reads it anew."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from pysqlite3.dbapi2 import OperationalError

from labeling.dataset.entering import enter_in_parts
from labeling.dataset.indexing import Rescanned, _compare, _take_up
from labeling.dataset.inspecting import Found, Index
from labeling.dataset.labels import import_table
from labeling.project import writing
from storage.checks import find_faults
from storage.classes import list_classes
from storage.database import Database, transaction
from storage.images import add_images, all_images
from storage.parts import AT_ONCE
from storage.records import NewImage, NewItem, Split
from storage.requests import add_request
from storage.settings import put_setting

MANY = 3000


def test_a_write_costs_no_step_for_each_image_that_stays(folder: Path) -> None:
    """One is new, one is gone; the times of all others differ, as in a copy."""
    more = [NewImage(f"{n}.png".encode(), f"{n}.png", hashlib.sha256(str(n).encode()).hexdigest()) for n in range(MANY)]
    steps = 0
    with writing(folder) as db:
        with transaction(db):
            add_images(db, more)
        there = [NewImage(image.path, image.name, image.sha256, mtime_ns=7) for image in all_images(db)]
        new = NewImage(b"new.png", "new.png", "0" * 64)
        index = Index(folder, tuple(Found(found, "") for found in [*there[:-1], new]), (), 0)

        def count() -> None:
            nonlocal steps
            steps += db.in_transaction

        db.set_progress_handler(count, 1)
        changes = _compare(db, index)
        assert steps == 0, "no label waits for the comparison"
        rescanned, _, added = _take_up(db, index, changes)
    assert (rescanned.gone, [found.new.name for found in added], len(changes.times)) == (1, ["new.png"], len(there) - 1)
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
        added = Found(NewImage(b"new.png", "new.png", "f" * 64), "")
        index = Index(folder, (moved, *others, added), (), 0)
        changes = _compare(db, index)
        told, _, new = _take_up(db, index, _compare(db, index))
        assert (told, enter_in_parts(db, index, new)) == (Rescanned(0, 1, 0, 0), 1)
        told, _, later = _take_up(db, index, changes)
        assert (told, later) == (Rescanned(0, 0, 0, 0), [])
        assert enter_in_parts(db, index, new) == 0, "somebody else took them up meanwhile"
        assert sorted(image.path for image in all_images(db)) == sorted(found.new.path for found in index.found)
        assert find_faults(db) == []


def test_labels_get_in_between_while_many_images_come_in_and_the_next_reading_goes_on(folder: Path) -> None:
    """Killed in the third write, what two wrote is there, each image with its label."""
    with writing(folder) as db, writing(folder) as beside:
        classes = tuple((item.id, item.name) for item in list_classes(db))
        many = [fresh(number, label=classes[0][1]) for number in range(2 * AT_ONCE + 7)]
        index = Index(folder, (*files(db), *many), classes, 0)
        new = _take_up(db, index, _compare(db, index))[2]
        before, seen = labeled(beside), list[int]()

        def label(statement: str) -> None:
            if statement == "BEGIN IMMEDIATE":
                with transaction(beside):
                    put_setting(beside, "name", "written in between")
                seen.append(labeled(beside) - before)
            if len(seen) == 3:
                db.set_progress_handler(lambda: 1, 100)

        db.set_trace_callback(label)
        with pytest.raises(OperationalError, match="interrupted"):
            enter_in_parts(db, index, new)
        assert seen == [0, AT_ONCE, 2 * AT_ONCE]
    with writing(folder) as db:
        rest = _take_up(db, index, _compare(db, index))[2]
        assert enter_in_parts(db, index, rest) == len(rest) == 7
        assert labeled(db) == before + len(many)
        assert sorted(image.path for image in all_images(db)) == sorted(found.new.path for found in index.found)
        assert find_faults(db) == []


def test_a_group_drawn_while_it_comes_in_is_kept_whole_and_the_datasets_own_splits_stay(folder: Path) -> None:
    with writing(folder) as db, writing(folder) as beside:
        drawn = [fresh(number, group="drawn") for number in range(2 * AT_ONCE)]
        own = [fresh(5000, group="own", split="val"), *(fresh(5000 + n, group="own") for n in range(1, AT_ONCE))]
        begun = 0

        def draw(statement: str) -> None:
            nonlocal begun
            begun += statement == "BEGIN IMMEDIATE"
            if statement == "BEGIN IMMEDIATE" and begun == 3:
                with transaction(beside):
                    (image, *_) = (row[0] for row in beside.execute("""SELECT id FROM image WHERE "group" = 'drawn'"""))
                    add_request(beside, [NewItem(image)], purpose="control", strategy=None)
                    beside.execute("""UPDATE image SET split = 'val' WHERE "group" = 'drawn'""")

        db.set_trace_callback(draw)
        enter_in_parts(db, Index(folder, (), (), 0), [own[0], *drawn, *own[1:]])
        rows = db.execute("""SELECT "group", split, count(*) FROM image WHERE "group" IS NOT NULL GROUP BY 1, 2""")
        assert [tuple(row) for row in rows] == [
            ("drawn", "val", 2 * AT_ONCE), ("own", "train", AT_ONCE - 1), ("own", "val", 1),
        ]  # fmt: skip


def fresh(number: int, *, label: str = "", group: str | None = None, split: Split = "train") -> Found:
    name = f"new/{number:06d}.png"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Found(NewImage(name.encode(), name, digest, split, group), label)


def labeled(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM image WHERE state = 'labeled'").fetchone()[0])


def files(db: Database) -> list[Found]:
    """Return the files of a project as they are found where none has changed."""
    return [
        Found(NewImage(image.path, image.name, image.sha256, image.split, mtime_ns=image.mtime_ns), "")
        for image in all_images(db)
    ]
