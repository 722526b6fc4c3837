"""What events add up to, against a model in plain Python that replays them without a database."""

import uuid
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.checks import find_faults
from storage.database import Database, open_writer, transaction
from storage.events import history
from storage.present import answered_by, refresh_all
from storage.undoing import last_act, last_undo
from tests.storage.building import Scene, build


def test_a_label_is_stored_once(scene: Scene) -> None:
    image = scene.images[0]
    first = scene.say("Ann", "label", image, class_id=1, uuid=str(uuid.UUID(int=1)), source="browse")
    again = scene.say("Ann", "label", image, class_id=1, uuid=str(uuid.UUID(int=1)), source="browse")
    other = scene.say("Ann", "label", image, class_id=2, uuid=str(uuid.UUID(int=1)), source="browse")
    assert (first.status, again, other.status) == ("acknowledged", first, "conflict")
    assert scene.db.execute("SELECT count(*) FROM label_event").fetchone()[0] == 1
    assert scene.state(image) == ("labeled", 1)


def test_two_who_differ_dispute_and_review_decides(scene: Scene) -> None:
    image = scene.images[0]
    scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.say("Bob", "label", image, class_id=1, source="browse")
    assert scene.state(image) == ("disputed", None)
    scene.say("Eve", "confirm", image, class_id=1, source="review")
    assert scene.state(image) == ("labeled", 1)
    scene.say("Ann", "label", image, class_id=0, source="browse")
    assert scene.state(image) == ("labeled", 1), "review's word overrules later votes"
    scene.say("Eve", "send-back", image)
    assert scene.state(image) == ("none", None)


def test_replacing_needs_the_latest(scene: Scene) -> None:
    image = scene.images[0]
    seen = scene.say("Ann", "label", image, class_id=0, source="browse").event
    newer = scene.say("Bob", "label", image, class_id=1, replaces=seen, source="browse")
    assert scene.state(image) == ("labeled", 1), "a knowing correction is no dispute"
    stale = scene.say("Cid", "label", image, class_id=2, replaces=seen, source="browse")
    assert (stale.status, scene.state(image)) == ("conflict", ("labeled", 1))
    scene.say("Bob", "undo", undoes=newer.uuid)
    assert scene.state(image) == ("labeled", 0), "what was replaced counts again when the correction is undone"


def test_a_correction_of_what_others_said_decides_and_voids_no_vote(scene: Scene) -> None:
    image = scene.images[0]
    assert answered_by(scene.db, image) is None
    scene.say("Ann", "label", image, class_id=0, source="browse")
    assert answered_by(scene.db, image) == scene.who("Ann")
    agreed = scene.say("Bob", "label", image, class_id=0, source="browse")
    assert answered_by(scene.db, image) is None
    decided = scene.say("Cid", "confirm", image, class_id=1, replaces=agreed.event, source="browse")
    assert (scene.state(image), answered_by(scene.db, image)) == (("labeled", 1), None)
    assert [row["answer"] for row in scene.db.execute("SELECT answer FROM vote ORDER BY id")] == [0, 0, 1]
    stale = scene.say("Ann", "confirm", image, class_id=2, replaces=agreed.event, source="browse")
    assert (stale.status, scene.state(image)) == ("conflict", ("labeled", 1))
    scene.say("Ann", "confirm", image, class_id=2, replaces=decided.event, source="browse")
    assert scene.state(image) == ("labeled", 2), "a decision is corrected like any other label"
    assert find_faults(scene.db) == []


def test_replacing_nothing_needs_an_image_without_a_label(scene: Scene) -> None:
    image, other = scene.images[:2]
    first = scene.say("Ann", "label", image, class_id=0, replaces=0, source="browse")
    stale = scene.say("Bob", "label", image, class_id=1, replaces=0, source="browse")
    assert (first.status, stale.status, scene.state(image)) == ("acknowledged", "conflict", ("labeled", 0))
    scene.say("Ann", "undo", undoes=first.uuid)
    assert scene.say("Bob", "reject", image, replaces=0, source="browse").status == "acknowledged"
    scene.say("Cid", "label", other, class_id=1, source="browse")
    assert scene.say("Bob", "label", other, class_id=0, source="browse").status == "acknowledged"
    assert scene.state(other) == ("disputed", None), "an answer that does not say what it knew is a vote"


