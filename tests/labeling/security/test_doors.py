"""Where others reach the server nothing is served to nobody: every route, ours and the page library's, is tried."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from barlowmatch.errors import InputError
from labeling.project import Project
from labeling.security.doors import OPEN, Entry
from labeling.security.guard import Guard, own_names
from labeling.server.application import build_app
from labeling.server.config import ServerConfig
from labeling.server.serving import need_admin
from tests.labeling.logins import PASSWORD, URL, log_in, settle


def paths_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return (method, path) of all routes, those of mounted apps and included routers too."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield "GET", path + "/x"
            yield from paths_of(list(route.routes), path)
            continue
        included: Any = route
        if hasattr(included, "original_router"):  # FastAPI's own wrapper of an included router
            yield from paths_of(list(included.original_router.routes), prefix + included.include_context.prefix)
            continue
        for method in getattr(route, "methods", None) or ["WEBSOCKET"]:
            yield method, path


@pytest.fixture(scope="module")
def everything(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, list[tuple[str, str]]]]:
    """Return the whole app with Gradio's pages, and all its routes."""
    import shutil

    folder = tmp_path_factory.mktemp("login") / "project"
    shutil.copytree(template, folder, symlinks=True)
    with Project(folder) as project:
        project.write(settle)
        app = build_app(project, entry=Entry())
        ours = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
        routes = sorted(ours | set(paths_of(list(app.routes))))
        with TestClient(app, base_url=URL, follow_redirects=False) as client:
            yield client, routes


def test_every_route_is_shut_to_nobody(everything: tuple[TestClient, list[tuple[str, str]]]) -> None:
    client, routes = everything
    tried, shut = 0, []
    for method, path in routes:
        plain = re.sub(r"\{[^}]+\}", "1", path) or "/"
        if (method, plain) in OPEN:
            continue
        tried += 1
        if method == "WEBSOCKET":
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(plain):
                pass
            continue
        for accept in ("*/*", "text/html"):
            answer = client.request(method, plain, headers={"accept": accept})
            led = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
            shut.append((method, plain, answer.status_code == 401 or led))
    assert tried > 60, "our routes and Gradio's"
    assert {path for _, path in routes} >= {"/config", "/api/labels", "/gradio_api/upload"}
    assert [(method, path) for method, path, ok in shut if not ok] == []


@pytest.mark.parametrize(
    "path",
    ["/config", "/config/", "//config", "/gradio_api/info", "/queue/data", "/img/1", "/thumb/1", "/api//labels",
     "/workbench/label.js", "/login/../api/people", "/login/", "/api/login/x", "/api/health/..", "/LOGIN",
     "/assets/x.js", "/gradio_api/file=/etc/passwd", "/static/img/logo.svg", "/api/openapi.json", "/%6cogin/x",
     "/login%2f..%2fapi%2fpeople"],
)  # fmt: skip
def test_no_spelling_opens_the_door(everything: tuple[TestClient, list[tuple[str, str]]], path: str) -> None:
    assert everything[0].get(path).status_code in (401, 303)


def test_the_login_page_and_what_it_needs_are_open(everything: tuple[TestClient, list[tuple[str, str]]]) -> None:
    client, _ = everything
    page = client.get("/login")
    assert page.status_code == 200
    for asset in re.findall(r'(?:href|src)="(/workbench/[^"]+)"', page.text):
        found = client.get(asset)
        assert found.status_code == 200
        for module in re.findall(r'from "\./([^"]+)"', found.text):
            assert client.get(f"/workbench/{module}").status_code == 200, "what it imports is open too"
    assert client.get("/api/health").json() == {"ok": True}


def test_who_logged_in_is_served_the_pages(everything: tuple[TestClient, list[tuple[str, str]]]) -> None:
    ann = log_in(everything[0], "Ann")
    assert ann.get("/config").status_code == 200
    assert ann.get("/", headers={"accept": "text/html"}).status_code == 200
    assert ann.get("/login").headers["location"] == "/"


# ---- starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "shut"),
    [
        ({}, False), ({"host": "localhost"}, False), ({"login": True}, True), ({"host": "0.0.0.0"}, True),
        ({"allowed_host": ("label.example",)}, True), ({"trusted_proxy": ("10.0.0.1",)}, True),
        ({"root_path": "/label"}, True),
    ],
)  # fmt: skip
def test_people_log_in_wherever_others_come(settings: dict[str, Any], shut: bool) -> None:
    assert (ServerConfig(project=Path("p"), **settings).entry is not None) == shut


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"host": "0.0.0.0"}, "--host 0.0.0.0"), ({"root_path": "/label"}, "--root-path"), ({"login": True}, "--login")],
)
def test_without_an_admin_nothing_is_served_to_others(project: Project, settings: dict[str, Any], reason: str) -> None:
    config = ServerConfig(project=project.paths.folder, **settings)
    with pytest.raises(InputError, match=f"^{reason}: people must log in.*people add NAME --role admin"):
        need_admin(project, config)
    project.write(settle)
    need_admin(project, config)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trusted_header": "X-Remote-User"}, "--trusted-proxy"),
        ({"trusted_header": "X Remote", "trusted_proxy": ("10.0.0.1",)}, "X-Remote-User"),
        ({"trusted_proxy": ("proxy.example",)}, "IP address"),
    ],
)
def test_a_half_trusted_proxy_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ServerConfig(project=Path("p"), **settings)


def test_wrong_host_and_origin_are_refused_before_anything(team: Project) -> None:
    app = Guard(build_app(team, entry=Entry(), pages=False), own_names("127.0.0.1", ()))
    with TestClient(app, base_url=URL) as client:
        body = {"name": "Ann", "password": PASSWORD}
        assert client.post("/api/login", json=body, headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post("/api/login", json=body, headers={"host": "evil.example"}).status_code == 400
