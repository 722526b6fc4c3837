"""Where others reach the server nothing is served to nobody: every route, ours and the page library's, is tried."""

import hashlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from barlowmatch.errors import InputError
from labeling.project import Project
from labeling.security.attempts import KEPT, Allowance, Attempts, neighbourhood
from labeling.security.doors import OPEN, Entry
from labeling.security.guard import Guard, own_names
from labeling.security.passwords import fits, hash_password
from labeling.server.application import build_app
from labeling.server.config import ServerConfig
from labeling.server.serving import need_admin
from storage.database import Database
from storage.people import Role, find_or_add_person, set_password, set_role

URL = "http://127.0.0.1"
PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)


def settle(db: Database) -> None:
    roles: dict[str, Role] = {"Root": "admin", "Ann": "annotator"}
    for name, role in roles.items():
        person = find_or_add_person(db, name)
        set_role(db, person.id, role)
        set_password(db, person.id, HASH)


@pytest.fixture
def team(project: Project) -> Project:
    project.write(settle)
    return project


@pytest.fixture
def nobody(team: Project) -> Iterator[TestClient]:
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL, follow_redirects=False) as client:
        yield client


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> TestClient:
    """Return a browser of its own in which somebody is logged in."""
    browser = TestClient(client.app, base_url=URL, follow_redirects=False)
    browser.portal = client.portal
    answer = browser.post("/api/login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return browser


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


# ---- sessions ------------------------------------------------------------------------------------------------------


def test_a_session_outlives_the_server_and_only_its_hash_is_kept(team: Project) -> None:
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL) as client:
        browser = log_in(client, "ann")
        (cookie,) = [item for item in browser.cookies.jar if item.name.startswith("session-")]
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert not cookie.secure
    with team.reading() as db:
        (row,) = db.execute("SELECT token FROM session").fetchall()
    assert row["token"] == hashlib.sha256(str(cookie.value).encode()).digest()
    with TestClient(build_app(team, entry=Entry(), pages=False), base_url=URL) as again:
        again.cookies.set(cookie.name, str(cookie.value))
        assert again.get("/api/people").json()["me"]["name"] == "Ann"


