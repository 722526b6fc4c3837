"""Classes change; no label is lost by it."""

import pytest

from storage import classes as store
from storage.checks import find_faults
from storage.database import transaction
from storage.errors import Refused
from tests.storage.building import Scene


def test_names_are_one_when_they_look_alike(scene: Scene) -> None:
    for name in ("A", "a", "\uff41"):  # a fullwidth letter folds to the plain one
        with pytest.raises(Refused, match="exists already") as caught, transaction(scene.db):
            store.add_class(scene.db, 77, name, None, None)
        assert caught.value.field == "name"


def test_a_key_belongs_to_one_class(scene: Scene) -> None:
    with transaction(scene.db):
        store.set_key(scene.db, 0, "q")
        store.set_key(scene.db, 0, "q")
    with pytest.raises(Refused, match="belongs to the class a"), transaction(scene.db):
        store.set_key(scene.db, 1, "q")


def test_a_rename_keeps_id_and_labels(scene: Scene) -> None:
    scene.say("Ann", "label", scene.images[0], class_id=0, source="browse")
    with transaction(scene.db):
        store.rename_class(scene.db, 0, "<script>alert(1)</script>")
    found = store.get_class(scene.db, 0)
    assert (found.name, found.count) == ("<script>alert(1)</script>", 1)


def test_a_merge_moves_labels_settles_disputes_and_is_taken_back(scene: Scene) -> None:
    one, two, disputed, other = scene.images[:4]
    scene.say("Ann", "label", one, class_id=0, source="browse")
    scene.say("Ann", "label", two, class_id=1, source="browse")
    for name, class_id in (("Ann", 0), ("Bob", 1)):
        scene.say(name, "label", disputed, class_id=class_id, source="browse")
    for name, class_id in (("Ann", 0), ("Bob", 2)):
        scene.say(name, "label", other, class_id=class_id, source="browse")
    before = [scene.state(image) for image in scene.images]
    with transaction(scene.db):
        store.merge_class(scene.db, 0, 1)
    assert [scene.state(image) for image in (one, two, disputed)] == [("labeled", 1)] * 3
    assert scene.state(other) == ("disputed", None)
    assert find_faults(scene.db) == []
    scene.say("Cid", "label", scene.images[5], class_id=0, source="browse")
    assert scene.state(scene.images[5]) == ("labeled", 1), "a label that was under way counts for the new class"
    with transaction(scene.db):
        store.split_class(scene.db, 0)
    assert [scene.state(image) for image in scene.images[:5]] == before[:5]
    assert scene.state(scene.images[5]) == ("labeled", 0)
    assert find_faults(scene.db) == []


@pytest.mark.parametrize(("said", "merges", "root"), [(0, [(0, 1), (1, 2)], 2), (2, [(1, 0), (2, 1)], 0)])
def test_merges_of_merges_lead_to_the_last(scene: Scene, said: int, merges: list[tuple[int, int]], root: int) -> None:
    """Also to the class whose id is 0."""
    scene.say("Ann", "label", scene.images[0], class_id=said, source="browse")
    with transaction(scene.db):
        for class_id, into in merges:
            store.merge_class(scene.db, class_id, into)
    assert scene.state(scene.images[0]) == ("labeled", root)
    assert [item.id for item in store.list_classes(scene.db)] == [root]
    assert find_faults(scene.db) == []


def test_a_merge_settles_disputes_of_what_was_merged_before(scene: Scene) -> None:
    disputed = scene.images[0]
    for name, class_id in (("Ann", 0), ("Bob", 2)):
        scene.say(name, "label", disputed, class_id=class_id, source="browse")
    with transaction(scene.db):
        store.merge_class(scene.db, 0, 1)
    assert scene.state(disputed) == ("disputed", None)
    with transaction(scene.db):
        store.merge_class(scene.db, 1, 2)
    assert scene.state(disputed) == ("labeled", 2)
    assert find_faults(scene.db) == []


@pytest.mark.parametrize(("source", "target"), [(0, 0), (0, 99), (99, 0)])
def test_senseless_merges_are_refused(scene: Scene, source: int, target: int) -> None:
    with pytest.raises(Refused), transaction(scene.db):
        store.merge_class(scene.db, source, target)


def test_a_merge_into_what_was_merged_into_itself_is_refused(scene: Scene) -> None:
    with transaction(scene.db):
        store.merge_class(scene.db, 0, 1)
    with pytest.raises(Refused, match="into itself"), transaction(scene.db):
        store.merge_class(scene.db, 1, 0)


@pytest.mark.parametrize("late", [False, True], ids=["before its class was merged on", "after it"])
def test_a_split_takes_along_what_was_merged_into_it(scene: Scene, late: bool) -> None:
    for image, class_id in zip(scene.images, (0, 1, 2), strict=False):
        scene.say("Ann", "label", image, class_id=class_id, source="browse")
    with transaction(scene.db):
        for source, target in ((1, 2), (0, 1)) if late else ((0, 1), (1, 2)):
            store.merge_class(scene.db, source, target)
    assert [scene.state(image) for image in scene.images[:3]] == [("labeled", 2)] * 3
    with transaction(scene.db):
        store.split_class(scene.db, 1)
    assert [scene.state(image) for image in scene.images[:3]] == [("labeled", 1), ("labeled", 1), ("labeled", 2)]
    assert find_faults(scene.db) == []
    with transaction(scene.db):
        store.split_class(scene.db, 0)
    assert [scene.state(image) for image in scene.images[:3]] == [("labeled", 0), ("labeled", 1), ("labeled", 2)]
    assert find_faults(scene.db) == []


def test_a_split_in_the_middle_settles_and_opens_disputes(scene: Scene) -> None:
    disputed = scene.images[0]
    for name, class_id in (("Ann", 0), ("Bob", 2)):
        scene.say(name, "label", disputed, class_id=class_id, source="browse")
    with transaction(scene.db):
        store.merge_class(scene.db, 0, 1)
        store.merge_class(scene.db, 1, 2)
    assert scene.state(disputed) == ("labeled", 2)
    with transaction(scene.db):
        store.split_class(scene.db, 1)
    assert scene.state(disputed) == ("disputed", None)
    assert find_faults(scene.db) == []


def test_a_split_takes_its_name_back_or_says_who_has_it(scene: Scene) -> None:
    with transaction(scene.db):
        store.merge_class(scene.db, 0, 1)
        store.add_class(scene.db, 50, "a", None, None)
    with pytest.raises(Refused, match="exists already"), transaction(scene.db):
        store.split_class(scene.db, 0)


def test_the_order_closes_up(scene: Scene) -> None:
    with transaction(scene.db):
        store.move_class(scene.db, 2, 0)
    assert [(item.id, item.position) for item in store.list_classes(scene.db)] == [(2, 0), (0, 1), (1, 2)]
