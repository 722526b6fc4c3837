"""Who somebody is and may do: by login, or where a trusted proxy names people."""

import re
import uuid
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.cli.main import main
from labeling.project import Project
from labeling.security.doors import Entry
from labeling.server.application import build_app
from tests.labeling.logins import URL, log_in

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
            if path.startswith(("/api/exports", "/api/team", "/api/imports", "/api/choice")):
                assert answer.status_code == 403
                assert answer.json()["error"] == "this is for admins of the project"
    assert allowed == ANNOTATORS


def test_an_annotator_changes_the_key_of_a_class_and_no_more(nobody: TestClient) -> None:
    ann, root = log_in(nobody, "Ann"), log_in(nobody, "Root")
    (cat, *_) = ann.get("/api/classes").json()["classes"]
    path = f"/api/classes/{cat['id']}"
    for change in ({"name": "kitten"}, {"color": "#000000"}, {"position": 1}, {"key": "k", "name": "kitten"}):
        answer = ann.patch(path, json={"uuid": str(uuid.uuid4()), **change})
        assert (answer.status_code, answer.json()["error"]) == (403, "this is for admins of the project")
    assert ann.get("/api/classes").json()["classes"][0] == cat
    assert ann.patch(path, json={"uuid": str(uuid.uuid4()), "key": "k"}).json() == {**cat, "key": "k"}
    whole = {"name": "kitten", "color": "#000000", "key": "t"}
    assert root.patch(path, json={"uuid": str(uuid.uuid4()), **whole}).json() == {**cat, **whole}


def test_no_admin_chooses_the_programs_of_the_server_where_people_log_in(
    nobody: TestClient, team: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = log_in(nobody, "Root")
    wish = {"uuid": str(uuid.uuid4()), "launcher": "bash -c 'touch /tmp/x' x"}
    refused = root.put("/api/launcher", json=wish)
    assert (refused.status_code, refused.json()["field"]) == (403, "launcher")
    assert "python -m labeling launcher" in refused.json()["hint"]
    assert root.get("/api/launcher").json() == {"launcher": "", "settable": False}

    words = ["launcher", "--project", str(team.paths.folder)]
    assert main([*words, "--words", "env A=b python"]) == 0
    assert main([*words, "--words", "no-such-program"]) == 2
    assert main(words) == 0
    assert capsys.readouterr().out.count("runs are started with env A=b python\n") == 2
    assert root.get("/api/launcher").json()["launcher"] == "env A=b python"
    with TestClient(build_app(team, pages=False), base_url=URL) as alone:
        alone.post("/api/people/me", json={"name": "Root"})
        assert alone.put("/api/launcher", json={**wish, "launcher": ""}).json() == {"launcher": "", "settable": True}


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
        for name, encoding in (("Łukasz Weiß", "utf-8"), ("Jörg", "utf-8"), ("Zoë", "latin-1")):
            answer = proxy.get("/api/people", headers={"x-remote-user": name.encode(encoding)})
            assert answer.json()["me"]["name"] == name
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


@pytest.mark.parametrize("cookie", ["Root", "header Root"])
def test_no_cookie_passes_for_a_name_that_the_proxy_brought(team: Project, cookie: str) -> None:
    """Whom the proxy named a moment ago is remembered; a cookie is looked for among sessions alone."""
    with from_address(team, "10.0.0.1") as proxy:
        assert proxy.get("/api/people", headers={"x-remote-user": "Root"}).json()["me"]["role"] == "admin"
        other = TestClient(proxy.app, base_url=URL, client=("10.0.0.2", 1))
        for client in (other, proxy):
            answer = client.get("/api/people", headers={"cookie": f"session-{team.id}={cookie}"})
            assert answer.status_code == 401


def test_tries_are_counted_by_whom_the_proxy_saw(team: Project) -> None:
    with from_address(team, "10.0.0.1") as proxy:

        def guess(number: int, address: str) -> int:
            body: dict[str, Any] = {"name": f"nobody {number}", "password": "x"}
            seen = {"x-forwarded-for": f"10.9.9.9, {address}"}
            return proxy.post("/api/login", json=body, headers=seen).status_code

        # Twenty tries are free; the waits after them double, so that one soon outlasts a try of a slow machine.
        assert next(n for n in range(40) if guess(n, "192.0.2.7") == 429) >= 20
        assert guess(40, "192.0.2.8") == 401
