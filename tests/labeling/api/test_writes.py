"""Writes wait in one line: none of them reads all images of a project while it holds up everybody's labels."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from labeling.chores import Chores
from labeling.project import Project
from labeling.requests.choosing import _held, read_choice
from storage.database import Database
from storage.images import add_images
from storage.records import NewImage
from tests.labeling.conftest import Tab, new
from tests.labeling.requests.test_choosing import choose

IMAGES = 2000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/requests", {"uuid": new(), "random": 3}),
        ("POST", "/api/requests", {"uuid": new(), "again": 3}),
        ("PUT", "/api/views/mirror", {"answer": "same"}),
    ],
)
def test_a_write_costs_no_step_for_each_image(ann: Tab, project: Project, method: str, path: str, body: Any) -> None:
    for item in ann.lease(3):
        ann.label(item, "cat")
    project.write(add_many)
    steps = count_steps(project)
    ann.send(method, path, body)
    assert 0 < steps() < IMAGES


def test_a_choice_is_read_before_it_is_asked_for_and_a_request_looks_up_no_name(ann: Tab, project: Project) -> None:
    project.write(add_many)
    choice = choose(ann, "random", IMAGES)
    with project.reading() as db:
        chosen = [item.image for item in read_choice(db, Chores(project.paths).choosing)]
    _held.clear()  # as in a server that was started since
    steps = count_steps(project)
    wish = {"uuid": new(), "choice": choice["uuid"], "drop": chosen[1:]}
    assert ann.post("/api/choice/request", wish, 201)["items"] == 1
    assert 0 < steps() < len(chosen)


def count_steps(project: Project) -> Callable[[], int]:
    """Return what says how many steps the writer's SQL took from now on."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    project.write(lambda db: db.set_progress_handler(count, 1))
    return lambda: steps


def add_many(db: Database) -> None:
    digests = {f"more/{n}.png": hashlib.sha256(str(n).encode()).hexdigest() for n in range(IMAGES)}
    images = add_images(db, (NewImage(name.encode(), name, digest) for name, digest in digests.items()))
    db.executemany("UPDATE image SET state = 'labeled' WHERE id = ?", [(image,) for image in images[::2]])
