"""Groups and the control sample: drawn uniformly, and no group is learned from and judged by."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from storage.checks import find_faults
from storage.control import ask_control, control_pool, find_control, largest_control, resize_control
from storage.database import Database, transaction
from storage.errors import Refused
from storage.groups import draw_to_keep, held_groups, make_pool
from storage.images import add_images, mark_gone
from storage.judging import count_control
from tests.storage.building import build, new_image


def sized(db: Database, *sizes: int, alone: int = 0) -> list[int]:
    """Add groups of these sizes and images without a group; return the images."""
    groups = [f"plate {number}" for number, size in enumerate(sizes) for _ in range(size)] + [None] * alone
    with transaction(db):
        return add_images(db, (replace(new_image(1000 + place), group=group) for place, group in enumerate(groups)))


def sides(db: Database) -> dict[str, set[str]]:
    """Return the splits that images of each group are of."""
    found: dict[str, set[str]] = {}
    for row in db.execute("""SELECT "group" AS name, split FROM image WHERE "group" IS NOT NULL"""):
        found.setdefault(row["name"], set()).add(row["split"])
    return found


def kept(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM image WHERE split = 'val'").fetchone()[0])


@pytest.mark.parametrize("seed", range(8))
def test_whole_groups_leave_learning_and_come_back_with_the_control_sample(db: Database, seed: int) -> None:
    draw = random.Random(seed)
    sized(db, *(draw.randint(1, 12) for _ in range(40)), alone=draw.randint(0, 80))
    total = db.execute("SELECT count(*) FROM image").fetchone()[0]

    with transaction(db):
        ask_control(db, 20, control_pool(db))
    for count in (draw.randint(1, total // 5) for _ in range(12)):
        control = find_control(db)
        assert control is not None
        assert all(len(splits) == 1 for splits in sides(db).values())
        assert control.items <= kept(db) <= largest_control(db, control) <= total // 4
        asked = db.execute("SELECT DISTINCT split FROM image WHERE id IN (SELECT image FROM request_item)")
        assert [row["split"] for row in asked] == ["val"]
        of_control = {
            row[0]
            for row in db.execute(
                """SELECT DISTINCT "group" FROM image JOIN request_item ON image = image.id WHERE "group" IS NOT NULL"""
            )
        }
        assert of_control == held_groups(db), "nothing else is kept"
        assert count_control(db).images == control.items
        with transaction(db):
            wanted = min(count, largest_control(db, control))
            assert 1 <= resize_control(db, count, control_pool(db)).items <= wanted


def test_each_image_is_drawn_as_often_whatever_the_size_of_its_group(db: Database) -> None:
    images = sized(db, *[1] * 10, *[2] * 10, *[5] * 6, *[10] * 2, alone=20)
    times, count = 2000, 10
    pool = make_pool(db, most=1000, held=set())
    drawn = Counter(image for _ in range(times) for image in draw_to_keep(db, pool, count, room=1000, held=set()))

    share = count / len(images)
    spread = (times * share * (1 - share)) ** 0.5
    assert all(abs(drawn[image] - times * share) < 5.5 * spread for image in images)


def test_groups_that_are_learned_from_are_left_out_of_the_draw(db: Database) -> None:
    scene = build(db, images=0)
    images = sized(db, *[4] * 30)
    for image in images[: 4 * 15 : 4]:
        scene.say("Ann", "label", image, class_id=scene.classes[0])
    scene.ask(images[4 * 15 : 4 * 20 : 4])

    with transaction(db):
        ask_control(db, 100, control_pool(db))

    groups = {name for name, splits in sides(db).items() if splits == {"val"}}
    assert groups
    assert groups <= {f"plate {number}" for number in range(20, 30)}
    assert all(len(splits) == 1 for splits in sides(db).values())


@pytest.mark.parametrize("seed", range(8))
def test_what_happens_after_the_pool_was_made_is_heeded(db: Database, seed: int) -> None:
    """The pool is made before the write; whoever labels goes on meanwhile."""
    draw = random.Random(seed)
    scene = build(db, images=0)
    images = sized(db, *(draw.randint(1, 4) for _ in range(20)), alone=30)
    pool = control_pool(db)
    labeled, asked, gone, grown = (draw.sample(images, 4) for _ in range(4))
    for image in labeled:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.ask(sorted(set(asked) - set(labeled)))
    with transaction(db):
        mark_gone(db, gone)
        groups = [db.execute("""SELECT "group" FROM image WHERE id = ?""", (image,)).fetchone()[0] for image in grown]
        new = add_images(db, (replace(new_image(2000 + place), group=group) for place, group in enumerate(groups)))
    for image in new[::2]:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    before = {row["id"] for row in db.execute("SELECT id FROM image WHERE state = 'none' AND present = 1")}
    for count in (6, 100):
        with transaction(db):
            resize_control(db, count, pool)
        assert all("val" not in splits or splits == {"val"} for splits in sides(db).values())
        control = find_control(db)
        assert control is not None
        rows = db.execute("SELECT image FROM request_item WHERE request = ?", (control.request,))
        drawn = {row["image"] for row in rows}
        assert len(drawn) == control.items > 0
        assert drawn <= before - set(asked)
        assert db.execute("SELECT 1 FROM image WHERE split = 'val' AND state <> 'none'").fetchone() is None
    assert find_faults(db) == []


def test_where_all_groups_are_too_large_no_sample_is_offered_or_made(db: Database) -> None:
    sized(db, 30, 30, 30)
    with transaction(db):
        ask_control(db, 20, control_pool(db))
        assert find_control(db) is None
        assert largest_control(db, None) == 0
        with pytest.raises(Refused, match="of a small group"):
            resize_control(db, 20, control_pool(db))
