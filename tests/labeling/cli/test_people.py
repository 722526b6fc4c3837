"""The people of a project, from the command line and for admins through the API."""

import io
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from labeling.cli.main import main
from labeling.project import Project, reading
from labeling.security.doors import Entry
from labeling.security.passwords import fits
from labeling.server.application import build_app
from storage.people import find_member
from tests.labeling.logins import PASSWORD, URL, log_in, settle

People = Callable[..., tuple[int, str, str]]


@pytest.fixture
def people(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> People:
    """Return a function that runs `people …` with a password from a pipe: (status, out, err)."""

    def run(*words: str, password: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        status = main(["people", *words, "--project", str(folder)])
        said = capsys.readouterr()
        return status, said.out.strip(), said.err.strip()

    return run


def test_the_first_admin_is_made_by_the_command(people: People, folder: Path) -> None:
    assert people("add", "Ann", "--role", "admin", password=PASSWORD) == (0, "Ann: added as admin", "")
    with reading(folder) as db:
        ann = find_member(db, "ANN")
    assert ann is not None
    assert fits(PASSWORD, ann.password)
    assert PASSWORD not in str(ann.password)
    assert people("list")[1] == "Ann: admin, password, 0 answers"
    assert people("add", "ann", password=PASSWORD)[2].startswith("labeling: Ann: is there already")
    assert people("add", "Bob", "--no-password")[0] == 0
    assert "Bob: annotator, no password" in people("list")[1]


def test_the_only_admin_whom_a_proxy_names_stays_one(people: People, folder: Path) -> None:
    assert people("add", "Ann", "--role", "admin", "--no-password")[0] == 0
    assert "Ann: is the only admin" in people("add", "Ann", "--no-password")[2]
    with Project(folder) as project:
        entry = Entry("x-remote-user", frozenset({"10.0.0.1"}))
        app = build_app(project, entry=entry, pages=False)
        with TestClient(app, base_url=URL, client=("10.0.0.1", 1), headers={"x-remote-user": "Ann"}) as ann:
            added = ann.post("/api/team", json={"uuid": str(uuid.uuid4()), "name": "Ann"})
    assert (added.status_code, added.json()["error"]) == (409, "Ann is the only admin")
    assert people("list")[1] == "Ann: admin, no password, 0 answers"


@pytest.mark.parametrize(
    ("words", "password", "line"),
    [
        (("add", "Bob"), "short", "the password has 5 characters; take 10"),
        (("add",), PASSWORD, "name somebody"),
        (("add", "dataset"), PASSWORD, "imported labels"),
        (("password", "Nobody"), PASSWORD, "nobody of that name"),
        (("role", "Ann"), "", "--role admin"),
        (("role", "Ann", "--role", "annotator"), "", "the only admin"),
        (("remove", "Ann"), "", "the only admin"),
    ],
)
def test_what_cannot_be_done_is_one_line(people: People, words: tuple[str, ...], password: str, line: str) -> None:
    people("add", "Ann", "--role", "admin", password=PASSWORD)
    status, _, said = people(*words, password=password)
    assert status == 2
    assert line in said
    assert "\n" not in said


@pytest.fixture
def root(project: Project) -> Iterator[TestClient]:
    project.write(settle)
    with TestClient(build_app(project, entry=Entry(), pages=False), base_url=URL) as client:
        yield log_in(client, "Root")


def test_an_admin_adds_somebody_once(root: TestClient) -> None:
    body = {"uuid": str(uuid.uuid4()), "name": "Bob", "password": "a first password"}
    first, again = (root.post("/api/team", json=body).json() for _ in range(2))
    assert first == again
    assert (first["role"], first["can_log_in"], first["answers"]) == ("annotator", True, 0)
    taken = root.post("/api/team", json={**body, "uuid": str(uuid.uuid4()), "name": "BOB"})
    assert (taken.status_code, taken.json()["field"]) == (409, "name")
    log_in(root, "Bob", "a first password")


def test_no_password_is_stored_in_any_other_form(root: TestClient, project: Project) -> None:
    """Of a write its body's hash is kept; a password in it could be guessed from that."""
    same = str(uuid.uuid4())
    root.post("/api/team", json={"uuid": same, "name": "Bob", "password": "a first password"})
    again = root.post("/api/team", json={"uuid": same, "name": "Bob", "password": "quite another one"})
    assert again.status_code == 200, "the hash does not depend on the password"
    log_in(root, "Bob", "a first password")
    with project.reading() as db:
        assert not any("password" in str(tuple(row)) for row in db.execute("SELECT answer FROM written"))


def test_a_wish_about_one_person_is_none_about_another(root: TestClient) -> None:
    cid, dan = (
        root.post("/api/team", json={"uuid": str(uuid.uuid4()), "name": name, "role": "annotator"}).json()["id"]
        for name in ("Cid", "Dan")
    )
    wish = {"uuid": str(uuid.uuid4()), "active": False}
    assert root.patch(f"/api/team/{cid}", json=wish).json()["active"] is False
    answer = root.patch(f"/api/team/{dan}", json=wish)
    assert (answer.status_code, answer.json()["field"]) == (409, "uuid")


def test_the_last_admin_stays(root: TestClient) -> None:
    me = root.get("/api/people").json()["me"]["id"]
    for change in ({"role": "annotator"}, {"active": False}):
        answer = root.patch(f"/api/team/{me}", json={"uuid": str(uuid.uuid4()), **change})
        assert (answer.status_code, answer.json()["error"]) == (409, "Root is the only admin")
    ann = next(item["id"] for item in root.get("/api/team").json()["people"] if item["name"] == "Ann")
    root.patch(f"/api/team/{ann}", json={"uuid": str(uuid.uuid4()), "role": "admin"})
    assert root.patch(f"/api/team/{me}", json={"uuid": str(uuid.uuid4()), "role": "annotator"}).status_code == 200
    assert root.get("/api/team").status_code == 403, "it counts at once"


def test_who_is_kept_out_leaves_nothing_that_others_wait_for(people: People, root: TestClient) -> None:
    """From the page at once; the command works beside the server."""
    wish = {"client": "a tab", "count": 20, "holding": []}
    for name in ("Ann", "Bob"):
        root.post("/api/team", json={"uuid": str(uuid.uuid4()), "name": name, "password": PASSWORD})
        browser = log_in(root, name)
        assert len(browser.post("/api/lease", json=wish).json()["items"]) == 20
        if name == "Ann":
            number = browser.get("/api/people").json()["me"]["id"]
            root.patch(f"/api/team/{number}", json={"uuid": str(uuid.uuid4()), "active": False})
        else:
            assert people("remove", name)[0] == 0
    assert len(root.post("/api/lease", json=wish).json()["items"]) == 20


def test_nobody_is_called_like_the_imported_labels(root: TestClient, project: Project) -> None:
    """Also where none were imported yet."""
    project.write(lambda db: db.execute("UPDATE person SET folded = 'x', name = 'x' WHERE folded = 'dataset'"))
    body = {"uuid": str(uuid.uuid4()), "name": "Dataset", "password": PASSWORD}
    answer = root.post("/api/team", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


def test_a_number_that_is_nobodys_is_refused(root: TestClient) -> None:
    for number, status in ((10**6, 404), (10**20, 422)):
        answer = root.patch(f"/api/team/{number}", json={"uuid": str(uuid.uuid4()), "active": False})
        assert (answer.status_code, answer.json()["field"]) == (status, "person_id")


def test_a_reset_password_ends_sessions(root: TestClient) -> None:
    ann = log_in(root, "Ann")
    number = ann.get("/api/people").json()["me"]["id"]
    root.patch(f"/api/team/{number}", json={"uuid": str(uuid.uuid4()), "password": "quite another one"})
    assert ann.get("/api/people").status_code == 401
    log_in(root, "Ann", "quite another one")
