"""Leases: nobody gets what another has, nothing is counted twice; each rule by an example of its own."""

import pytest

from storage import grid, holding, leases
from storage.checks import find_faults
from storage.clock import Instant
from storage.database import Database, transaction
from storage.images import mark_gone
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, Kind
from storage.requests import answers_left
from tests.storage.building import TERM, Scene, build, take


def test_images_come_in_the_order_they_were_asked_for(scene: Scene) -> None:
    scene.ask(list(reversed(scene.images[:5])))
    scene.ask(scene.images[5:8])
    assert [lease.image for lease in take(scene, "Ann", 7)] == [*reversed(scene.images[:5]), *scene.images[5:7]]
    assert [lease.image for lease in take(scene, "Bob", 7)] == [scene.images[7]]


def test_overlap_gives_an_image_to_so_many_people(scene: Scene) -> None:
    scene.ask(scene.images[:1], overlap=2)
    assert len(take(scene, "Ann", 5)) == len(take(scene, "Bob", 5)) == 1
    assert take(scene, "Ann", 5) == take(scene, "Cid", 5) == []
    assert answers_left(scene.db) == 2


def test_an_answer_under_a_lease_is_acknowledged_and_counts(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    lease, _ = take(scene, "Ann", 2)
    assert scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token).status == "acknowledged"
    assert answers_left(scene.db) == 1


def test_what_is_undone_from_no_page_is_free_for_everybody(scene: Scene) -> None:
    """As where an import is taken back: nobody has the image in front of them."""
    scene.ask(scene.images[:2])
    for image in scene.images[:2]:
        act = scene.say("dataset", "label", image, class_id=0, client="").uuid
        scene.say("dataset", "undo", undoes=act, client="")
    assert [lease.image for lease in take(scene, "Ann", 5)] == scene.images[:2]


