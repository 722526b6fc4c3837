"""Where people have roles: what others said is for admins to overrule, and kept from whoever is still to answer."""

import uuid
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.project import Project
from storage.requests import put_neighbours
from storage.suspects import NewSuspect, put_suspects
from tests.labeling.conftest import Tab
from tests.labeling.logins import Seat, let_in


@pytest.fixture
def seats(nobody: TestClient, team: Project) -> dict[str, Seat]:
    for name in ("Bob", "Mallory"):
        team.write(lambda db, name=name: let_in(db, name, "annotator"))  # type: ignore[misc]
    return {name: Seat(nobody, name) for name in ("Root", "Ann", "Bob", "Mallory")}


@pytest.fixture
def classes(seats: dict[str, Seat]) -> tuple[int, int]:
    one, two = (item["id"] for item in seats["Root"].get("/api/classes")["classes"])
    return one, two


def free_images(seat: Seat) -> list[int]:
    """Return images without a label that nobody is asked about."""
    (request,) = seat.get("/api/requests")["requests"]
    asked = {item["image"] for item in seat.get("/api/images", round=request["id"])["images"]}
    return [i["image"] for i in seat.get("/api/images", state="none")["images"] if i["image"] not in asked]


@pytest.fixture
def agreed(seats: dict[str, Seat], classes: tuple[int, int]) -> int:
    """Return an image that Ann and Bob say the same of."""
    image = free_images(seats["Root"])[0]
    seats["Root"].post("/api/requests", {"uuid": str(uuid.uuid4()), "overlap": 2, "items": [named(seats, image)]})
    seats["Ann"].label(image, classes[0])
    seats["Bob"].label(image, classes[0])
    return image


def named(seats: dict[str, Seat], image: int) -> dict[str, Any]:
    return {"file": seats["Root"].get(f"/api/images/{image}")["file"]}


def overruling(image: int, class_id: int, event: int) -> dict[str, dict[str, Any]]:
    """Return all that changes a label which others gave, by what it is."""
    return {
        "confirm": {"kind": "confirm", "image": image, "class": class_id},
        "confirm none of them": {"kind": "confirm", "image": image},
        "confirm by review": {"kind": "confirm", "image": image, "class": class_id, "source": "review"},
        "send-back": {"kind": "send-back", "image": image},
        "label": {"kind": "label", "image": image, "class": class_id},
        "label from the queue": {"kind": "label", "image": image, "class": class_id, "source": "single"},
        "label under no lease": {"kind": "label", "image": image, "class": class_id, "lease": 10**6},
        "label in place of": {"kind": "label", "image": image, "class": class_id, "replaces": event},
        "reject": {"kind": "reject", "image": image},
        "reject in place of": {"kind": "reject", "image": image, "replaces": event},
    }


def test_what_others_agreed_on_is_overruled_by_admins_alone(
    seats: dict[str, Seat], classes: tuple[int, int], agreed: int
) -> None:
    mallory, root = seats["Mallory"], seats["Root"]
    event = root.get(f"/api/images/{agreed}")["label"]["event"]
    before = root.get(f"/api/images/{agreed}")
    acts = overruling(agreed, classes[1], event)
    for words, act in acts.items():
        answer = mallory.say(act, status=403)
        assert "is for admins of the project" in answer["error"], words
        assert (answer["field"], answer["hint"]) == ("kind", "ask one of them")
        assert [result["status"] for result in answer["results"]] == ["refused"]
    mallory.say(*acts.values(), status=403)
    assert root.get(f"/api/images/{agreed}") == before, "nothing of it is stored"
    for kind in ("flag", "unflag", "skip"):
        assert mallory.say({"kind": kind, "image": agreed})["results"][0]["status"] in ("acknowledged", "late")
    assert root.state(agreed) == ("labeled", classes[0])
    for act in acts.values():
        (result,) = root.say({**act, **({"replaces": None} if "replaces" in act else {})})["results"]
        assert result["status"] in ("acknowledged", "late")


def test_what_came_with_the_images_is_overruled_by_admins_alone(
    seats: dict[str, Seat], classes: tuple[int, int]
) -> None:
    image = next(i for i in seats["Ann"].get("/api/images", state="labeled", split="val")["images"])
    for act in overruling(image["image"], classes[1], image["label"]["event"]).values():
        seats["Ann"].say(act, status=403)
    assert seats["Ann"].state(image["image"]) == ("labeled", image["label"]["class"])


def test_one_refused_event_holds_up_no_other(seats: dict[str, Seat], classes: tuple[int, int], agreed: int) -> None:
    free = seats["Root"].get("/api/images", state="none")["images"][0]["image"]
    events = ({"kind": "send-back", "image": agreed}, {"kind": "label", "image": free, "class": classes[1]})
    results = seats["Mallory"].say(*events)["results"]
    assert [result["status"] for result in results] == ["refused", "acknowledged"]


