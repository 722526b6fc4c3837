"""A project whose people log in: Root, an admin, and Ann, an annotator."""

import uuid
from functools import cache
from typing import Any

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
    let_in(db, "Root", "admin")
    let_in(db, "Ann", "annotator")


def let_in(db: Database, name: str, role: Role) -> None:
    """Let somebody log in with the password of all."""
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


class Seat:
    """Somebody who logged in."""

    def __init__(self, client: TestClient, name: str) -> None:
        self.http = log_in(client, name)
        self.id = self.get("/api/people")["me"]["id"]

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def say(self, *events: dict[str, Any], status: int = 200) -> Any:
        whole = [{"uuid": str(uuid.uuid4()), "source": "browse", **event} for event in events]
        return self.post("/api/labels", {"client": "tab", "events": whole}, status)

    def label(self, image: int, class_id: int, **further: Any) -> str:
        event = {"uuid": str(uuid.uuid4()), "kind": "label", "image": image, "class": class_id, **further}
        (result,) = self.say(event)["results"]
        assert result["status"] == "acknowledged"
        return str(event["uuid"])

    def state(self, image: int) -> tuple[str, int | None]:
        label = self.get(f"/api/images/{image}")["label"]
        return label["state"], label["class"]