def test_behind_tls_the_cookie_is_for_tls_alone(nobody: TestClient) -> None:
    answer = nobody.post(
        "/api/login", json={"name": "Ann", "password": PASSWORD}, headers={"origin": "https://127.0.0.1"}
    )
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_session_ends_by_logging_out_expiry_and_removal(nobody: TestClient, team: Project) -> None:
    first, second, third = (log_in(nobody, "Ann") for _ in range(3))
    cookies = dict(first.cookies)
    assert first.post("/api/logout").status_code == 200
    assert (
        first.get("/api/people", headers={"cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}).status_code
        == 401
    )
    assert second.get("/api/people").status_code == 200, "others stay"
    team.write(lambda db: db.execute("UPDATE session SET expires = '2020-01-01T00:00:00.000Z'").rowcount)
    root = log_in(nobody, "Root")
    (ann,) = [item for item in root.get("/api/team").json()["people"] if item["name"] == "Ann"]
    body = {"uuid": str(uuid.uuid4()), "active": False}
    assert root.patch(f"/api/team/{ann['id']}", json=body).json()["active"] is False
    assert third.get("/api/people").status_code == 401
    assert nobody.post("/api/login", json={"name": "Ann", "password": PASSWORD}).status_code == 401


def test_a_new_password_ends_the_other_sessions(nobody: TestClient) -> None:
    here, elsewhere = log_in(nobody, "Ann"), log_in(nobody, "Ann")
    assert here.post("/api/password", json={"old": "wrong", "new": "another password"}).status_code == 422
    assert here.post("/api/password", json={"old": PASSWORD, "new": "short"}).json()["field"] == "new"
    assert here.post("/api/password", json={"old": PASSWORD, "new": "another password"}).status_code == 200
    assert here.get("/api/people").status_code == 200
    assert elsewhere.get("/api/people").status_code == 401
    log_in(nobody, "Ann", "another password")


# ---- trying --------------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_by_name(nobody: TestClient) -> None:
    codes = [nobody.post("/api/login", json={"name": "Ann", "password": f"guess {n}"}).status_code for n in range(7)]
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    right = nobody.post("/api/login", json={"name": "ANN ", "password": PASSWORD})
    assert (right.status_code, right.json()["error"]) == (429, "too many tries")
    assert int(right.headers["retry-after"]) >= 1
    log_in(nobody, "Root")


def test_an_unknown_name_is_answered_like_a_wrong_password(nobody: TestClient) -> None:
    answers = [nobody.post("/api/login", json={"name": name, "password": "x"}) for name in ("Ann", "Nobody", "dataset")]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert not fits("x", None)


def test_waits_double_end_and_are_forgotten_on_success() -> None:
    clock = [0.0]
    attempts = Attempts(Allowance(2, 10.0), lambda: clock[0])
    waits = []
    for _ in range(8):
        attempts.count("ann")
        waits.append(attempts.wait("ann"))
    assert waits == [0, 1, 2, 4, 8, 10, 10, 10]
    clock[0] = 10.0
    assert attempts.wait("ann") == 0
    attempts.succeeded("ann")
    attempts.count("ann")
    assert attempts.wait("ann") == 0


def test_memory_of_tries_is_bounded() -> None:
    attempts = Attempts(Allowance(1, 10.0))
    for number in range(KEPT + 500):
        attempts.count(str(number))
    assert len(attempts) == KEPT


def test_what_counts_as_one_address() -> None:
    assert neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("testclient") == "testclient"


# ---- roles ---------------------------------------------------------------------------------------------------------

ANNOTATORS = {
    ("post", "/api/lease"), ("post", "/api/labels"), ("post", "/api/undo"), ("post", "/api/redo"),
    ("post", "/api/release"), ("post", "/api/grid"), ("put", "/api/settings"), ("post", "/api/classes"),
    ("patch", "/api/classes/{class_id}"), ("post", "/api/logout"), ("post", "/api/password"),
    ("post", "/api/people/me"), ("post", "/api/login"),
}  # fmt: skip


def test_an_annotator_labels_and_no_more(nobody: TestClient) -> None:
    """All routes that write are tried: what is not labeling is for admins."""
    ann = log_in(nobody, "Ann")
    allowed = set()
    for path, methods in log_in(nobody, "Root").get("/api/openapi.json").json()["paths"].items():
        plain = re.sub(r"\{\w+\}", "1", path)
        for method in methods:
            answer = ann.request(method, plain, json=None if method == "get" else {})
            if method != "get" and answer.status_code != 403:
                allowed.add((method, path))
                if path == "/api/logout":
                    ann = log_in(nobody, "Ann")
            if path.startswith(("/api/exports", "/api/team")):
                assert answer.status_code == 403
                assert answer.json()["error"] == "this is for admins of the project"
    assert allowed == ANNOTATORS


def test_people_choose_no_names_where_they_log_in(nobody: TestClient) -> None:
    ann = log_in(nobody, "Ann")
    assert ann.post("/api/people/me", json={"name": "Root"}).status_code == 409
    assert ann.get("/api/people").json()["login"] == "password"
    assert ann.get("/api/people").json()["me"]["role"] == "annotator"


def test_a_name_cookie_is_nothing_where_people_log_in(nobody: TestClient, team: Project) -> None:
    nobody.cookies.set(f"person-{team.id}", "1")
    assert nobody.get("/api/people").status_code == 401


# ---- a trusted proxy -----------------------------------------------------------------------------------------------


def from_address(project: Project, address: str) -> TestClient:
    entry = Entry("x-remote-user", frozenset({"10.0.0.1"}))
    return TestClient(
        build_app(project, entry=entry, pages=False), base_url=URL, client=(address, 1), follow_redirects=False
    )


def test_a_trusted_proxy_names_people(team: Project) -> None:
    with from_address(team, "10.0.0.1") as proxy:
        me = proxy.get("/api/people", headers={"x-remote-user": "Grace"}).json()
        assert me["me"]["name"] == "Grace"
        assert me["me"]["role"] == "annotator"
        assert me["login"] == "proxy"
        assert proxy.get("/api/people", headers={"x-remote-user": "root"}).json()["me"]["role"] == "admin"
        assert proxy.get("/api/people").status_code == 401, "nobody is named"
        twice = [("x-remote-user", "Grace"), ("x-remote-user", "Root")]
        assert proxy.get("/api/people", headers=twice).status_code == 403
        assert proxy.get("/api/people", headers={"x-remote-user": "dataset"}).status_code == 403


def test_nobody_else_names_people(team: Project) -> None:
    with from_address(team, "10.0.0.2") as other:
        for path in ("/api/people", "/login", "/api/health"):
            assert other.get(path, headers={"X-Remote-User": "Root"}).status_code == 403
        assert (
            other.get("/api/people", headers={"x-remote-user": "Root", "x-forwarded-for": "10.0.0.1"}).status_code
            == 403
        )


def test_tries_are_counted_by_whom_the_proxy_saw(team: Project) -> None:
    with from_address(team, "10.0.0.1") as proxy:

        def guess(number: int, address: str) -> int:
            body: dict[str, Any] = {"name": f"nobody {number}", "password": "x"}
            seen = {"x-forwarded-for": f"10.9.9.9, {address}"}
            return proxy.post("/api/login", json=body, headers=seen).status_code

        assert [guess(n, "192.0.2.7") for n in range(21)].count(401) == 20
        assert guess(21, "192.0.2.7") == 429
        assert guess(22, "192.0.2.8") == 401


# ---- starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "shut"),
    [
        ({}, False), ({"host": "localhost"}, False), ({"login": True}, True), ({"host": "0.0.0.0"}, True),
        ({"allowed_host": ("label.example",)}, True), ({"trusted_proxy": ("10.0.0.1",)}, True),
    ],
)  # fmt: skip
def test_people_log_in_wherever_others_come(settings: dict[str, Any], shut: bool) -> None:
    assert (ServerConfig(project=Path("p"), **settings).entry is not None) == shut


def test_without_an_admin_nothing_is_served_to_others(project: Project) -> None:
    config = ServerConfig(project=project.paths.folder, host="0.0.0.0")
    with pytest.raises(InputError, match="people add NAME --role admin"):
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