def test_an_annotator_changes_what_is_their_own(seats: dict[str, Seat], classes: tuple[int, int], agreed: int) -> None:
    ann, bob, (one, two) = seats["Ann"], seats["Bob"], classes
    (free, *_) = (i["image"] for i in ann.get("/api/images", state="none")["images"])
    ann.label(free, one, replaces=0)
    mine = ann.get(f"/api/images/{free}")["label"]["event"]
    ann.label(free, two, replaces=mine)
    assert ann.state(free) == ("labeled", two)
    mine = ann.get(f"/api/images/{free}")["label"]["event"]
    bob.say({"kind": "label", "image": free, "class": one, "replaces": mine}, status=403)
    bob.say({"kind": "reject", "image": free}, status=403)

    both = ann.get(f"/api/images/{agreed}")["label"]["event"]
    ann.say({"kind": "label", "image": agreed, "class": two, "replaces": both}, status=403)  # Bob's with it
    ann.label(agreed, two)
    assert ann.state(agreed) == ("disputed", None), "one more opinion of hers, and Bob's stands"
    ann.post("/api/undo", {"uuid": str(uuid.uuid4()), "client": "tab"})
    assert ann.state(agreed) == ("labeled", one)
    ann.post("/api/redo", {"uuid": str(uuid.uuid4()), "client": "tab"})
    assert ann.state(agreed) == ("disputed", None)


def test_who_was_asked_answers_although_somebody_else_did(seats: dict[str, Seat], classes: tuple[int, int]) -> None:
    ann, bob = seats["Ann"], seats["Bob"]
    (item,) = ann.post("/api/lease", {"client": "tab", "count": 1})["items"]
    ann.post("/api/release", {"client": "tab"})
    bob.label(item["image"], classes[0])
    said = {"kind": "label", "image": item["image"], "class": classes[1], "lease": item["lease"], "source": "single"}
    assert ann.say(said)["results"][0]["status"] == "late", "what was decided offline is kept"
    assert ann.state(item["image"]) == ("disputed", None)


def test_an_admin_decides_anew_whatever_was_decided(
    seats: dict[str, Seat], classes: tuple[int, int], agreed: int
) -> None:
    """Mallory was an admin for a while: what she decided can be overruled and voided, and is not hers to bring back."""
    mallory, root, (one, two) = seats["Mallory"], seats["Root"], classes
    be(root, mallory, "admin")
    decided, voided = ({"uuid": str(uuid.uuid4()), "image": agreed} for _ in range(2))
    mallory.say({**decided, "kind": "confirm", "class": two})
    assert root.state(agreed) == ("labeled", two)
    root.say({"kind": "confirm", "image": agreed, "class": one})
    assert root.state(agreed) == ("labeled", one)
    mallory.say({**voided, "kind": "send-back"})
    assert root.state(agreed) == ("none", None)
    root.say({"kind": "confirm", "image": agreed, "class": one})
    mallory.say({"kind": "confirm", "image": agreed, "class": two})
    root.say({"kind": "send-back", "image": agreed})
    assert root.state(agreed) == ("none", None)
    root.say({"kind": "confirm", "image": agreed, "class": one})

    step = {"uuid": str(uuid.uuid4()), "client": "tab"}
    be(root, mallory, "annotator")
    again = mallory.say({**voided, "kind": "send-back"})
    assert again["results"][0]["status"] == "acknowledged", "sent again, it is answered as before"
    assert mallory.post("/api/undo", step)["kind"] == "confirm", "it is hers to take back"
    refused = mallory.post("/api/redo", {**step, "uuid": str(uuid.uuid4())}, 403)
    assert refused["error"] == "to decide about others' answers is for admins of the project"
    mallory.say({"kind": "redo", "undoes": step["uuid"]}, status=403)
    assert root.state(agreed) == ("labeled", one)


def be(root: Seat, seat: Seat, role: str) -> None:
    answer = root.http.patch(f"/api/team/{seat.id}", json={"uuid": str(uuid.uuid4()), "role": role})
    assert answer.status_code == 200, answer.text


def test_where_nobody_logs_in_everybody_decides(ann: Tab, open_tab: Any) -> None:
    bob = open_tab("Bob")
    for number, act in enumerate(overruling(0, 0, 0).values()):
        image = ann.get("/api/images", state="none")["images"][number]["image"]
        ann.say({"kind": "label", "image": image, "class": ann.classes["cat"], "source": "browse"})
        event = ann.get(f"/api/images/{image}")["label"]["event"]
        own = {"image": image, **({"replaces": event} if "replaces" in act else {})}
        own |= {"class": bob.classes["dog"]} if "class" in act else {}
        assert bob.say({**act, **own})[0]["status"] in ("acknowledged", "late"), act


# ---- what is kept from whoever is still to answer --------------------------------------------------------------------


@pytest.fixture
def waiting(seats: dict[str, Seat], classes: tuple[int, int], team: Project) -> list[int]:
    """Return images that wait for a second answer: labeled by Ann, suspect at that, and rejected by her."""
    images = free_images(seats["Root"])[:2]
    wish = {"uuid": str(uuid.uuid4()), "overlap": 2, "items": [named(seats, image) for image in images]}
    seats["Root"].post("/api/requests", wish)
    seats["Ann"].label(images[0], classes[0])
    seats["Ann"].say({"kind": "reject", "image": images[1]})
    event = seats["Root"].get(f"/api/images/{images[0]}")["label"]["event"]
    team.write(lambda db: put_suspects(db, [NewSuspect(images[0], event, classes[1], 0.9)]))
    return images


