"""Leasing images over HTTP and saying what they are: each answer, stored once, says what became of it."""

import json
from collections.abc import Callable
from typing import Any

from labeling.project import Project
from storage.database import Database
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, NewItem
from storage.requests import add_request
from tests.labeling.conftest import Tab, new


def test_lease_label_undo_redo(ann: Tab) -> None:
    first, second = ann.lease(2)
    assert first["why"] == {
        "strategy": "typiclust", "rank": 1, "score": 0.5, "reason": "typical", "neighbours": [],
    }  # fmt: skip
    said = ann.label(first, "cat", looked_ms=700)
    assert (said["status"], said["label"]["state"], said["label"]["class"]) == (
        "acknowledged",
        "labeled",
        ann.classes["cat"],
    )
    undone = ann.post("/api/undo", {"uuid": new(), "client": ann.id})
    assert undone["act"] == said["uuid"]
    assert [(item["image"], item["lease"]) for item in undone["items"]] == [(first["image"], first["lease"])]
    assert ann.get("/api/progress")["mine"]["redoable"]
    redone = ann.post("/api/redo", {"uuid": new(), "client": ann.id})
    assert redone["label"]["class"] == ann.classes["cat"]
    ann.post("/api/redo", {"uuid": new(), "client": ann.id}, 409)
    assert [item["image"] for item in ann.lease(1, (second["lease"],))] != [first["image"]]


def test_an_undo_and_a_redo_say_what_they_were_about(ann: Tab) -> None:
    first, second = ann.lease(2)
    batch = new()
    ann.say(
        *({"kind": "label", "image": item["image"], "class": ann.classes["cat"], "lease": item["lease"], "batch": batch,
           "source": "grid"} for item in (first, second))
    )  # fmt: skip
    flag = ann.say({"kind": "flag", "image": first["image"]})[0]
    seen = [
        ann.post(f"/api/{step}", {"uuid": new(), "client": ann.id}) for step in ("undo", "undo", "redo", "redo", "undo")
    ]
    both = [first["image"], second["image"]]
    assert [(answer["kind"], answer["act"], answer["images"], answer["flagged"]) for answer in seen] == [
        ("flag", flag["uuid"], both[:1], False),
        ("label", batch, both, False),
        ("label", batch, both, False),
        ("flag", flag["uuid"], both[:1], True),
        ("flag", flag["uuid"], both[:1], False),
    ]


def test_an_undo_that_arrives_late_takes_back_nothing_else(ann: Tab) -> None:
    first, second = ann.lease(2)
    assert ann.get("/api/undo") == ann.get("/api/redo") == {"undoes": None}
    said = ann.label(first, "cat")
    meant = ann.get("/api/undo")
    assert meant == {"undoes": said["uuid"]}
    ann.label(second, "dog")

    late = ann.post("/api/undo", {"uuid": new(), "client": ann.id, **meant}, 409)

    assert (late["field"], late["hint"]) == ("undoes", "press again")
    wish = {"uuid": new(), "client": ann.id, **ann.get("/api/undo")}
    undone = ann.post("/api/undo", wish)
    assert undone["images"] == [second["image"]]
    assert ann.post("/api/undo", wish) == undone, "sent again, it is answered as before"
    undo = ann.get("/api/redo")
    assert undo == {"undoes": wish["uuid"]}
    assert ann.post("/api/redo", {"uuid": new(), "client": ann.id, **undo})["images"] == [second["image"]]


def test_a_repeated_undo_changes_nothing(ann: Tab) -> None:
    first, second = ann.lease(2)
    ann.label(first, "cat")
    ann.label(second, "dog")
    wish = {"uuid": new(), "client": ann.id}
    assert ann.post("/api/undo", wish) == ann.post("/api/undo", wish)
    assert ann.get(f"/api/images/{first['image']}")["label"]["state"] == "labeled"


