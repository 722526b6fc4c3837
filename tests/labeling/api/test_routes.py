"""The routes do what docs/api.md says, and answer everything in one form."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.project import Project
from tests.labeling.conftest import Tab, new

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"


def test_one_must_be_somebody(server: TestClient) -> None:
    answer = server.get("/api/progress")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "nobody is named", "field": "person", "hint": "choose your name (POST /api/people/me)",
    }  # fmt: skip


def test_a_cookie_of_nobody_is_nobody(server: TestClient, ann: Tab) -> None:
    name = next(iter(ann.http.cookies))
    for value in ("999", "-1", "x", "1" * 40, "²"):
        answer = server.get("/api/progress", headers={"cookie": f"{name}={value}".encode()})
        assert answer.status_code == 401, value


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/lease", {"client": "x", "count": 201}, 422, "count"),
        ("POST", "/api/lease", {"count": 1}, 422, "client"),
        ("POST", "/api/labels", {"client": "x", "events": []}, 422, "events"),
        ("POST", "/api/labels", {"client": "x", "events": [{"uuid": "no", "kind": "skip"}]}, 422, "events.0.uuid"),
        ("POST", "/api/labels", {"client": "x", "events": [{"uuid": new(), "kind": "nap"}]}, 422, "events.0.kind"),
        ("POST", "/api/labels", {"client": "x", "typo": 1, "events": []}, 422, None),
        ("POST", "/api/classes", {"uuid": new(), "name": "  "}, 422, "name"),
        ("POST", "/api/classes", {"uuid": new(), "name": "two\nlines"}, 422, "name"),
        ("POST", "/api/classes", {"uuid": new(), "name": "x" * 101}, 422, "name"),
        ("POST", "/api/classes", {"uuid": new(), "name": "CAT"}, 409, "name"),
        ("POST", "/api/classes", {"uuid": new(), "name": "cow", "key": "x"}, 409, "key"),
        ("POST", "/api/classes", {"uuid": new(), "name": "cow", "key": "ab"}, 422, "key"),
        ("POST", "/api/classes", {"uuid": new(), "name": "cow", "color": "red"}, 422, "color"),
        ("PATCH", "/api/classes/9999", {"uuid": new(), "name": "cow"}, 404, "class"),
        ("POST", "/api/people/me", {"name": ""}, 422, "name"),
        ("POST", "/api/people/me", {"name": "dataset"}, 422, "name"),
        ("PUT", "/api/settings", {"keys": {"skip": "r"}}, 422, "keys.skip"),
        ("PUT", "/api/settings", {"keys": {"dance": "d"}}, 422, "keys.dance"),
        ("PUT", "/api/settings", {"display": {"x": "y" * 20000}}, 422, "display"),
        ("POST", "/api/requests", {"uuid": new()}, 422, "items"),
        ("POST", "/api/dataset/read", {"uuid": new(), "folder": "/a\0b"}, 422, "folder"),
        ("POST", "/api/exports", {"uuid": new(), "format": "zip"}, 422, "format"),
        ("POST", "/api/exports", {"uuid": new(), "format": "csv", "name": "../x"}, 422, "name"),
        ("GET", "/api/images?limit=0", None, 422, "limit"),
        ("GET", "/api/images?nonsense=1", None, 422, "nonsense"),
        ("GET", "/api/images/999", None, 404, "image"),
        ("GET", "/api/images/x", None, 422, "image_id"),
        ("GET", "/img/999", None, 404, "image"),
        ("GET", "/api/exports/..%2f..%2fproject.db", None, 404, None),
        ("GET", "/api/nothing", None, 404, "path"),
    ],
)  # fmt: skip
def test_bad_input_is_one_error_of_one_form(
    ann: Tab, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = ann.send(method, path, body, status)
    assert set(answer) == {"error", "field", "hint"}
    assert answer["error"]
    assert field is None or answer["field"] == field


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/exports", {"uuid": new(), "format": "csv", "name": "first one"}, "letters A to Z, digits"),
        ("/api/exports", {"uuid": new(), "format": "zip"}, "must be 'folders', 'seed' or 'csv'"),
        ("/api/imports/preview", {"uuid": new(), "path": ""}, "must not be empty"),
        ("/api/rounds", {"uuid": new(), "minutes": "abc"}, "must be a number"),
        ("/api/rounds", {"uuid": new(), "minutes": 0}, "must be above 0"),
        ("/api/lease", {"client": "x", "count": 201}, "must be at most 200"),
        ("/api/lease", {"count": 1}, "is missing"),
    ],
)
def test_what_is_wrong_is_said_in_words_that_people_know(ann: Tab, path: str, body: Any, words: str) -> None:
    error = ann.post(path, body, 422)["error"]
    assert words in error
    assert not re.search(r"(?i)string|input|parse|\^\[", error), error


def test_a_body_that_is_no_json(ann: Tab) -> None:
    answer = ann.http.post("/api/lease", content=b"{bad", headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "field", "hint"}


@pytest.mark.parametrize(
    ("method", "path", "content", "field"),
    [
        ("POST", "/api/release", b"\xff", None),
        ("POST", "/api/release", b'{"client": 3}', "client"),
        ("PUT", "/api/settings", b'{"display": {"size": NaN}}', "display"),
    ],
)
def test_a_body_that_is_nearly_json(ann: Tab, method: str, path: str, content: bytes, field: str | None) -> None:
    answer = ann.http.request(method, path, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (422 if field else 400, field)


def test_markup_is_a_name_like_any_other(ann: Tab) -> None:
    name = "<script>alert(1)</script> & “ö”"
    own = new()
    added = ann.post("/api/classes", {"uuid": own, "name": name})
    assert added["name"] == name
    assert ann.post("/api/classes", {"uuid": own, "name": name}) == added, "sent again it is not added twice"
    ann.post("/api/classes", {"uuid": own, "name": "another"}, 409)
    assert [item["name"] for item in ann.get("/api/classes")["classes"]] == ["cat", "dog", name]


def test_classes_are_renamed_merged_and_split(ann: Tab) -> None:
    item = ann.lease(1)[0]
    ann.label(item, "cat")
    cat, dog = ann.classes["cat"], ann.classes["dog"]
    assert ann.send("PATCH", f"/api/classes/{cat}", {"uuid": new(), "name": "kitten", "key": "k"})["key"] == "k"
    assert ann.post(f"/api/classes/{cat}/merge", {"uuid": new(), "into": dog})["id"] == dog
    assert ann.get(f"/api/images/{item['image']}")["label"]["class"] == dog
    assert [entry["id"] for entry in ann.get("/api/classes")["classes"]] == [dog]
    assert ann.post(f"/api/classes/{cat}/split", {"uuid": new()})["name"] == "kitten"
    assert ann.get(f"/api/images/{item['image']}")["label"]["class"] == cat


def test_a_removed_name_comes_back_under_a_new_id(ann: Tab) -> None:
    """A class that is renamed keeps its id, so its old name needs another one when it is given again."""
    ann.send("PATCH", f"/api/classes/{ann.classes['cat']}", {"uuid": new(), "name": "kitten"})
    again = ann.post("/api/classes", {"uuid": new(), "name": "cat"})
    assert again["id"] not in ann.classes.values()
    assert again["id"] < 2**53


def test_settings_are_each_persons_own(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    mine = ann.send("PUT", "/api/settings", {"keys": {"skip": "j"}, "display": {"theme": "dark"}})
    assert (mine["keys"]["skip"], mine["keys"]["flag"], mine["display"]) == ("j", "f", {"theme": "dark"})
    assert open_tab("Bob").get("/api/settings")["keys"]["skip"] == "x"
    ann.post("/api/classes", {"uuid": new(), "name": "cow", "key": "x"})
    answer = ann.send("PUT", "/api/settings", {"keys": {"skip": "x"}}, 422)
    assert answer["error"] == "the key x belongs to the class cow"


def test_settings_that_are_not_sent_stay(ann: Tab) -> None:
    """A page that was opened before a key was changed elsewhere says how it looks, and nothing of keys."""
    ann.send("PUT", "/api/settings", {"keys": {"skip": "j"}})
    ann.send("PUT", "/api/settings", {"display": {"why": None}})
    mine = ann.send("PUT", "/api/settings", {})
    assert (mine["keys"]["skip"], mine["display"]) == ("j", {"why": None})


def test_a_class_with_the_key_of_an_action_stands_in_the_way_of_no_other_key(
    ann: Tab, open_tab: Callable[[str], Tab]
) -> None:
    ann.send("PUT", "/api/settings", {"keys": {"grid": "h"}})
    ann.post("/api/classes", {"uuid": new(), "name": "goat", "key": "g"})  # Bob's key of the grid
    bob = open_tab("Bob")
    assert bob.send("PUT", "/api/settings", {"keys": {"flag": "ö"}})["keys"]["flag"] == "ö"
    assert bob.send("PUT", "/api/settings", {"keys": {}, "display": {"why": False}})["display"] == {"why": False}
    assert bob.send("PUT", "/api/settings", {"keys": {"skip": "g"}}, 422)["field"] == "keys.skip"


def test_a_page_writes_as_nobody_but_whom_it_shows(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    """Another tab of the same browser is somebody else's by now: the cookie says so."""
    bob = open_tab("Bob")
    body = {"client": "a", "count": 1}
    shown = {"X-Person": str(bob.me["id"])}
    assert bob.http.post("/api/lease", json=body, headers=shown).status_code == 200
    refused = ann.http.post("/api/lease", json=body, headers=shown)
    assert (refused.status_code, refused.json()["field"]) == (409, "X-Person")