def test_others_answers_are_kept_from_who_is_still_to_answer(
    seats: dict[str, Seat], classes: tuple[int, int], waiting: list[int], team: Project
) -> None:
    bob, none = seats["Bob"], {"state": "none", "class": None, "event": None}
    team.write(lambda db: put_neighbours(db, 1, asked_first(bob), [(waiting[0], 0.9)]))
    items = {item["image"]: item for item in bob.post("/api/lease", {"client": "tab", "count": 40})["items"]}
    listed = {item["image"]: item for item in bob.get("/api/images", limit=200)["images"]}
    for image in waiting:
        assert items[image]["label"] == listed[image]["label"] == none
        assert (listed[image]["answered_by"], listed[image]["suspect"]) == (None, None)
        detail = bob.get(f"/api/images/{image}")
        assert (detail["label"], detail["answered_by"], detail["suspect"], detail["history"]) == (none, None, None, [])
        for kind in ("flag", "unflag"):
            assert bob.say({"kind": kind, "image": image})["results"][0]["label"] == none
        assert [past["person"] for past in bob.get(f"/api/images/{image}")["history"]] == ["Bob", "Bob"]
    assert items[asked_first(bob)]["why"]["neighbours"] == []

    told = {name: shown(seats[name], waiting[0]) for name in ("Ann", "Root")}
    assert told["Ann"] == told["Root"] == ("labeled", classes[0], ["Ann", "Bob", "Bob"])


def asked_first(seat: Seat) -> int:
    return int(seat.get("/api/images", round=1)["images"][0]["image"])


def shown(seat: Seat, image: int) -> tuple[str, int | None, list[str]]:
    detail = seat.get(f"/api/images/{image}")
    return detail["label"]["state"], detail["label"]["class"], [past["person"] for past in detail["history"]]


def test_no_filter_finds_what_is_kept(seats: dict[str, Seat], classes: tuple[int, int], waiting: list[int]) -> None:
    filters: list[dict[str, Any]] = [
        {"state": "none"}, {"state": "labeled"}, {"state": "rejected"}, {"label": classes[0]},
        {"person": seats["Ann"].id}, {"suspect": True}, {"suspect": False}, {"settled": False},
        {"state": "labeled", "label": classes[0], "split": "unlabeled"},
    ]  # fmt: skip
    found = {name: [] for name in ("Ann", "Bob", "Root")}  # type: dict[str, list[set[int]]]
    for name, own in found.items():
        for wanted in filters:
            page = seats[name].get("/api/images", limit=200, **wanted)
            own.append({item["image"] for item in page["images"]} & set(waiting))
            assert page["total"] == len(page["images"])
    assert found["Bob"] == [set()] * len(filters)
    one, two = waiting
    assert found["Ann"] == found["Root"]
    assert found["Root"] == [set(), {one}, {two}, {one}, {one, two}, {one}, {two}, {one, two}, {one}]
    assert {i["image"] for i in seats["Bob"].get("/api/images", limit=200)["images"]} >= set(waiting)


def test_whoever_answered_sees_the_others_and_a_look_at_no_label_is_no_conflict(
    seats: dict[str, Seat], classes: tuple[int, int], waiting: list[int]
) -> None:
    bob, (one, two), (image, other) = seats["Bob"], classes, waiting
    act = str(uuid.uuid4())
    (result,) = bob.say({"uuid": act, "kind": "label", "image": image, "class": two, "replaces": 0})["results"]
    assert (result["status"], result["label"]["state"]) == ("acknowledged", "disputed"), "Ann's answer stands beside it"
    assert shown(bob, image) == ("disputed", None, ["Ann", "Bob"])
    assert shown(bob, other) == ("none", None, [])
    bob.say({"kind": "send-back", "image": other}, status=403)
    (result,) = bob.say({"kind": "undo", "undoes": act})["results"]
    assert [result["label"]["state"], *(item["label"]["state"] for item in result["items"])] == ["none", "none"]
    assert shown(bob, image) == ("none", None, ["Bob"]), "taken back, it is to be answered again"
    seats["Mallory"].label(image, one)
    assert bob.state(image) == ("labeled", one), "it waits for nobody any more"


def test_where_images_are_asked_again_what_was_said_is_kept(seats: dict[str, Seat], classes: tuple[int, int]) -> None:
    root, ann, bob = seats["Root"], seats["Ann"], seats["Bob"]
    image = free_images(root)[0]
    ann.label(image, classes[0])
    assert bob.state(image) == ("labeled", classes[0])
    root.post("/api/requests", {"uuid": str(uuid.uuid4()), "again": 1})
    assert shown(bob, image) == ("none", None, [])
    assert shown(ann, image) == ("none", None, ["Ann"])
    bob.label(image, classes[1])
    assert shown(ann, image) == ("disputed", None, ["Ann", "Bob"])
