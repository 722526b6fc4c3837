"""Databases of their own for each test, and one for those that only read."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database, open_writer, transaction
from storage.images import mark_gone, set_split
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from tests.storage.building import Scene, build


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    opened = open_writer(path)
    yield opened
    opened.close()


@pytest.fixture
def scene(db: Database) -> Scene:
    return build(db)


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
        set_split(db, scene.images[10:20], "test")
    scene.ask(scene.images[20:50])
    scene.ask(scene.images[50:60], purpose="control")
    scene.ask(scene.images[60:80], overlap=3)
    for _ in range(200):
        kind: Any = draw.choice(["label", "label", "label", "reject", "skip", "flag", "unflag"])
        further = {"class_id": draw.randrange(3)} if kind == "label" else {}
        scene.say(draw.choice(["Ann", "Bob"]), kind, draw.choice(scene.images[:90]), source="browse", **further)
    disputed = [image for image in scene.images if scene.state(image)[0] == "disputed"]
    for image in disputed[::2]:
        scene.say("Cid", "confirm", image, class_id=draw.randrange(3), source="browse")
    for image in scene.images[:20:4]:  # some of them nobody disagreed on
        if scene.state(image)[0] == "labeled":
            scene.say("Cid", "confirm", image, class_id=draw.randrange(3), source="browse")
    with transaction(db):
        mark_gone(db, scene.images[85:95])
    return scene
