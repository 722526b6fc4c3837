"""Skipping: an image goes to somebody else, comes back once, and holds nobody up."""

from storage import holding
from storage.checks import find_faults
from storage.database import transaction
from storage.present import refresh_image
from storage.skipping import Stuck, stuck_items
from tests.storage.building import Scene, take


def test_a_skipped_image_goes_to_somebody_else(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    lease = take(scene, "Ann", 1)[0]
    scene.say("Ann", "skip", lease.image, lease=lease.token)
    assert [lease.image for lease in take(scene, "Ann", 1)] == [scene.images[1]]
    assert [lease.image for lease in take(scene, "Bob", 1)] == [scene.images[0]]
    assert scene.db.execute("SELECT skips FROM image WHERE id = ?", (lease.image,)).fetchone()[0] == 1
    assert take(scene, "Ann", 1) == [], "Bob has it"


def test_what_one_skipped_comes_back_once_after_all_else(scene: Scene) -> None:
    scene.ask(scene.images[:3])
    scene.ask(scene.images[3:5])
    for lease in take(scene, "Ann", 2):
        scene.say("Ann", "skip", lease.image, lease=lease.token)
    back = take(scene, "Ann", 9)
    assert [lease.image for lease in back] == [*scene.images[2:5], *scene.images[:2]]
    for lease in back[3:]:
        scene.say("Ann", "skip", lease.image, lease=lease.token)
    assert take(scene, "Ann", 9) == [], "skipped twice is a last word"
    assert [lease.image for lease in take(scene, "Bob", 9)] == scene.images[:2]
    assert find_faults(scene.db) == []


def test_what_one_skipped_and_then_answered_comes_back_no_more(scene: Scene) -> None:
    """As in Browse, while a second answer by somebody else is still wanted."""
    scene.ask(scene.images[:1], overlap=2)
    (lease,) = take(scene, "Ann", 1)
    scene.say("Ann", "skip", lease.image, lease=lease.token)
    scene.say("Ann", "label", lease.image, class_id=0, source="browse")
    assert take(scene, "Ann", 1) == []
    assert [lease.image for lease in take(scene, "Bob", 1)] == scene.images[:1]


def test_what_one_skipped_waits_until_nobody_holds_it_for_another_request(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    scene.ask(scene.images[:1], purpose="repeat")
    (lease,) = take(scene, "Ann", 1)
    scene.say("Ann", "skip", lease.image, lease=lease.token)
    (held,) = take(scene, "Bob", 1)
    assert take(scene, "Ann", 1) == []
    scene.say("Bob", "skip", held.image, lease=held.token)
    (again,) = take(scene, "Ann", 1)
    assert take(scene, "Ann", 1) == [], "she has it"
    assert again.image == lease.image
    assert find_faults(scene.db) == []


def test_what_one_skipped_comes_back_though_another_request_has_its_answer(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (theirs,) = take(scene, "Bob", 1)
    scene.say("Bob", "label", theirs.image, class_id=0, lease=theirs.token)
    scene.ask(scene.images[:1], purpose="repeat")
    (mine,) = take(scene, "Ann", 1)
    scene.say("Ann", "skip", mine.image, lease=mine.token)
    assert [lease.image for lease in take(scene, "Ann", 1)] == scene.images[:1]


def test_a_skip_is_undone_and_redone_after_its_image_came_back(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (first,) = take(scene, "Ann", 1)
    skip = scene.say("Ann", "skip", first.image, lease=first.token)
    (second,) = take(scene, "Ann", 1)
    undo = scene.say("Ann", "undo", undoes=skip.uuid)
    assert undo.again == ((first.image, second.token),), "it is in her hands already"
    scene.say("Ann", "redo", undoes=undo.uuid)
    undo = scene.say("Ann", "undo", undoes=skip.uuid)
    assert undo.again == ((first.image, second.token),)
    scene.say("Ann", "redo", undoes=undo.uuid)
    (third,) = take(scene, "Ann", 1)
    scene.say("Ann", "skip", third.image, lease=third.token)
    assert take(scene, "Ann", 1) == [], "what was undone in between does not count"
    assert scene.say("Ann", "undo", undoes=skip.uuid).status == "acknowledged"
    assert find_faults(scene.db) == []


def test_an_undone_skip_is_none_though_somebody_else_has_the_image(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    mine, other = take(scene, "Ann", 2)
    skip = scene.say("Ann", "skip", mine.image, lease=mine.token)
    (theirs,) = take(scene, "Bob", 1)
    scene.say("Ann", "undo", undoes=skip.uuid)
    scene.say("Bob", "skip", theirs.image, lease=theirs.token)
    scene.say("Ann", "skip", other.image, lease=other.token)
    assert [lease.image for lease in take(scene, "Ann", 2)] == [mine.image, other.image]
    rows = scene.db.execute("SELECT state FROM lease WHERE token = ?", (mine.token,)).fetchall()
    assert [row["state"] for row in rows] == ["released"]


def skip_twice(scene: Scene, name: str, count: int) -> None:
    for _ in range(2):
        for lease in take(scene, name, count):
            scene.say(name, "skip", lease.image, lease=lease.token)


def test_what_everybody_skipped_twice_is_stuck(scene: Scene) -> None:
    request = scene.ask(scene.images[:2]).id
    scene.say("Bob", "label", scene.images[9], class_id=0, source="browse")
    skip_twice(scene, "Ann", 2)
    assert stuck_items(scene.db) == [], "Bob labels too"
    for lease in take(scene, "Bob", 2):
        scene.say("Bob", "skip", lease.image, lease=lease.token)
    assert stuck_items(scene.db) == [], "and will be asked once more"
    (theirs, _) = take(scene, "Bob", 2)
    scene.say("Bob", "label", theirs.image, class_id=0, lease=theirs.token)
    with transaction(scene.db):
        holding.release_client(scene.db, scene.who("Bob"), "Bob")
    (again,) = take(scene, "Bob", 2)
    scene.say("Bob", "skip", again.image, lease=again.token)
    assert stuck_items(scene.db) == [Stuck(request, scene.images[1], 1, control=False, state="none")]
    assert [lease.image for lease in take(scene, "Cid", 2)] == [scene.images[1]]
    assert stuck_items(scene.db) == [], "somebody has it on their hands"


def test_nobody_waits_for_who_stopped_labeling_a_week_ago(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    sql = """INSERT INTO label_event (uuid, body, batch, person, image, kind, class, source, created)
             VALUES ('u', x'00', 'u', ?, ?, 'label', 0, 'browse', '2020-01-01T00:00:00.000Z')"""
    scene.db.execute(sql, (scene.who("Bob"), scene.images[9]))
    with transaction(scene.db):
        refresh_image(scene.db, scene.images[9])
    skip_twice(scene, "Ann", 1)
    assert [item.image for item in stuck_items(scene.db)] == scene.images[:1]


def test_an_undone_skip_comes_back_unless_somebody_has_it(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    first, second = take(scene, "Ann", 2)
    skips = [scene.say("Ann", "skip", lease.image, lease=lease.token) for lease in (first, second)]
    taken = take(scene, "Bob", 1)[0]
    assert taken.image == first.image
    assert scene.say("Ann", "undo", undoes=skips[0].uuid).again == ((first.image, None),)
    assert scene.say("Ann", "undo", undoes=skips[1].uuid).again == ((second.image, second.token),)


def test_an_answer_to_one_of_two_does_not_leave_the_other_waiting_for_who_gave_it(scene: Scene) -> None:
    request = scene.ask(scene.images[:1], overlap=2).id
    (mine,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", mine.image, class_id=0, lease=mine.token)
    skip_twice(scene, "Bob", 1)
    assert stuck_items(scene.db) == [Stuck(request, scene.images[0], 1, control=False, state="labeled")]
