"""What an undo and a redo take along: all that an act said, once, and nothing beside it."""

import uuid

import pytest

from storage import grid, leases
from storage.checks import find_faults
from storage.database import transaction
from storage.images import mark_gone, relink
from storage.pace import paces
from storage.people import list_members
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, Kind
from storage.requests import answers_left
from storage.stats import my_work
from tests.storage.building import TERM, Scene, take


def test_an_undone_batch_brings_its_images_back_in_their_order(scene: Scene) -> None:
    scene.ask(scene.images[:3])
    taken, batch = take(scene, "Ann", 3), str(uuid.UUID(int=7))
    for lease in taken:
        scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token, batch=batch)
    undone = scene.say("Ann", "undo", undoes=batch)
    assert undone.again == tuple((lease.image, lease.token) for lease in taken)
    row = scene.db.execute("SELECT id FROM label_event WHERE uuid = ?", (undone.uuid,)).fetchone()
    assert (undone.event, undone.image) == (row["id"], taken[0].image)
    assert answers_left(scene.db) == 3
    scene.say("Ann", "redo", undoes=undone.uuid)
    assert answers_left(scene.db) == 0, "they are answered under the leases that are in hand"
    assert find_faults(scene.db) == []


def test_what_is_undone_or_redone_already_is_not_so_again(scene: Scene) -> None:
    said = scene.say("Ann", "label", scene.images[0], class_id=0, source="browse")
    assert scene.say("Ann", "redo", undoes=said.uuid).message == f"there is no act {said.uuid} to redo"
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    again = scene.say("Ann", "undo", undoes=said.uuid)
    assert (again.status, again.message) == ("refused", "there is nothing left of it to undo")
    scene.say("Ann", "redo", undoes=undone.uuid)
    again = scene.say("Ann", "redo", undoes=undone.uuid)
    assert (again.status, again.message) == ("refused", "there is nothing left of it to redo")
    assert scene.state(scene.images[0]) == ("labeled", 0)


def test_of_an_act_of_two_people_each_undoes_their_own(scene: Scene) -> None:
    batch = str(uuid.UUID(int=7))
    for name, image in zip(("Ann", "Bob"), scene.images[:2], strict=True):
        scene.say(name, "label", image, class_id=0, batch=batch, source="browse")
    scene.say("Ann", "undo", undoes=batch)
    assert [scene.state(image)[0] for image in scene.images[:2]] == ["none", "labeled"]


@pytest.mark.parametrize("kind", ["flag", "unflag"])
def test_an_undone_mark_brings_no_image_back(scene: Scene, kind: Kind) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    marked = scene.say("Ann", kind, lease.image)
    assert scene.say("Ann", "undo", undoes=marked.uuid).again == ()
    assert (scene.state(lease.image), answers_left(scene.db)) == (("labeled", 0), 0)


