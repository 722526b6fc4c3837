"""A label is doubted until somebody says more of it."""

import pytest

from storage.browsing import Filter, browse, count_images
from storage.classes import merge_class, split_class
from storage.database import Database, transaction
from storage.images import mark_gone, set_split
from storage.suspects import NewSuspect, count_suspects, labels_to_judge, put_suspects, suspect_of
from tests.storage.building import Scene


@pytest.fixture
def doubted(scene: Scene) -> Scene:
    """Four images labeled b by Ann, each of which looks like c; the later ones more."""
    for image in scene.images[:6]:
        scene.say("Ann", "label", image, class_id=1)
    events = {label.image: label.event for label in labels_to_judge(scene.db)}
    with transaction(scene.db):
        put_suspects(scene.db, [NewSuspect(image, events[image], 2, 0.5 + image / 100) for image in (4, 3, 2, 1)])
    return scene


def suspects(db: Database) -> list[int]:
    return [shown.image.id for shown in browse(db, Filter(suspect=True), 0, 50)]


def test_they_are_walked_by_doubt_page_by_page(doubted: Scene) -> None:
    assert suspects(doubted.db) == [4, 3, 2, 1]
    first = browse(doubted.db, Filter(suspect=True), 0, 3)
    assert [shown.image.id for shown in browse(doubted.db, Filter(suspect=True), first[-1].cursor, 3)] == [1]
    assert count_images(doubted.db, Filter(suspect=True)) == count_suspects(doubted.db) == 4
    assert first[0].suspect == suspect_of(doubted.db, 4)
    assert (first[0].suspect.class_id, first[0].suspect.probability) == (2, 0.54)  # type: ignore[union-attr]
    others = [shown.image.id for shown in browse(doubted.db, Filter(suspect=False, state="labeled"), 0, 50)]
    assert others == [5, 6]
    assert [shown.image.id for shown in browse(doubted.db, Filter(suspect=True, label=2), 0, 50)] == []


def test_another_word_ends_the_doubt_and_taking_it_back_brings_it_again(doubted: Scene) -> None:
    said = doubted.say("Ann", "label", 4, class_id=2)
    doubted.say("Bob", "confirm", 3, class_id=1, source="review")
    doubted.say("Ann", "send-back", 2)
    assert suspects(doubted.db) == [1]
    row = doubted.db.execute("SELECT uuid FROM label_event WHERE id = ?", (said.event,)).fetchone()
    doubted.say("Ann", "undo", undoes=row["uuid"])
    assert suspects(doubted.db) == [4, 1]


def test_what_review_decided_judges_but_is_not_judged(doubted: Scene) -> None:
    doubted.say("Bob", "confirm", 3, class_id=1, source="review")
    settled = {label.image: label.settled for label in labels_to_judge(doubted.db)}
    assert settled == {1: False, 2: False, 3: True, 4: False, 5: False, 6: False}


def test_labels_to_measure_by_are_not_judged(doubted: Scene) -> None:
    with transaction(doubted.db):
        set_split(doubted.db, [1], "val")
        set_split(doubted.db, [2], "test")
    assert [label.image for label in labels_to_judge(doubted.db)] == [3, 4, 5, 6]


def test_files_that_are_gone_and_classes_that_are_one_by_now(doubted: Scene) -> None:
    with transaction(doubted.db):
        mark_gone(doubted.db, [4])
    assert suspects(doubted.db) == [3, 2, 1]
    with transaction(doubted.db):
        merge_class(doubted.db, 2, 0)
    assert suspect_of(doubted.db, 3).class_id == 0  # type: ignore[union-attr]
    with transaction(doubted.db):
        merge_class(doubted.db, 1, 0)
    assert suspects(doubted.db) == [], "label and suggestion count for the same class"
    with transaction(doubted.db):
        split_class(doubted.db, 1)
    assert suspects(doubted.db) == [3, 2, 1]


def test_what_is_found_anew_replaces_what_was_found_and_is_not_behind_a_page_already_seen(doubted: Scene) -> None:
    last = browse(doubted.db, Filter(suspect=True), 0, 50)[-1].cursor
    (label,) = [label for label in labels_to_judge(doubted.db) if label.image == 5]
    with transaction(doubted.db):
        put_suspects(doubted.db, [NewSuspect(5, label.event, 0, 0.9)])
    assert suspects(doubted.db) == [5]
    assert [shown.image.id for shown in browse(doubted.db, Filter(suspect=True), last, 50)] == [5]


def test_a_label_that_came_to_measure_by_is_shown_no_more(doubted: Scene) -> None:
    with transaction(doubted.db):
        set_split(doubted.db, [4], "val")
    assert suspects(doubted.db) == [3, 2, 1]


def test_what_somebody_changed_meanwhile_is_not_sent_back(doubted: Scene) -> None:
    known = labels_to_judge(doubted.db)[0]
    doubted.say("Bob", "confirm", known.image, class_id=0)
    assert doubted.say("Ann", "send-back", known.image, replaces=known.event).status == "conflict"
    assert doubted.state(known.image) == ("labeled", 0)
    decided = labels_to_judge(doubted.db)[0].event
    assert doubted.say("Ann", "send-back", known.image, replaces=decided).status == "acknowledged"
    assert doubted.state(known.image) == ("none", None)
