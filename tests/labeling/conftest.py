"""Projects of real image files, and people who talk to the API in this process."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from labeling.dataset.indexing import init_project
from labeling.project import Project, writing
from labeling.security.doors import Entry
from labeling.server.application import build_app
from storage.database import transaction
from storage.records import NewItem
from storage.requests import add_request
from tests.labeling.logins import URL, settle


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 6 labeled images of two classes, 4 for validation and 30 unlabeled ones, all different."""
    folder = tmp_path_factory.mktemp("dataset") / "images"
    draw = np.random.default_rng(5)
    names = [f"train/{label}/{n}.png" for label in ("cat", "dog") for n in range(3)]
    names += [f"val/{label}/{n}.png" for label in ("cat", "dog") for n in range(2)]
    names += [f"unlabeled/{n:03d}.png" for n in range(30)]
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (12, 16, 3), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="session")
def template(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of the dataset that tests copy: making one takes seconds."""
    folder = tmp_path_factory.mktemp("template") / "project"
    init_project(folder, dataset_folder=dataset)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """Return a project of the test's own, with a request of 20 images."""
    import shutil

    copy = tmp_path / "project"
    shutil.copytree(template, copy, symlinks=True)
    with writing(copy) as db, transaction(db):
        rows = db.execute("SELECT id FROM image WHERE split = 'unlabeled' ORDER BY id LIMIT 20")
        items = [NewItem(row["id"], "typiclust", 0.5, "typical") for row in rows]
        add_request(db, items, purpose="train", strategy="typiclust")
    return copy


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project(folder) as opened:
        yield opened


@pytest.fixture
def server(project: Project) -> Iterator[TestClient]:
    with TestClient(build_app(project, pages=False), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def team(project: Project) -> Project:
    """Return a project whose people log in."""
    project.write(settle)
    return project


@pytest.fixture
def nobody(team: Project) -> Iterator[TestClient]:
    """A browser in which nobody is logged in."""
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL, follow_redirects=False) as client:
        yield client


def new() -> str:
    """Return a UUID for something said."""
    return str(uuid.uuid4())


class Tab:
    """Somebody in a browser tab."""

    def __init__(self, server: TestClient, name: str) -> None:
        self.http = TestClient(server.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        self.http.portal = server.portal  # type: ignore[attr-defined]
        self.id = uuid.uuid4().hex
        self.me = self.http.post("/api/people/me", json={"name": name}).json()
        self.classes = {item["name"]: item["id"] for item in self.get("/api/classes")["classes"]}

    def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any, status: int = 200) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.send("POST", path, body, status)

    def lease(self, count: int, holding: tuple[int, ...] = ()) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.post(
            "/api/lease", {"client": self.id, "count": count, "holding": list(holding)}
        )["items"]
        return items

    def say(self, *events: dict[str, Any], status: int = 200) -> list[dict[str, Any]]:
        whole = [{"uuid": str(uuid.uuid4()), **event} for event in events]
        results: list[dict[str, Any]] = self.post("/api/labels", {"client": self.id, "events": whole}, status)[
            "results"
        ]
        return results

    def label(self, item: dict[str, Any], name: str, **further: Any) -> dict[str, Any]:
        return self.say({
            "kind": "label", "image": item["image"], "class": self.classes[name], "lease": item["lease"], **further,
        })[0]  # fmt: skip


@contextmanager
def serving_tab(folder: Path) -> Iterator[Tab]:
    """Serve a project in this process, and be Ann in a tab of hers."""
    with (
        Project(folder) as project,
        TestClient(build_app(project, pages=False), base_url="http://127.0.0.1") as server,
    ):
        yield Tab(server, "Ann")


@pytest.fixture
def open_tab(server: TestClient) -> Callable[[str], Tab]:
    return lambda name: Tab(server, name)


@pytest.fixture
def ann(open_tab: Callable[[str], Tab]) -> Tab:
    return open_tab("Ann")
