"""No count tells an annotator what others answered of an image that they are still to answer."""

import uuid
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.project import Project
from storage.database import Database
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, NewItem
from storage.requests import add_request
from storage.suspects import NewSuspect, put_suspects
from tests.labeling.logins import Seat, let_in

COUNTS = (
    "/api/progress", "/api/classes", "/api/dataset/classes", "/api/start", "/api/pace", "/api/evaluation", "change",
)  # fmt: skip
OF_NOBODYS_ANSWERS = {"event", "hours", "per_hour", "mine", "fitted", "uuid"}
"""Which event is the newest, and what time things took."""


@pytest.fixture
def seats(nobody: TestClient, team: Project) -> dict[str, Seat]:
    for name in ("Bob", "Cid"):
        team.write(lambda db, name=name: let_in(db, name, "annotator"))  # type: ignore[misc]
    return {name: Seat(nobody, name) for name in ("Root", "Ann", "Bob", "Cid")}


@pytest.fixture
def classes(seats: dict[str, Seat]) -> dict[str, int]:
    """Return the classes by name; cow counts as dog."""
    root = seats["Root"]
    root.post("/api/classes", {"uuid": str(uuid.uuid4()), "name": "cow"})
    known = {item["name"]: item["id"] for item in root.get("/api/classes")["classes"]}
    root.post(f"/api/classes/{known['cow']}/merge", {"uuid": str(uuid.uuid4()), "into": known["dog"]})
    return known


@pytest.fixture
def asked(seats: dict[str, Seat], classes: dict[str, int], team: Project) -> list[int]:
    """Return images that three people are asked about, predicted to be cats: six to learn from, two to judge by."""
    root = seats["Root"]
    images = root.get("/api/images", split="unlabeled", limit=200)["images"][-6:]
    images += root.get("/api/images", split="val", label=classes["cat"])["images"]
    numbers = [int(image["image"]) for image in images]

    def ask(db: Database) -> None:
        add_request(db, [NewItem(image) for image in numbers], purpose="repeat", strategy=None, overlap=3)
        run = add_run(db, b"run", "fixmatch")
        put_predictions(db, run, (NewPrediction(image, (Guess(classes["cat"], 0.9),), image) for image in numbers))

    team.write(ask)
    return numbers


def answer(seats: dict[str, Seat], team: Project, asked: list[int], ann: int | None, cid: int) -> None:
    """Let Ann and Cid answer all that is asked, and let the other labels speak against what they agree on."""
    for name, said in (("Ann", ann), ("Cid", cid)):
        batch = str(uuid.uuid4())
        kind = {"kind": "reject"} if said is None else {"kind": "label", "class": said}
        seats[name].say(*({**kind, "image": image, "batch": batch} for image in asked))
    events = [seats["Root"].get(f"/api/images/{image}")["label"]["event"] for image in asked[:3]]
    suspects = [NewSuspect(image, event, ann or cid, 0.9) for image, event in zip(asked[:3], events, strict=True)]
    team.write(lambda db: put_suspects(db, suspects))


def told(seat: Seat, route: str, class_id: int) -> Any:
    """Return what a route tells of answers."""
    if route == "change":
        body = {"uuid": str(uuid.uuid4()), "key": "k"}
        return seat.http.patch(f"/api/classes/{class_id}", json=body).json()
    return without_times(seat.get(route))


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(inner) for name, inner in value.items() if name not in OF_NOBODYS_ANSWERS}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("route", COUNTS)
def test_whatever_others_answered_who_is_still_to_answer_is_told_the_same(
    route: str, seats: dict[str, Seat], classes: dict[str, int], asked: list[int], team: Project
) -> None:
    cat, dog, cow = (classes[name] for name in ("cat", "dog", "cow"))
    heard: dict[str, list[Any]] = {"Root": [], "Ann": [], "Bob": []}
    for ann, cid in ((cat, cat), (dog, dog), (cow, dog), (None, dog)):
        answer(seats, team, asked, ann, cid)
        for name, views in heard.items():
            views.append(told(seats[name], route, dog))
        for name in ("Ann", "Cid"):
            seats[name].post("/api/undo", {"uuid": str(uuid.uuid4()), "client": "tab"})
    assert heard["Bob"] == [heard["Bob"][0]] * 4
    assert any(view != heard["Root"][0] for view in heard["Root"]), "it is told to admins"
    assert heard["Ann"] == heard["Root"], "and to whoever answered"


def test_whoever_answered_is_told_all_counts(
    seats: dict[str, Seat], classes: dict[str, int], asked: list[int], team: Project
) -> None:
    answer(seats, team, asked, classes["cat"], classes["cat"])
    for image in asked:
        before = seats["Bob"].get("/api/progress")
        seats["Bob"].label(image, classes["cat"])
        after = seats["Bob"].get("/api/progress")
        assert after["labeled"] == before["labeled"] + 1
        assert after["images"] == before["images"]
    counts = [{name: seat.get("/api/progress")[name] for name in ("labeled", "classes")} for seat in seats.values()]
    assert all(count == counts[0] for count in counts)
