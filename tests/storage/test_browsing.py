"""Pages and counts under filters, against a filter in plain Python over all images."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.browsing import Filter, browse, count_images
from storage.control import LEARNED, count_all
from storage.database import Database, open_writer, transaction
from storage.events import history
from storage.images import all_images, draw_images, mark_gone, set_split
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from storage.settings import put_setting
from tests.storage.building import Scene, build

FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["none", "labeled", "rejected", "disputed"]), "label": st.integers(0, 3),
        "predicted": st.integers(0, 3), "person": st.sampled_from(["Ann", "Bob"]), "round": st.integers(1, 3),
        "flagged": st.booleans(), "skipped": st.booleans(), "missing": st.booleans(),
        "split": st.sampled_from(["train", "val", "unlabeled"]),
        "file": st.sampled_from(["7", "0001", "%", "_", "png"]),
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a project where everything has happened to some image."""
    db: Database = open_writer(tmp_path_factory.mktemp("browsing") / "project.db")
    scene = build(db, images=120)
    draw = random.Random(3)
    with transaction(db):
        run = add_run(db, b"run", "embed")
        put_predictions(db, run, (NewPrediction(i, (Guess(i % 3, 0.6),), i) for i in scene.images[:100]))
        set_split(db, scene.images[:10], "train")
    scene.ask(scene.images[20:50])
    scene.ask(scene.images[50:60], purpose="control")
    for _ in range(200):
        kind: Any = draw.choice(["label", "label", "label", "reject", "skip", "flag", "unflag"])
        further = {"class_id": draw.randrange(3)} if kind == "label" else {}
        scene.say(draw.choice(["Ann", "Bob"]), kind, draw.choice(scene.images[:90]), source="browse", **further)
    with transaction(db):
        mark_gone(db, scene.images[85:95])
    return scene


@given(wanted=FILTERS, limit=st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_pages_hold_what_matches_each_once(busy: Scene, wanted: dict[str, Any], limit: int) -> None:
    if "person" in wanted:
        wanted = {**wanted, "person": busy.who(wanted["person"])}
    match = Filter(**wanted)
    found: list[int] = []
    after = 0
    while page := browse(busy.db, match, after, limit):
        found += [shown.image.id for shown in page]
        after = found[-1]
    expected = [image.id for image in all_images(busy.db) if _matches(busy, image, wanted)]
    assert found == expected
    assert count_images(busy.db, match) == len(expected)


def _matches(scene: Scene, image: Any, wanted: dict[str, Any]) -> bool:
    blind = 51 <= image.id <= 60 and _asked(scene, image.id, left_only=True)
    guess = image.id % 3 if image.id <= 100 else None
    facts = {
        "state": image.label.state, "label": image.label.class_id, "predicted": None if blind else guess,
        "flagged": image.flagged, "skipped": image.skips > 0, "missing": not image.present, "split": image.split,
    }  # fmt: skip
    for name, value in wanted.items():
        if name in facts and facts[name] != value:
            return False
        if name == "file" and value not in image.name:
            return False
        if name == "round" and value not in _asked(scene, image.id):
            return False
        if name == "person" and not _has_vote(scene, image.id, value):
            return False
    return True


def _asked(scene: Scene, image: int, *, left_only: bool = False) -> set[int]:
    rows = scene.db.execute("SELECT request, left FROM request_item WHERE image = ?", (image,))
    return {row["request"] for row in rows if row["left"] or not left_only}


def _has_vote(scene: Scene, image: int, person: int) -> bool:
    name = scene.db.execute("SELECT name FROM person WHERE id = ?", (person,)).fetchone()["name"]
    return any(past.person == name and past.kind in ("label", "reject") for past in history(scene.db, image))


def test_a_hidden_guess_is_not_shown(busy: Scene) -> None:
    shown = {item.image.id: item.guess for item in browse(busy.db, Filter(), 0, 200)}
    asked = {image for image in busy.images if image in range(51, 61) and _asked(busy, image, left_only=True)}
    assert asked
    assert all(shown[image] is None for image in asked)
    assert shown[1] is not None


@pytest.mark.parametrize("learned", [None, 0, 25, 10**6])
def test_what_the_next_step_follows_from_is_counted(busy: Scene, learned: int | None) -> None:
    images = list(all_images(busy.db))
    events = {row["id"]: row["event"] for row in busy.db.execute("SELECT id, event FROM image")}
    labeled = [image for image in images if image.label.state == "labeled"]
    own = [image for image in labeled if image.split in ("train", "unlabeled")]
    with rolled_back(busy.db):
        put_setting(busy.db, LEARNED, learned)
        found = count_all(busy.db)
    assert found.images == sum(image.present for image in images)
    assert (found.validation, found.labels) == (len(labeled) - len(own), len(own))
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


@pytest.mark.parametrize("gone", [0, 60, 110])
def test_pictures_are_drawn_evenly_and_the_same_ones_again(tmp_path: Path, gone: int) -> None:
    db = open_writer(tmp_path / "project.db")
    scene = build(db, images=120)
    mark_gone(db, scene.images[:gone])
    drawn = [draw_images(db, 5, seed) for seed in range(400)]
    assert drawn[7] == draw_images(db, 5, 7)
    assert all(len({image.id for image in some}) == 5 and all(image.present for image in some) for some in drawn)
    times = Counter(image.id for some in drawn for image in some)
    assert set(times) == set(scene.images[gone:])
    assert max(times.values()) < 3 * 400 * 5 / (120 - gone)
    assert len(draw_images(db, 500, 0)) == 120 - gone
    db.close()