def test_an_undo_shows_no_guess_of_a_blind_image_that_somebody_else_holds(
    ann: Tab, open_tab: Callable[[str], Tab], project: Project
) -> None:
    def draw(db: Database) -> int:
        image = int(db.execute("SELECT max(id) FROM image WHERE split = 'unlabeled'").fetchone()[0])
        put_predictions(db, add_run(db, b"run", "embed"), [NewPrediction(image, (Guess(ann.classes["cat"], 0.9),), 0)])
        add_request(db, [NewItem(image)], purpose="control", strategy="random")
        return image

    image = project.write(draw)
    mine = ann.lease(200)[-1]
    assert (mine["image"], mine["blind"], mine["guesses"]) == (image, True, [])
    project.write(lambda db: db.execute("UPDATE lease SET expires = 0 WHERE token = ?", (mine["lease"],)).rowcount)
    assert [item["image"] for item in open_tab("Bob").lease(1)] == [image]
    assert ann.label(mine, "dog")["status"] == "late"

    (again,) = ann.post("/api/undo", {"uuid": new(), "client": ann.id})["items"]

    assert (again["image"], again["lease"]) == (image, None)
    assert (again["blind"], again["purpose"], again["guesses"]) == (True, "control", [])


def test_a_renewal_tells_what_is_lost(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    item = ann.lease(1)[0]
    bob = open_tab("Bob")
    answer = bob.post("/api/lease", {"client": bob.id, "count": 0, "holding": [item["lease"], 999]})
    assert answer["lost"] == [item["lease"], 999]
    assert answer["items"] == []
    mine = ann.post("/api/lease", {"client": ann.id, "count": 0, "holding": [item["lease"]]})
    assert (mine["lost"], mine["left"]) == ([], 20)


def test_a_label_brings_the_next_image_in_one_call(ann: Tab) -> None:
    first, second = ann.lease(2)
    event = {"uuid": new(), "kind": "label", "image": first["image"], "class": ann.classes["cat"]}
    wish = {"count": 2, "holding": [second["lease"], 999]}
    body = {"client": ann.id, "events": [{**event, "lease": first["lease"]}], "lease": wish}
    answer = ann.post("/api/labels", body)
    assert [result["status"] for result in answer["results"]] == ["acknowledged"]
    leased = answer["leased"]
    assert leased["lost"] == [999]
    assert leased["left"] == 19, "the label was stored before"
    assert len({first["image"], second["image"], *(item["image"] for item in leased["items"])}) == 4
    again = ann.post("/api/labels", body)
    assert again["results"] == answer["results"]
    assert leases_of(again["leased"]) == leases_of(leased), "an answer that was lost costs no image"
    assert ann.post("/api/labels", {"client": ann.id, "events": body["events"]})["leased"] is None


def leases_of(answer: dict[str, Any]) -> list[int]:
    return [item["lease"] for item in answer["items"]]


def test_two_tabs_of_one_person_get_different_images(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    other = open_tab("ann")
    assert other.me["id"] == ann.me["id"]
    images = [item["image"] for tab in (ann, other) for item in tab.lease(5)]
    assert len(set(images)) == 10


def test_what_cannot_be_stored_is_refused_and_the_rest_is_stored(ann: Tab) -> None:
    item = ann.lease(1)[0]
    results = ann.say(
        {"kind": "label", "image": 999, "class": ann.classes["cat"]},
        {"kind": "label", "image": item["image"]},
        {"kind": "skip", "image": item["image"], "class": ann.classes["cat"]},
        {"kind": "undo"},
        {"kind": "undo", "undoes": new()},
        {"kind": "label", "image": item["image"], "class": 12345},
        {"kind": "label", "image": item["image"], "class": ann.classes["dog"], "lease": item["lease"]},
    )
    assert [result["status"] for result in results] == ["refused"] * 6 + ["acknowledged"]
    assert all(result["message"] for result in results[:6])


def test_a_stale_relabel_is_a_conflict_with_the_present_label(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    bob = open_tab("Bob")
    image = ann.lease(1)[0]["image"]
    event = {"kind": "label", "image": image, "source": "browse"}
    first = ann.say({**event, "class": ann.classes["cat"]})[0]
    second = bob.say({**event, "class": ann.classes["dog"], "replaces": first["event"]})[0]
    assert second["status"] == "acknowledged"
    body = {
        "client": ann.id,
        "events": [{"uuid": new(), **event, "class": ann.classes["cat"], "replaces": first["event"]}],
    }
    answer = ann.post("/api/labels", body, 409)
    assert answer["field"] == "replaces"
    assert answer["error"]
    assert answer["hint"]
    assert answer["results"][0]["label"] == {
        "state": "labeled", "class": ann.classes["dog"], "event": second["event"],
    }  # fmt: skip


def test_a_label_that_replaces_nothing_is_a_conflict_where_there_is_one(
    ann: Tab, open_tab: Callable[[str], Tab]
) -> None:
    bob = open_tab("Bob")
    first, second = ann.lease(2)
    said = ann.label(first, "cat")
    event = {"kind": "label", "class": ann.classes["dog"], "source": "browse", "replaces": 0}
    answer = bob.post(
        "/api/labels", {"client": bob.id, "events": [{"uuid": new(), **event, "image": first["image"]}]}, 409
    )
    assert answer["results"][0]["label"] == {"state": "labeled", "class": ann.classes["cat"], "event": said["event"]}
    (stored,) = bob.say({**event, "image": second["image"]})
    (again,) = bob.say({**event, "image": second["image"], "class": ann.classes["cat"], "replaces": stored["uuid"]})
    assert [stored["status"], again["status"]] == ["acknowledged"] * 2
    assert again["label"]["class"] == ann.classes["cat"]


def test_what_is_refused_as_a_whole_keeps_the_images_it_asked_for(ann: Tab) -> None:
    """The answer is an error, but what was handed out with it is in this tab's hands."""
    first, own = ann.lease(1)[0], new()
    ann.label(first, "cat", uuid=own)
    wish = {"count": 2, "holding": []}
    body = {"client": ann.id, "events": [{"uuid": own, "kind": "reject", "image": first["image"]}], "lease": wish}
    refused = ann.post("/api/labels", body, 409)
    assert set(refused) == {"results", "leased", "fitted", "error", "field", "hint"}
    assert refused["results"][0]["status"] == "conflict"
    held = {item["lease"] for item in refused["leased"]["items"]}
    assert {item["lease"] for item in ann.lease(2)} == held, "as after a reload"
    stored = ann.post("/api/labels", body | {"events": [{"uuid": new(), "kind": "flag", "image": first["image"]}]})
    assert set(stored) == {"results", "leased", "fitted"}, "no error where there is none"


def test_the_same_uuid_for_something_else_is_a_conflict(ann: Tab) -> None:
    item, own = ann.lease(1)[0], new()
    ann.label(item, "cat", uuid=own)
    answer = ann.post("/api/labels", {"client": ann.id, "events": [
        {"uuid": own, "kind": "label", "image": item["image"], "class": ann.classes["dog"], "lease": item["lease"]},
    ]}, 409)  # fmt: skip
    assert answer["results"][0]["message"] == "this UUID was used for something else"


def test_images_given_back_go_to_the_next(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    images = [item["image"] for item in ann.lease(3)]
    body = json.dumps({"client": ann.id})
    answer = ann.http.post("/api/release", content=body, headers={"content-type": "text/plain"})
    assert answer.json() == {"released": 3}
    assert [item["image"] for item in open_tab("Bob").lease(3)] == images


def test_what_another_tab_holds_is_told_and_taken_here(ann: Tab, open_tab: Callable[[str], Tab]) -> None:
    held = {item["image"] for item in ann.lease(200)}
    bob = open_tab("Bob")
    assert bob.post("/api/lease", {"client": bob.id, "count": 5})["other_tabs"] == 0, "they are somebody else's"
    again = open_tab("Ann")
    assert again.id != ann.id
    told = again.post("/api/lease", {"client": again.id, "count": 5})
    assert (told["items"], told["other_tabs"]) == ([], len(held))
    assert again.post("/api/release", {"client": again.id, "others": True}) == {"released": len(held)}
    assert {item["image"] for item in again.lease(200)} == held
    assert again.post("/api/release", {"client": again.id, "others": True}) == {"released": 0}, "its own are kept"