def test_an_event_whose_number_is_not_known_yet_is_replaced_by_its_uuid(scene: Scene) -> None:
    image = scene.images[0]
    first = scene.say("Ann", "label", image, class_id=0, replaces=0, source="browse")
    second = scene.say("Ann", "label", image, class_id=1, replaces=first.uuid, source="browse")
    assert (second.status, scene.state(image)) == ("acknowledged", ("labeled", 1))
    row = scene.db.execute("SELECT replaces FROM label_event WHERE id = ?", (second.event,)).fetchone()
    assert row["replaces"] == first.event
    assert scene.say("Bob", "label", image, class_id=2, replaces=first.uuid).status == "conflict"
    assert scene.say("Bob", "label", scene.images[1], class_id=2, replaces=first.uuid).status == "conflict"
    assert find_faults(scene.db) == []


def test_a_batch_is_undone_and_redone_as_one_act(scene: Scene) -> None:
    batch = str(uuid.UUID(int=7))
    for image in scene.images[:5]:
        scene.say("Ann", "label", image, class_id=2, batch=batch, source="grid")
    assert last_act(scene.db, scene.who("Ann")) == batch
    undo = scene.say("Ann", "undo", undoes=batch)
    assert [scene.state(image)[0] for image in scene.images[:5]] == ["none"] * 5
    assert last_undo(scene.db, scene.who("Ann")) == undo.uuid
    scene.say("Ann", "redo", undoes=undo.uuid)
    assert [scene.state(image) for image in scene.images[:5]] == [("labeled", 2)] * 5


def test_undo_has_no_limit_and_a_new_act_ends_redo(scene: Scene) -> None:
    ann = scene.who("Ann")
    for image in scene.images:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    for image in reversed(scene.images):
        act = last_act(scene.db, ann)
        assert act is not None
        scene.say("Ann", "undo", undoes=act)
        assert scene.state(image) == ("none", None)
    assert last_act(scene.db, ann) is None
    for image in scene.images[:10]:
        undo = last_undo(scene.db, ann)
        assert undo is not None
        scene.say("Ann", "redo", undoes=undo)
        assert scene.state(image) == ("labeled", 0)
    scene.say("Ann", "flag", scene.images[0])
    assert last_undo(scene.db, ann) is None


@pytest.mark.parametrize("kind", ["undo", "redo"])
def test_only_ones_own_acts_are_undone(scene: Scene, kind: str) -> None:
    said = scene.say("Ann", "label", scene.images[0], class_id=0, source="browse")
    target = scene.say("Ann", "undo", undoes=said.uuid).uuid if kind == "redo" else said.uuid
    before = scene.state(scene.images[0])
    refused = scene.say("Bob", kind, undoes=target)  # type: ignore[arg-type]
    unknown = scene.say("Bob", kind, undoes=str(uuid.UUID(int=9)))  # type: ignore[arg-type]
    assert (refused.status, unknown.status) == ("refused", "refused")
    assert "only the one who did it" in (refused.message or "")
    assert "there is no act" in (unknown.message or "")
    assert scene.state(scene.images[0]) == before


def test_unknown_things_are_refused_by_name(scene: Scene) -> None:
    assert scene.say("Ann", "label", 999, class_id=0).message == "no image 999"
    assert scene.say("Ann", "label", scene.images[0], class_id=99).message == "no class 99"
    assert scene.db.execute("SELECT count(*) FROM label_event").fetchone()[0] == 0


def test_history_says_what_stands(scene: Scene) -> None:
    image = scene.images[0]
    first = scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.say("Ann", "undo", undoes=first.uuid)
    scene.say("Ann", "label", image, class_id=1, source="browse")
    scene.say("Bob", "flag", image)
    past = history(scene.db, image)
    assert [(event.kind, event.class_id, event.person, event.stands) for event in past] == [
        ("label", 0, "Ann", False), ("label", 1, "Ann", True), ("flag", None, "Bob", True),
    ]  # fmt: skip