def test_an_answer_to_two_requests_is_wanted_by_both_again(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    scene.ask(scene.images[:1], purpose="repeat")
    (lease,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    assert answers_left(scene.db) == 0
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    assert (undone.again, answers_left(scene.db)) == (((lease.image, lease.token),), 2)
    scene.say("Ann", "redo", undoes=undone.uuid)
    assert answers_left(scene.db) == 0
    assert find_faults(scene.db) == []


@pytest.mark.parametrize("kind", ["label", "skip"])
def test_what_is_undone_of_a_question_asked_again_is_wanted_again(scene: Scene, kind: Kind) -> None:
    """The answer of before it was asked again is none to it, and still answers what it was given to."""
    scene.ask(scene.images[:1])
    (first,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", first.image, class_id=0, lease=first.token)
    scene.ask(scene.images[:1], purpose="repeat")
    (second,) = take(scene, "Ann", 1)
    said = scene.say("Ann", kind, second.image, class_id=1 if kind == "label" else None, lease=second.token)
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    assert (undone.again, answers_left(scene.db)) == (((second.image, second.token),), 1)
    assert scene.state(second.image) == ("labeled", 0)
    again = scene.say("Ann", "label", second.image, class_id=1, lease=second.token)
    assert (again.status, answers_left(scene.db)) == ("acknowledged", 0)
    assert find_faults(scene.db) == []


@pytest.mark.parametrize("kind", ["label", "reject", "confirm"])
def test_an_undone_correction_leaves_the_earlier_answer_to_count(scene: Scene, kind: Kind) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    said = scene.say("Ann", kind, lease.image, class_id=None if kind == "reject" else 0, lease=lease.token)
    before = scene.state(lease.image)
    newer = scene.say("Ann", "label", lease.image, class_id=1, source="browse")
    assert scene.say("Ann", "undo", undoes=newer.uuid).again == ((lease.image, None),)
    assert (scene.state(lease.image), answers_left(scene.db)) == (before, 0)
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    assert (undone.again, answers_left(scene.db)) == (((lease.image, lease.token),), 1)
    assert scene.say("Ann", "undo", undoes=said.uuid, uuid=undone.uuid) == undone, "sent again it answers the same"


def test_an_image_of_the_grid_is_in_nobodys_hands_once_its_answer_is_redone(scene: Scene) -> None:
    """No request asks for it, so that its lease is all there is."""
    ann = scene.who("Ann")
    with transaction(scene.db):
        put_predictions(scene.db, add_run(scene.db, b"run", "embed"), [NewPrediction(1, (Guess(0, 0.9),), 1)])
        (lease,) = grid.lease_predicted(scene.db, 0, ann, "Ann", 9, scene.at, TERM)
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    assert undone.again == ((lease.image, lease.token),)
    scene.say("Ann", "redo", undoes=undone.uuid)
    row = leases.get_lease(scene.db, lease.token)
    assert row is not None
    assert row["state"] == "done"


def test_a_send_back_and_its_undo_leave_alone_who_had_not_answered(scene: Scene) -> None:
    scene.ask(scene.images[:1], overlap=2)
    (mine,), (theirs,) = take(scene, "Ann", 1), take(scene, "Bob", 1)
    scene.say("Ann", "label", mine.image, class_id=0, lease=mine.token)
    back = scene.say("Eve", "send-back", mine.image)
    assert scene.say("Bob", "label", theirs.image, class_id=0, lease=theirs.token).status == "late"
    assert answers_left(scene.db) == 1
    scene.say("Eve", "undo", undoes=back.uuid)
    assert answers_left(scene.db) == 0
    assert find_faults(scene.db) == []


def test_an_answer_undone_before_the_send_back_counts_no_more_when_that_is_undone(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    scene.say("Ann", "undo", undoes=said.uuid)
    back = scene.say("Eve", "send-back", lease.image)
    scene.say("Eve", "undo", undoes=back.uuid)
    assert answers_left(scene.db) == 1
    assert [lease.image for lease in take(scene, "Bob", 1)] == scene.images[:1]


def test_an_undone_send_back_gives_nobody_two_places_of_an_image(scene: Scene) -> None:
    scene.ask(scene.images[:1], overlap=2)
    (first,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", first.image, class_id=0, lease=first.token)
    back = scene.say("Eve", "send-back", first.image)
    (again,) = take(scene, "Ann", 1)
    scene.say("Eve", "undo", undoes=back.uuid)
    assert [lease.image for lease in take(scene, "Bob", 1)] == [first.image]
    assert scene.say("Ann", "label", again.image, class_id=0, lease=again.token).status == "acknowledged"
    assert answers_left(scene.db) == 1


def test_what_is_redone_while_the_file_is_gone_is_not_asked_again_when_it_is_back(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    undone = scene.say("Ann", "undo", undoes=said.uuid)
    scene.later(2 * TERM)  # nobody holds it any more
    assert take(scene, "Ann", 0) == []
    with transaction(scene.db):
        mark_gone(scene.db, [lease.image])
    scene.say("Ann", "redo", undoes=undone.uuid)
    assert (scene.state(lease.image), answers_left(scene.db)) == (("labeled", 0), 0)
    with transaction(scene.db):
        relink(scene.db, lease.image, b"back.png", "back.png", 1, 1)
        leases.recount(scene.db, lease.image)
    assert answers_left(scene.db) == 0
    assert find_faults(scene.db) == []


def test_what_was_taken_back_counts_as_nobodys_answer_until_it_is_done_again(scene: Scene) -> None:
    def counted() -> set[int]:
        member = next(item for item in list_members(scene.db) if item.name == "Ann")
        pace = next(item for item in paces(scene.db) if item.name == "Ann")
        return {member.answers, my_work(scene.db, ann, "2000").answers, pace.answers}

    ann = scene.who("Ann")
    scene.say("Bob", "label", scene.images[5], class_id=0, source="browse")
    said = [scene.say("Ann", "label", image, class_id=0, source="browse") for image in scene.images[:3]]
    scene.say("Ann", "undo", undoes=scene.say("Ann", "flag", scene.images[0]).uuid)
    assert counted() == {3}
    undone = [scene.say("Ann", "undo", undoes=one.uuid) for one in said[1:]]
    assert counted() == {1}
    scene.say("Ann", "redo", undoes=undone[0].uuid)
    scene.say("Ann", "undo", undoes=said[1].uuid)
    scene.say("Ann", "redo", undoes=undone[1].uuid)
    assert counted() == {2}


def test_the_last_answer_of_somebody_is_one_that_stands(scene: Scene) -> None:
    said = scene.say("Ann", "label", scene.images[0], class_id=0, source="browse")
    assert list_members(scene.db)[0].latest
    scene.say("Ann", "undo", undoes=said.uuid)
    assert list_members(scene.db)[0].latest == ""
