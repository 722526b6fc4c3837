"""Leases: nobody gets what another has, nothing is counted twice, whatever people do in whatever order."""

import random

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage import leases
from storage.checks import find_faults
from storage.clock import Instant
from storage.database import Database, transaction
from storage.images import mark_gone
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, Lease
from storage.requests import answers_left, list_requests
from tests.storage.building import TERM, Scene, build, take

PEOPLE = ("Ann", "Bob", "Cid")
FIND = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking, which takes minutes here: the steps of a failure are short enough to read."""


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


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("never leased", "was not leased"),
        ("another's", "leased to somebody else"),
        ("expired", "had ended"),
        ("expired and given on", "had ended"),
        ("of another image", "of another image"),
        ("made up", "of another image"),
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
        case "of another image":
            token = take(scene, "Ann", 1)[0].token
        case "made up":
            token = 999
        case "given back":
            ann = scene.who("Ann")
            with transaction(scene.db):
                leases.release(scene.db, ann, "Ann", None)
        case "answered":
            scene.say("Ann", "label", mine.image, class_id=0, lease=mine.token)
    outcome = scene.say(who, "label", mine.image, class_id=1, lease=token)
    assert outcome.status == "late"
    assert words in (outcome.message or "")
    assert scene.state(mine.image) == ("labeled", 1)
    assert find_faults(scene.db) == []


def test_a_skipped_image_goes_to_somebody_else(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    lease = take(scene, "Ann", 1)[0]
    scene.say("Ann", "skip", lease.image, lease=lease.token)
    assert take(scene, "Ann", 1) == []
    assert [lease.image for lease in take(scene, "Bob", 1)] == [scene.images[0]]
    assert scene.db.execute("SELECT skips FROM image WHERE id = ?", (lease.image,)).fetchone()[0] == 1


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


def test_an_undone_skip_comes_back_unless_somebody_has_it(scene: Scene) -> None:
    scene.ask(scene.images[:2])
    first, second = take(scene, "Ann", 2)
    skips = [scene.say("Ann", "skip", lease.image, lease=lease.token) for lease in (first, second)]
    taken = take(scene, "Bob", 1)[0]
    assert taken.image == first.image
    assert scene.say("Ann", "undo", undoes=skips[0].uuid).again == ((first.image, None),)
    assert scene.say("Ann", "undo", undoes=skips[1].uuid).again == ((second.image, second.token),)


def test_a_reloaded_page_gets_its_images_again(scene: Scene) -> None:
    scene.ask(scene.images)
    held = take(scene, "Ann", 5)
    with transaction(scene.db):
        again = leases.held_leases(scene.db, scene.who("Ann"), "Ann", [held[0].token], 3, scene.at, TERM)
    assert [lease.token for lease in again] == [lease.token for lease in held[1:4]]


def test_a_lease_is_renewed_when_a_quarter_of_its_term_is_over(scene: Scene) -> None:
    """In between nothing is written, and what is told is when the lease ends, not when a renewed one would."""
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)

    def ends() -> float:
        with transaction(scene.db):
            assert leases.renew(scene.db, [lease.token], scene.who("Ann"), "Ann", scene.at, TERM) == []
            (again,) = leases.held_leases(scene.db, scene.who("Ann"), "Ann", [], 1, scene.at, TERM)
        row = leases.get_lease(scene.db, lease.token)
        assert row is not None
        assert again.expires == row["expires"]
        return again.expires

    begun = scene.at.seconds
    scene.later(TERM / 4 - 1)
    assert ends() == begun + TERM
    scene.later(2)
    assert ends() == scene.at.seconds + TERM


def test_a_lease_another_tab_takes_over_is_renewed_for_it(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    ann, bob = scene.who("Ann"), scene.who("Bob")
    with transaction(scene.db):
        assert leases.renew(scene.db, [lease.token], ann, "second", scene.at, TERM) == []
        assert leases.held_leases(scene.db, ann, "Ann", [], 1, scene.at, TERM) == []
        assert leases.renew(scene.db, [lease.token, 99], bob, "Bob", scene.at, TERM) == [lease.token, 99]


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


def test_the_grid_shows_one_class_without_blind_or_leased_images(scene: Scene) -> None:
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(
            scene.db, run,
            (NewPrediction(image, (Guess(image % 2, 0.9),), 1000 - image) for image in scene.images),
        )  # fmt: skip
    alike = [image for image in scene.images if image % 2 == 0]
    scene.ask(alike[:2], purpose="control")
    held = alike[2]
    scene.ask([held])
    take(scene, "Bob", 2)
    scene.say("Bob", "label", alike[3], class_id=0, source="browse")
    ann = scene.who("Ann")
    with transaction(scene.db):
        page = leases.lease_predicted(scene.db, 0, ann, "Ann", 48, scene.at, TERM)
    taken_by_bob = {row[0] for row in scene.db.execute("SELECT image FROM lease WHERE client = 'Bob'")}
    expected = [image for image in reversed(alike) if image not in {*alike[:2], alike[3], *taken_by_bob}]
    assert [lease.image for lease in page] == expected
    assert find_faults(scene.db) == []


class Labeling(RuleBasedStateMachine):
    """People lease, answer, skip, undo, give back and wait, in any order; the database is shared by all examples."""

    db: Database

    @initialize(overlap=st.integers(1, 2), seed=st.integers(0, 1000))
    def begin(self, overlap: int, seed: int) -> None:
        self.scene = build_again(self.db)
        self.overlap = overlap
        self.draw = random.Random(seed)
        self.held: dict[str, list[Lease]] = {name: [] for name in PEOPLE}
        self.acts: dict[str, list[str]] = {name: [] for name in PEOPLE}
        self.scene.ask(self.scene.images, overlap=overlap)

    def _who(self, name: str) -> str:
        return f"{name} {self.scene.images[0]}"

    @rule(name=st.sampled_from(PEOPLE), count=st.integers(1, 3))
    def lease(self, name: str, count: int) -> None:
        self.held[name] += take(self.scene, self._who(name), count)

    @rule(name=st.sampled_from(PEOPLE), kind=st.sampled_from(["label", "reject", "skip"]))
    def answer(self, name: str, kind: str) -> None:
        if self.held[name]:
            lease = self.held[name].pop(self.draw.randrange(len(self.held[name])))
            further = {"class_id": 0} if kind == "label" else {}
            outcome = self.scene.say(self._who(name), kind, lease.image, lease=lease.token, **further)  # type: ignore[arg-type]
            assert outcome.status in ("acknowledged", "late")
            self.acts[name].append(outcome.uuid)

    @rule(name=st.sampled_from(PEOPLE))
    def answer_unasked(self, name: str) -> None:
        image = self.draw.choice(self.scene.images)
        self.acts[name].append(self.scene.say(self._who(name), "label", image, class_id=0, source="browse").uuid)

    @rule(name=st.sampled_from(PEOPLE))
    def undo(self, name: str) -> None:
        if self.acts[name]:
            outcome = self.scene.say(self._who(name), "undo", undoes=self.acts[name].pop())
            assert outcome.status == "acknowledged"
            self.held[name] += [Lease(token, image, None, 0.0) for image, token in outcome.again if token is not None]

    @rule(name=st.sampled_from(PEOPLE))
    def send_back(self, name: str) -> None:
        self.scene.say(self._who(name), "send-back", self.draw.choice(self.scene.images))

    @rule(name=st.sampled_from(PEOPLE))
    def give_back(self, name: str) -> None:
        person = self.scene.who(self._who(name))
        with transaction(self.scene.db):
            leases.release(self.scene.db, person, self._who(name), None)
        self.held[name].clear()

    @rule(seconds=st.sampled_from([1.0, TERM / 2, TERM + 1]))
    def wait(self, seconds: float) -> None:
        self.scene.later(seconds)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert find_faults(self.scene.db) == []

    @invariant()
    def no_image_has_more_holders_than_asked_for(self) -> None:
        mine = self.scene.db.execute(
            f"""SELECT image, count(*) AS holders, count(DISTINCT person) AS people FROM lease
                WHERE state IN ('active', 'done') AND image IN ({",".join(map(str, self.scene.images))})
                GROUP BY image"""
        ).fetchall()
        for row in mine:
            assert row["holders"] == row["people"] <= self.overlap

    @invariant()
    def what_is_left_is_what_was_not_answered(self) -> None:
        request = list_requests(self.scene.db, finished=True)[-1]
        done = self.scene.db.execute(
            "SELECT count(*) FROM lease WHERE request = ? AND state = 'done'", (request.id,)
        ).fetchone()[0]
        assert request.left == request.items * self.overlap - done


def build_again(db: Database) -> Scene:
    """Return a scene of new images; requests of earlier examples no longer ask."""
    from storage.images import add_images
    from tests.storage.building import new_image

    if db.execute("SELECT count(*) FROM class").fetchone()[0] == 0:
        build(db, images=0)
    start = db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    with transaction(db):
        mark_gone(db, range(1, start + 1))
        images = add_images(db, (new_image(start + number) for number in range(4)))
    return Scene(db, images, [0, 1, 2])


def test_whatever_people_do_leases_stay_right(tmp_path: object, db: Database) -> None:
    machine = type("Shared", (Labeling,), {"db": db})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine, settings=settings(max_examples=30, stateful_step_count=25, deadline=None, phases=FIND)
    )
