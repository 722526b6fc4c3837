"""Databases of their own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database, open_writer
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
