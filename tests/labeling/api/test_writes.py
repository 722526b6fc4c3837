"""Writes wait in one line: none of them reads all images of a project while it holds up everybody's labels."""

import hashlib
from typing import Any

import pytest

from labeling.project import Project
from storage.database import Database
from storage.images import add_images
from storage.records import NewImage
from tests.labeling.conftest import Tab, new

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
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    project.write(lambda db: db.set_progress_handler(count, 1))
    ann.send(method, path, body)
    assert 0 < steps < IMAGES


def add_many(db: Database) -> None:
    digests = {f"more/{n}.png": hashlib.sha256(str(n).encode()).hexdigest() for n in range(IMAGES)}
    images = add_images(db, (NewImage(name.encode(), name, digest) for name, digest in digests.items()))
    db.executemany("UPDATE image SET state = 'labeled' WHERE id = ?", [(image,) for image in images[::2]])
