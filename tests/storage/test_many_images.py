"""Projects of very many images: what is found by an index is what reading all images finds, at a cost that stays."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import grid
from storage.browsing import Filter, browse, count_images
from storage.classes import list_merged, merge_class
from storage.control import LEARNED, control_pool, count_all, find_control, largest_control, resize_control
from storage.database import Database, open_writer, transaction
from storage.images import all_images, draw_images, mark_gone
from storage.people import list_members
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.present import refresh_class
from storage.records import Guess
from storage.requests import answers_left
from storage.settings import put_setting
from storage.splits import count_drawable, split_counts
from storage.stats import my_work
from tests.storage.building import TERM, Scene, build, take


def label_and_lease(scene: Scene) -> None:
    first, *_ = take(scene, "Ann", 30)
    scene.say("Ann", "label", first.image, class_id=0, lease=first.token)
    take(scene, "Ann", 1)
    answers_left(scene.db)


def lease_a_page(scene: Scene) -> None:
    person = scene.who("Ann")
    with transaction(scene.db):
        assert len(grid.lease_predicted(scene.db, 0, person, "Ann", 12, scene.at, TERM)) == 12


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
@pytest.mark.parametrize("act", [label_and_lease, lease_a_page])
def test_labeling_costs_the_same_in_a_large_project(
    tmp_path: Path, act: Callable[[Scene], None], planned: bool
) -> None:
    """A step of SQLite's machine is the unit: with statistics it has taken to reading all images for a lease."""
    small, large = (_steps_of(act, tmp_path / f"{images}.db", images, planned) for images in (100, 4000))
    assert large < 1.5 * small


def _steps_of(act: Callable[[Scene], None], path: Path, images: int, planned: bool) -> int:
    db = open_writer(path)
    scene = build(db, images)
    scene.ask(scene.images[: images - 10])
    with transaction(db):
        run = add_run(db, b"run", "embed")
        put_predictions(db, run, (NewPrediction(image, (Guess(image % 3, 0.9),), image) for image in scene.images))
    if planned:
        db.execute("ANALYZE")
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(count, 1)
    act(scene)
    db.close()
    return steps


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
def test_answers_are_counted_in_indexes_alone(scene: Scene, planned: bool) -> None:
    """What pages ask for again and again reads no event that it does not count."""
    for image in scene.images[:3]:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.say("Ann", "skip", scene.images[3], source="browse")
    cid = scene.who("Cid")
    with transaction(scene.db):
        merge_class(scene.db, 0, 1)
        scene.db.executemany(
            """INSERT INTO label_event (uuid, body, batch, person, image, kind, class, source, created)
               VALUES (?1, x'', ?1, ?2, 9, 'label', 2, 'single', '2026-01-01T00:00:00.000Z')""",
            ((str(number), cid) for number in range(1000)),
        )
    if planned:
        scene.db.execute("ANALYZE")
    plan: list[str] = []
    with explaining(scene.db, plan):
        assert [(item.name, item.answers) for item in list_members(scene.db)] == [("Ann", 3), ("Cid", 1000)]
        assert my_work(scene.db, scene.who("Ann"), "2000").answers == 3
        assert [item.answers for item in list_merged(scene.db)] == [3]
        refresh_class(scene.db, 0)
    undos = "SCAN undo USING INDEX label_event_undoes"  # which holds undos alone
    assert not [line for line in plan if re.match(r"SCAN (label_event|event|undo)\b", line) and line != undos]
    read = [re.search(r"label_event_(answers|class) .*", line) for line in plan]
    assert Counter(match[0] for match in read if match) == {
        "label_event_answers (person=?)": 3, "label_event_answers (person=? AND created>? AND created<?)": 1,
        "label_event_class (class=? AND kind=?)": 1, "label_event_class (class=?)": 1,
    }  # fmt: skip


FEW = {
    "SCAN image USING INDEX image_gone", "SEARCH image USING COVERING INDEX image_split (split=?)",
    "SEARCH image USING COVERING INDEX image_state (state=?)", "SEARCH image USING INDEX image_split (split=?)",
    "SEARCH image USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH image USING INTEGER PRIMARY KEY (rowid>?)",
    "SEARCH image USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    "SEARCH image EXISTS USING INDEX image_class (class=?)",
}  # fmt: skip
REJECTED = "SEARCH image USING INDEX image_state (state=?)"


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "with most kept for validation"])
def test_images_are_counted_by_split_without_reading_them_all(busy: Scene, planned: bool, turned: bool) -> None:
    plan: list[str] = []
    with rolled_back(busy.db):
        if turned:
            busy.db.execute("UPDATE image SET split = iif(id % 4, 'val', 'train') WHERE split <> 'test'")
        if planned:
            busy.db.execute("ANALYZE")
        with explaining(busy.db, plan):
            found, drawable = split_counts(busy.db), count_drawable(busy.db)
        there = [image for image in all_images(busy.db) if image.present]
        asked = {row["image"] for row in busy.db.execute("SELECT image FROM request_item WHERE left > 0")}
    learned = [image for image in there if image.split in ("train", "unlabeled") and image.label.state != "rejected"]
    labeled = [image for image in learned if image.label.state == "labeled"]
    kept = [image for image in there if image.split == "val"]
    assert (found.learnable, found.labeled) == (len(learned), len(labeled))
    assert found.classes == len({image.label.class_id for image in labeled})
    assert (found.judged, found.kept) == (sum(image.label.state == "labeled" for image in kept), len(kept))
    assert drawable == sum(image.label.state == "none" and image.id not in asked for image in learned)
    assert min(drawable, found.judged, found.labeled) > 0
    read = _read_of_images(plan)
    assert (read.keys() - FEW, read[REJECTED]) == ({REJECTED}, 1)