def test_a_page_of_another_project_writes_nothing_and_sees_no_picture(ann: Tab, project: Project) -> None:
    """On one port one project is served after the other: their images have the same numbers."""
    (item,) = ann.lease(1)
    event = {"uuid": new(), "kind": "label", "image": item["image"], "class": ann.classes["cat"]}
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/labels", {"client": ann.id, "events": [event]}),
        ("POST", "/api/people/me", {"name": "Ann"}),
        ("GET", "/api/health", None),
        ("GET", item["url"], None),
    ]
    for method, path, body in calls:
        refused = ann.http.request(method, path, json=body, headers={"X-Project": new()})
        assert (refused.status_code, refused.json()["field"]) == (409, "X-Project"), path
    beacon = {"client": ann.id, "leases": [item["lease"]], "project": new()}
    assert ann.post("/api/release", beacon, 409)["field"] == "X-Project"
    assert ann.get(f"/api/images/{item['image']}")["history"] == []

    people = ann.get("/api/people")
    assert (people["project"], people["project_id"]) == (project.name, project.id)
    for method, path, body in calls:
        assert ann.http.request(method, path, json=body, headers={"X-Project": project.id}).status_code == 200, path
    assert ann.post("/api/release", beacon | {"project": project.id}) == {"released": 0}, "it was answered"


