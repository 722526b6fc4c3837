"""Leases stay right whatever people do in whatever order: a state machine draws what they do."""

import random

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from storage import holding
from storage.checks import find_faults
from storage.database import Database, transaction
from storage.images import add_images, mark_gone
from storage.records import Lease
from storage.requests import list_requests
from tests.storage.building import TERM, Scene, build, new_image, take

PEOPLE = ("Ann", "Bob", "Cid")
FIND = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking, which takes minutes here: the steps of a failure are short enough to read."""


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
            holding.release_client(self.scene.db, person, self._who(name))
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
    if db.execute("SELECT count(*) FROM class").fetchone()[0] == 0:
        build(db, images=0)
    start = db.execute("SELECT coalesce(max(id), 0) FROM image").fetchone()[0]
    with transaction(db):
        mark_gone(db, range(1, start + 1))
        images = add_images(db, (new_image(start + number) for number in range(4)))
    return Scene(db, images, [0, 1, 2])


def test_whatever_people_do_leases_stay_right(tmp_path: object, db: Database) -> None:
    machine = type("Shared", (Labeling,), {"db": db})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=30, stateful_step_count=25, deadline=None, phases=FIND)
    )