@dataclass
class Model:
    """What events add up to, replayed."""

    events: list[dict[str, object]] = field(default_factory=list)

    def standing(self) -> list[dict[str, object]]:
        undone = set()
        for event in self.events:
            if event["kind"] == "undo":
                undone |= set(event["targets"])  # type: ignore[call-overload]
            elif event["kind"] == "redo":
                undone -= set(event["targets"])  # type: ignore[call-overload]
        return [
            event for place, event in enumerate(self.events)
            if event["kind"] not in ("undo", "redo") and place not in undone
        ]  # fmt: skip

    def state(self, image: int) -> tuple[str, int | None]:
        votes: dict[str, tuple[object, object]] = {}
        decision: tuple[object, object] | None = None
        replaced = {event["replaces"] for event in self.standing() if event.get("replaces") is not None}
        own_votes: dict[str, dict[str, object]] = {}
        for event in self.standing():
            if event["image"] != image:
                continue
            if event["kind"] == "send-back":
                own_votes, decision = {}, None
            elif event["kind"] in ("label", "reject"):
                own_votes[str(event["who"])] = event
            elif event["kind"] == "confirm":
                decision = (event["place"], event["class"])
        if decision is not None and decision[0] not in replaced:
            return ("labeled", decision[1]) if decision[1] is not None else ("rejected", None)  # type: ignore[return-value]
        votes = {who: (event["place"], event["class"]) for who, event in own_votes.items()}
        answers = {answer for place, answer in votes.values() if place not in replaced}
        if not answers:
            return "none", None
        if len(answers) > 1:
            return "disputed", None
        answer = answers.pop()
        return ("rejected", None) if answer is None else ("labeled", answer)  # type: ignore[return-value]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["Ann", "Bob", "Cid"]),
        st.sampled_from(
            ["label", "label", "label", "reject", "skip", "confirm", "send-back", "undo", "redo", "replace"]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_writer(tmp_path_factory.mktemp("events") / "project.db")


@given(acts=ACTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_acts_adds_up_as_the_model_says(tmp_path: object, shared: Database, acts: list) -> None:
    scene, model = _fresh(shared), Model()
    places: dict[int, int] = {}
    for who, kind, number, class_id in acts:
        image = scene.images[number]
        if kind in ("undo", "redo"):
            _take_back(scene, model, who, kind)
            continue
        further: dict[str, object] = {"class_id": class_id} if kind in ("label", "replace", "confirm") else {}
        row = scene.db.execute("SELECT event FROM image WHERE id = ?", (image,)).fetchone()
        if kind == "replace" and row["event"] is not None:
            further["replaces"] = row["event"]
        stored = "label" if kind == "replace" else kind
        outcome = scene.say(who, stored, image, source="browse", **further)
        assert outcome.event is not None
        places[outcome.event] = len(model.events)
        model.events.append({
            "who": who, "kind": stored, "image": image, "class": further.get("class_id"), "uuid": outcome.uuid,
            "place": len(model.events), "replaces": places.get(further.get("replaces", -1)),  # type: ignore[call-overload]
        })  # fmt: skip
    assert [scene.state(image) for image in scene.images] == [model.state(image) for image in scene.images]
    assert find_faults(scene.db) == []
    with transaction(scene.db):
        refresh_all(scene.db)
    assert [scene.state(image) for image in scene.images] == [model.state(image) for image in scene.images]


def _fresh(db: Database) -> Scene:
    """Return a scene of three new images in a database that holds others already (an open costs more than a test)."""
    from storage.images import add_images
    from tests.storage.building import new_image

    if db.execute("SELECT count(*) FROM class").fetchone()[0] == 0:
        build(db, images=0)
    start = db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    with transaction(db):
        images = add_images(db, (new_image(start + number) for number in range(3)))
    suffix = f" {start}"
    scene = Scene(db, images, [0, 1, 2])
    scene.people = {}
    original = scene.who
    scene.who = lambda name: original(name + suffix)  # type: ignore[method-assign]
    return scene


def _take_back(scene: Scene, model: Model, who: str, kind: str) -> None:
    """Undo or redo the last act of somebody in both, found in the model by walking back."""
    person = scene.who(who)
    mine = [event for event in model.events if event["who"] == who]
    if kind == "undo":
        standing = [event for event in model.standing() if event["who"] == who]
        expected = standing[-1]["uuid"] if standing else None
        found = last_act(scene.db, person)
    else:
        expected = _redoable(mine)
        found = last_undo(scene.db, person)
    assert found == expected
    if found is None:
        return
    outcome = scene.say(who, kind, undoes=found)  # type: ignore[arg-type]
    assert outcome.status == "acknowledged"
    if kind == "undo":
        targets = [place for place, event in enumerate(model.events) if event["uuid"] == found]
    else:
        undo = next(event for event in model.events if event["uuid"] == found)
        undo["redone"] = True
        targets = list(undo["targets"])  # type: ignore[call-overload]
    model.events.append({
        "who": who, "kind": kind, "image": None, "uuid": outcome.uuid, "targets": targets, "place": len(model.events),
    })  # fmt: skip


def _redoable(mine: list[dict[str, object]]) -> object:
    for event in reversed(mine):
        if event["kind"] == "undo" and not event.get("redone"):
            return event["uuid"]
        if event["kind"] not in ("undo", "redo"):
            return None
    return None