def test_progress_counts(ann: Tab) -> None:
    items = ann.lease(4)
    ann.label(items[0], "cat")
    ann.say({"kind": "reject", "image": items[1]["image"], "lease": items[1]["lease"]})
    ann.say({"kind": "skip", "image": items[2]["image"], "lease": items[2]["lease"]})
    ann.say({"kind": "flag", "image": items[3]["image"]})
    found = ann.get("/api/progress")
    assert {name: found[name] for name in ("images", "labeled", "rejected", "skipped", "flagged", "done", "left")} == {
        "images": 40, "labeled": 11, "rejected": 1, "skipped": 1, "flagged": 1, "done": 2, "left": 18,
    }  # fmt: skip
    assert {entry["class"]: entry["count"] for entry in found["classes"]} == {
        ann.classes["cat"]: 6, ann.classes["dog"]: 5,
    }  # fmt: skip


def test_browse_walks_all_images_once(ann: Tab) -> None:
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = ann.get("/api/images", limit=7, **after)
        seen += [image["image"] for image in page["images"]]
        assert (page["total"] == 40) if not after else page["total"] is None
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(seen) == len(set(seen)) == 40


def test_a_request_asks_for_what_nobody_knows(ann: Tab) -> None:
    named = {"uuid": new(), "strategy": "margin", "items": [
        {"file": "unlabeled/029.png"}, {"file": "train/cat/0.png"}, {"file": "val/cat/0.png"}, {"file": "no.png"},
    ]}  # fmt: skip
    assert ann.post("/api/requests", named) == {
        "id": 2, "items": 1, "left_out": {"already labeled": 2, "unknown file": 1},
    }  # fmt: skip
    drawn = {"uuid": new(), "random": 50}
    added = ann.post("/api/requests", drawn)
    assert added == {"id": 3, "items": 9, "left_out": {}}
    assert ann.post("/api/requests", drawn) == added
    refused = ann.post("/api/requests", named | {"uuid": new()}, 409)
    assert refused["error"] == "none of its images needs an answer (1 already asked for, 2 already labeled)"


def test_the_document_names_every_route(server: TestClient) -> None:
    described = server.get("/api/openapi.json").json()["paths"]
    text = DOCUMENT.read_text(encoding="utf-8")
    for path in described:
        plain = re.sub(r"\{\w+\}", "{id}", path).replace("/api/exports/{id}", "/api/exports/{name}")
        shown = plain.replace("/{name}/{id}.csv", "/{name}/labels.csv")
        assert shown in text, f"docs/api.md does not speak of {path}"


def test_the_description_refers_to_nothing_that_is_missing(server: TestClient) -> None:
    described = server.get("/api/openapi.json")
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', described.text))
    assert wanted <= described.json()["components"]["schemas"].keys()
    assert "#/$defs" not in described.text


def test_the_documents_items_are_what_is_sent(ann: Tab) -> None:
    """The JSON of /api/lease in docs/api.md has exactly the fields that are sent."""
    text = DOCUMENT.read_text(encoding="utf-8")
    block = next(block for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if '"items": [' in block)
    documented = json.loads(block)
    sent = ann.post("/api/lease", {"client": ann.id, "count": 1, "holding": []})
    assert documented.keys() == sent.keys()
    assert documented["items"][0].keys() == sent["items"][0].keys()
    assert documented["items"][0]["why"].keys() == sent["items"][0]["why"].keys()


def test_a_failure_inside_says_nothing_of_it(ann: Tab, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail of /home/somebody")

    monkeypatch.setattr(project, "submit", fail)
    answer = ann.http.post("/api/lease", json={"client": "x", "count": 1})
    assert answer.status_code == 500
    assert "secret" not in answer.text