def test_an_undo_takes_nothing_out_of_the_hands_of_others(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (mine,) = take(scene, "Ann", 1)
    act = scene.say("Ann", "label", mine.image, class_id=0, lease=mine.token).uuid
    scene.ask(scene.images[:1], purpose="repeat")
    (theirs,) = take(scene, "Bob", 1)
    assert scene.say("Ann", "undo", undoes=act).again == ((mine.image, None),)
    assert scene.say("Bob", "label", theirs.image, class_id=1, lease=theirs.token).status == "acknowledged"
    assert find_faults(scene.db) == []


def test_an_undo_takes_no_image_that_another_request_put_in_other_hands(scene: Scene) -> None:
    image = scene.images[0]
    scene.ask([image], overlap=2)
    for name in ("Ann", "Bob"):
        (lease,) = take(scene, name, 1)
        said = scene.say(name, "label", image, class_id=0, lease=lease.token)
    scene.ask([image], purpose="repeat")
    (held,) = take(scene, "Cid", 1)

    assert scene.say("Bob", "undo", undoes=said.uuid).again == ((image, None),)
    assert find_faults(scene.db) == []
    assert scene.say("Cid", "label", image, class_id=0, lease=held.token).status == "acknowledged"


@pytest.mark.parametrize("case", ["held by another beside it", "answered for another request"])
def test_an_undo_gives_the_image_back_whoever_else_was_asked_about_it(scene: Scene, case: str) -> None:
    (image,) = scene.images[:1]
    scene.ask([image], overlap=2 if case == "held by another beside it" else 1)
    (mine,) = take(scene, "Ann", 1)
    said = scene.say("Ann", "label", image, class_id=0, lease=mine.token)
    if case == "answered for another request":
        scene.ask([image], purpose="repeat")
    (theirs,) = take(scene, "Bob", 1)
    if case == "answered for another request":
        scene.say("Bob", "label", image, class_id=0, lease=theirs.token)

    assert scene.say("Ann", "undo", undoes=said.uuid).again == ((image, mine.token),)
    assert find_faults(scene.db) == []


def test_an_undone_skip_is_not_asked_again_once_somebody_answered(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (mine,) = take(scene, "Ann", 1)
    skip = scene.say("Ann", "skip", mine.image, lease=mine.token)
    (theirs,) = take(scene, "Bob", 1)
    scene.say("Bob", "label", mine.image, class_id=0, lease=theirs.token)

    assert scene.say("Ann", "undo", undoes=skip.uuid).again == ((mine.image, None),)
    assert (take(scene, "Ann", 1), answers_left(scene.db)) == ([], 0)


def test_an_answer_from_elsewhere_is_that_to_the_lease_in_hand(scene: Scene) -> None:
    """As in Browse, while the image stands on the Label page too; the other slot stays for somebody else."""
    scene.ask(scene.images[:1], overlap=2)
    (mine,) = take(scene, "Ann", 1)
    scene.say("Ann", "label", mine.image, class_id=0, source="browse")
    row = leases.get_lease(scene.db, mine.token)
    assert row is not None
    assert (row["state"], answers_left(scene.db)) == ("done", 1)
    assert [lease.image for lease in take(scene, "Bob", 1)] == [mine.image]


def test_an_answer_that_nobody_leased_fills_a_free_slot_and_nobody_elses(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    (held,) = take(scene, "Bob", 1)
    for image in scene.images[:2]:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    assert answers_left(scene.db) == 1
    assert scene.say("Bob", "label", held.image, class_id=0, lease=held.token).status == "acknowledged"
    assert (answers_left(scene.db), take(scene, "Cid", 2)) == (0, [])


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("never leased", "was not leased"),
        ("another's", "leased to somebody else"),
        ("expired", "had ended"),
        ("expired and given on", "had ended"),
        ("made up", "no such lease"),
        ("given back", "had ended"),
        ("answered", "answered under this lease before"),
    ],
)
def test_an_answer_without_a_valid_lease_is_kept_as_late(scene: Scene, case: str, words: str) -> None:
    scene.ask(scene.images[:3])
    mine = take(scene, "Ann", 1)[0]
    token: int | None = mine.token
    who = "Ann"
    match case:
        case "never leased":
            token = None
        case "another's":
            who = "Bob"
        case "expired":
            scene.later(TERM + 1)
        case "expired and given on":
            scene.later(TERM + 1)
            assert take(scene, "Bob", 1)[0].image == mine.image
        case "made up":
            token = 999
        case "given back":
            ann = scene.who("Ann")
            with transaction(scene.db):
                holding.release_client(scene.db, ann, "Ann")
        case "answered":
            scene.say("Ann", "label", mine.image, class_id=0, lease=mine.token)
    outcome = scene.say(who, "label", mine.image, class_id=1, lease=token)
    assert outcome.status == "late"
    assert words in (outcome.message or "")
    assert scene.state(mine.image) == ("labeled", 1)
    assert find_faults(scene.db) == []


@pytest.mark.parametrize("kind", ["label", "reject", "skip", "flag"])
def test_what_comes_under_a_lease_of_another_image_is_not_stored(scene: Scene, kind: Kind) -> None:
    scene.ask(scene.images[:2])
    mine, other = take(scene, "Ann", 2)
    outcome = scene.say("Ann", kind, mine.image, class_id=1 if kind == "label" else None, lease=other.token)
    assert outcome.status == "refused"
    assert outcome.message == f"lease {other.token} is of image {other.image}, not {mine.image}"
    assert scene.db.execute("SELECT count(*) FROM label_event").fetchone()[0] == 0
    assert scene.say("Ann", "label", mine.image, class_id=1, lease=mine.token).status == "acknowledged"


def test_an_undo_gives_the_image_back_with_its_lease(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    lease = take(scene, "Ann", 1)[0]
    said = scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token)
    undo = scene.say("Ann", "undo", undoes=said.uuid)
    assert undo.again == ((lease.image, lease.token),)
    assert answers_left(scene.db) == 1
    assert take(scene, "Bob", 1) == [], "it is in Ann's hands again"
    assert scene.say("Ann", "undo", undoes=said.uuid, uuid=undo.uuid) == undo, "sent again it answers the same"
    assert scene.say("Ann", "label", lease.image, class_id=1, lease=lease.token).status == "acknowledged"


def test_an_undo_in_browse_keeps_the_image_from_nobody(scene: Scene) -> None:
    (image,) = scene.images[:1]
    scene.ask([image])
    said = scene.say("Ann", "reject", image, source="browse")
    undo = scene.say("Ann", "undo", undoes=said.uuid, source="browse")
    assert undo.again == ((image, None),)
    assert [lease.image for lease in take(scene, "Bob", 1)] == [image]


def test_after_a_reboot_open_leases_get_a_full_term(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    lease = take(scene, "Ann", 1)[0]
    scene.at = Instant("another boot", 5.0)
    with transaction(scene.db):
        leases.adopt_leases(scene.db, scene.at, TERM)
    assert take(scene, "Bob", 1) == []
    assert scene.say("Ann", "label", lease.image, class_id=0, lease=lease.token).status == "acknowledged"
    scene.later(TERM + 1)


def test_nobody_is_asked_about_an_image_whose_file_is_gone(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    with transaction(scene.db):
        mark_gone(scene.db, scene.images[:1])
    assert [lease.image for lease in take(scene, "Ann", 2)] == [scene.images[1]]
    assert answers_left(scene.db) == 1


def test_nobody_holds_the_whole_queue_in_however_many_tabs(db: Database) -> None:
    scene = build(db, images=700)
    ann, bob = scene.who("Ann"), scene.who("Bob")
    scene.ask(scene.images[:650])
    with transaction(db):
        run = add_run(db, b"run", "embed")
        put_predictions(db, run, (NewPrediction(i, (Guess(0, 0.9),), i) for i in scene.images))

    def tab(person: int, client: str, count: int) -> int:
        with transaction(db):
            return len(leases.lease_next(db, person, client, count, scene.at, TERM))

    def page(person: int, client: str, count: int) -> int:
        with transaction(db):
            return len(grid.lease_predicted(db, 0, person, client, count, scene.at, TERM))

    most = leases.MOST_HELD
    assert [tab(ann, "1", 200), page(ann, "2", 48), tab(ann, "3", 200)] == [200, 48, most - 248]
    assert [tab(ann, "4", 200), page(ann, "5", 48), tab(ann, "1", 1)] == [0, 0, 0]
    assert tab(bob, "6", 200) == 200, "what she cannot hold is for others"
    with transaction(db):
        assert holding.release_client(db, ann, "1") == 200
    assert [page(ann, "5", 100), tab(ann, "4", 200)] == [100, 100]
    (held,) = db.execute("SELECT count(*) FROM lease WHERE person = ? AND state = 'active'", (ann,)).fetchone()
    assert held == most
