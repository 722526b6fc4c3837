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
