"""The clock of the machine is set back while people label: rates are taken from measured gaps, and stay rates."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.database import transaction
from storage.pace import paces
from storage.stats import my_work
from tests.storage.building import Scene


def _answer(scene: Scene, moments: list[datetime]) -> None:
    """Let Ann answer at these moments, as the clock then showed them."""
    for image in scene.images[: len(moments)]:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    with transaction(scene.db):
        scene.db.execute("DROP TRIGGER label_event_is_never_changed")
        scene.db.executemany(
            "UPDATE label_event SET created = ? WHERE id = ?",
            [(_stored(moment), number) for number, moment in enumerate(moments, start=1)],
        )


def _stored(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_pace_is_of_the_gaps_that_were_measured(scene: Scene) -> None:
    start = datetime(2026, 1, 1, 10, tzinfo=UTC)
    _answer(
        scene, [begin + timedelta(seconds=10 * n) for begin in (start, start - timedelta(hours=1)) for n in range(6)]
    )
    (pace,) = paces(scene.db)
    assert (pace.answers, pace.paced, pace.seconds) == (12, 10, pytest.approx(100, abs=0.01))
    assert pace.per_hour == pytest.approx(360, rel=1e-3)


def test_answers_of_a_time_to_come_make_no_rate_below_nothing(scene: Scene) -> None:
    now = datetime.now(UTC)
    _answer(scene, [now + timedelta(hours=1, seconds=n) for n in range(5)])
    assert my_work(scene.db, scene.who("Ann"), _stored(now - timedelta(minutes=10))).per_hour is None


def test_a_rate_of_seconds_is_none(scene: Scene) -> None:
    now = datetime.now(UTC)
    since = _stored(now - timedelta(minutes=10))
    _answer(scene, [now - timedelta(seconds=50 - n) for n in range(4)])
    assert my_work(scene.db, scene.who("Ann"), since).per_hour is None
    with transaction(scene.db):
        scene.db.execute("UPDATE label_event SET created = ? WHERE id = 1", (_stored(now - timedelta(minutes=2)),))
    assert my_work(scene.db, scene.who("Ann"), since).per_hour == pytest.approx(120, rel=0.05)


def test_what_was_taken_back_makes_no_rate_until_it_is_brought_back(scene: Scene) -> None:
    now = datetime.now(UTC)
    since = _stored(now - timedelta(minutes=10))
    _answer(scene, [now - timedelta(minutes=minutes) for minutes in (6, 5, 4, 3, 2)])
    said = [row["uuid"] for row in scene.db.execute("SELECT uuid FROM label_event ORDER BY id")]
    undos = [scene.say("Ann", "undo", undoes=uuid, source="browse") for uuid in said[3:]]
    assert my_work(scene.db, scene.who("Ann"), since).per_hour == pytest.approx(3 * 60 / 6, rel=0.05)
    scene.say("Ann", "redo", undoes=undos[0].uuid)
    assert my_work(scene.db, scene.who("Ann"), since).per_hour == pytest.approx(4 * 60 / 6, rel=0.05)
    scene.say("Ann", "undo", undoes=said[0], source="browse")
    assert my_work(scene.db, scene.who("Ann"), since).per_hour == pytest.approx(3 * 60 / 5, rel=0.05)