def _read_of_images(plan: list[str]) -> Counter[str]:
    return Counter(line for line in plan if re.match(r"(SCAN|SEARCH) image\b", line))


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
def test_the_write_of_a_control_sample_reads_few_images(scene: Scene, planned: bool) -> None:
    """People who label wait for a write, not for what looks through all images before it."""
    scene.db.execute("""UPDATE image SET "group" = 'plate ' || id / 2 WHERE id > 6""")
    if planned:
        scene.db.execute("ANALYZE")
    for count in (3, 5, 2):
        pool, plan = control_pool(scene.db), list[str]()
        with transaction(scene.db), explaining(scene.db, plan):
            resize_control(scene.db, count, pool)
        assert _read_of_images(plan).keys() - FEW == {REJECTED}


def test_a_control_sample_with_an_answer_is_as_large_as_it_is_without_a_look_at_all_groups(scene: Scene) -> None:
    """The Project page asks each time it is opened."""
    scene.db.execute("""UPDATE image SET "group" = 'plate ' || (id / 4)""")
    scene.ask(scene.images[:3], purpose="control")
    plan: list[str] = []
    for begun in (False, True):
        if begun:
            (lease,) = take(scene, "Ann", 1)
            scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
        plan.clear()
        control = find_control(scene.db)
        with explaining(scene.db, plan):
            largest = largest_control(scene.db, control)
        assert any(line.startswith("SCAN image") for line in plan) is not begun
    assert largest == 3


@contextmanager
def explaining(db: Database, plan: list[str]) -> Iterator[None]:
    """Add to `plan` how SQLite carries out what is read meanwhile."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    yield
    db.set_trace_callback(None)
    for sql in asked:
        if re.match(r"\s*(SELECT|UPDATE)", sql):
            plan += [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
def test_a_page_of_one_state_or_of_what_was_settled_is_a_walk_along_an_index(busy: Scene, planned: bool) -> None:
    plan: list[str] = []
    with rolled_back(busy.db):
        if planned:
            busy.db.execute("ANALYZE")
        with explaining(busy.db, plan):
            for wanted in (Filter(state="none"), Filter(state="rejected"), Filter(state="disputed")):
                for asker in (None, busy.who("Ann")):
                    assert browse(busy.db, wanted, 0, 9, asker)
                    count_images(busy.db, wanted, asker)
        assert not [line for line in plan if re.match("SCAN (image|asked|given)|USE TEMP B-TREE FOR ORDER", line)]
        kept = [line for line in plan if re.match(r"SEARCH (asked|given)\b", line)]
        assert kept, "whose answers are kept is looked up"
        assert all(re.search("request_item_image|lease_(person|slot)", line) for line in kept)
        plan.clear()
        with explaining(busy.db, plan):
            assert len(browse(busy.db, Filter(settled=True), 0, 200)) == count_images(busy.db, Filter(settled=True)) > 0
        assert not [line for line in plan if line.startswith("SCAN image")]


@pytest.mark.parametrize("learned", [None, 0, 25, 10**6])
def test_what_the_next_step_follows_from_is_counted(busy: Scene, learned: int | None) -> None:
    images = list(all_images(busy.db))
    events = {row["id"]: row["event"] for row in busy.db.execute("SELECT id, event FROM image")}
    labeled = [image for image in images if image.label.state == "labeled" and image.present]
    own = [image for image in labeled if image.split in ("train", "unlabeled")]
    with rolled_back(busy.db):
        put_setting(busy.db, LEARNED, learned)
        found = count_all(busy.db)
    assert found.images == sum(image.present for image in images)
    assert found.learns
    assert found.validation == sum(image.split == "val" for image in labeled)
    assert 0 < found.validation < len(labeled) - len(own), "some are of the test split"
    assert (found.predicted, found.new_labels) == (
        learned is not None, sum(events[image.id] > (learned or 0) for image in own),
    )  # fmt: skip


@contextmanager
def rolled_back(db: Database) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


@pytest.mark.parametrize("gone", [0, 200, pytest.param(390, marks=pytest.mark.slow)])
def test_pictures_are_drawn_evenly_and_the_same_ones_again(tmp_path: Path, gone: int) -> None:
    db = open_writer(tmp_path / "project.db")
    scene = build(db, images=400)
    mark_gone(db, scene.images[:gone])
    drawn = [draw_images(db, 5, seed) for seed in range(2000)]
    assert drawn[7] == draw_images(db, 5, 7)
    assert all(len({image.id for image in some}) == 5 and all(image.present for image in some) for some in drawn)
    times = Counter(image.id for some in drawn for image in some)
    assert set(times) == set(scene.images[gone:])
    assert max(times.values()) < 3 * 2000 * 5 / (400 - gone)
    assert len(draw_images(db, 500, 0)) == 400 - gone
    db.close()
