"""Answers that are sent back: they count no more, whatever is undone and redone around them."""

from storage.requests import answers_left
from tests.storage.building import Scene, take


def test_an_answer_that_was_sent_back_counts_no_more_when_its_undo_is_redone(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    scene.say("Eve", "send-back", lease.image)
    undone = scene.say("Ann", "undo", undoes=said.uuid, source="browse")
    scene.say("Ann", "redo", undoes=undone.uuid)

    assert scene.state(lease.image) == ("none", None)
    assert (answers_left(scene.db), len(take(scene, "Bob", 1))) == (1, 1), "it is still asked for"


def test_an_undone_answer_leaves_none_that_was_sent_back_to_count(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (first,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", first.image, class_id=0, lease=first.token)
    scene.say("Eve", "send-back", first.image)
    (second,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", second.image, class_id=0, lease=second.token)

    assert scene.say("Ann", "undo", undoes=said.uuid).again == ((second.image, second.token),)
    assert (scene.state(second.image), answers_left(scene.db)) == (("none", None), 1)


def test_an_undone_send_back_leaves_nothing_to_ask_for(scene: Scene) -> None:
    scene.ask(scene.images[:1], overlap=2)
    for name in ("Ann", "Bob"):
        (lease,) = take(scene, name, 1)
        scene.say(name, "label", lease.image, class_id=0, lease=lease.token)
    said = scene.say("Eve", "send-back", lease.image, source="browse")
    undone = scene.say("Eve", "undo", undoes=said.uuid, source="browse")

    assert (scene.state(lease.image), answers_left(scene.db)) == (("labeled", 0), 0)
    scene.say("Eve", "redo", undoes=undone.uuid)
    assert (scene.state(lease.image), answers_left(scene.db)) == (("none", None), 2)


def test_an_undone_send_back_takes_nothing_out_of_the_hands_of_others(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    said = scene.say("Eve", "send-back", lease.image)
    (held,) = take(scene, "Bob", 1)
    scene.say("Eve", "undo", undoes=said.uuid)

    assert scene.say("Bob", "label", held.image, class_id=0, lease=held.token).status == "acknowledged"
    assert answers_left(scene.db) == 0
