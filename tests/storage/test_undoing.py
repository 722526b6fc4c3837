"""What an undo and a redo take along: all that an act said, once, and nothing beside it."""

import uuid

import pytest

from storage.checks import find_faults
from storage.records import Kind
from storage.requests import answers_left
from tests.storage.building import Scene, take


def test_an_undone_batch_brings_its_images_back_in_their_order(scene: Scene) -> None:
    scene.ask(scene.images[:3])
    leased, batch = take(scene, "Ann", 3), str(uuid.UUID(int=7))
    for lease in leased:
        scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token, batch=batch)
    undone = scene.say("Ann", "undo", undoes=batch)
    assert undone.again == tuple((lease.image, lease.token) for lease in leased)
    row = scene.db.execute("SELECT id FROM label_event WHERE uuid = ?", (undone.uuid,)).fetchone()
    assert (undone.event, undone.image) == (row["id"], leased[0].image)
    assert answers_left(scene.db) == 3
    scene.say("Ann", "redo", undoes=undone.uuid)
    assert answers_left(scene.db) == 0, "they are answered under the leases that are in hand"
    assert find_faults(scene.db) == []


def test_what_is_undone_or_redone_already_is_not_so_again(scene: Scene) -> None:
    said = scene.say("Ann", "label", scene.images[0], class_id=0, source="browse")
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


def test_an_undone_correction_leaves_the_earlier_answer_to_count(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    newer = scene.say("Ann", "label", lease.image, class_id=1, source="browse")
    assert scene.say("Ann", "undo", undoes=newer.uuid).again == ((lease.image, None),)
    assert (scene.state(lease.image), answers_left(scene.db)) == (("labeled", 0), 0)


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
