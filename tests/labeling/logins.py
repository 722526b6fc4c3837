"""A project whose people log in: Root, an admin, and Ann, an annotator."""

from functools import cache

from starlette.testclient import TestClient

from labeling.security.passwords import hash_password
from storage.database import Database
from storage.people import Role, find_or_add_person, set_password, set_role

URL = "http://127.0.0.1"
PASSWORD = "correct horse battery"


@cache
def _hash() -> str:
    return hash_password(PASSWORD)


def settle(db: Database) -> None:
    roles: dict[str, Role] = {"Root": "admin", "Ann": "annotator"}
    for name, role in roles.items():
        person = find_or_add_person(db, name)
        set_role(db, person.id, role)
        set_password(db, person.id, _hash())


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> TestClient:
    """Return a browser of its own in which somebody is logged in."""
    browser = TestClient(client.app, base_url=URL, follow_redirects=False)
    browser.portal = client.portal
    answer = browser.post("/api/login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return browser
