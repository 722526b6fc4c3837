"""Pages and counts under filters, against a filter in plain Python over all images."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.browsing import Filter, browse, count_images
from storage.events import history
from storage.images import all_images
from storage.records import Label
from tests.storage.building import Scene, secret_images

FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["none", "labeled", "rejected", "disputed"]), "label": st.integers(0, 3),
        "predicted": st.integers(0, 3), "person": st.sampled_from(["Ann", "Bob"]), "round": st.integers(1, 3),
        "flagged": st.booleans(), "skipped": st.booleans(), "missing": st.booleans(),
        "settled": st.booleans(), "split": st.sampled_from(["train", "val", "test", "unlabeled"]),
        "file": st.sampled_from(["7", "0001", "%", "_", "png"]),
    },
)  # fmt: skip


@given(wanted=FILTERS, limit=st.integers(1, 50), asker=st.sampled_from([None, "Ann", "Bob", "Dan"]))
@settings(max_examples=200, deadline=None)
def test_pages_hold_what_matches_each_once(busy: Scene, wanted: dict[str, Any], limit: int, asker: str | None) -> None:
    if "person" in wanted:
        wanted = {**wanted, "person": busy.who(wanted["person"])}
    match, kept_from = Filter(**wanted), None if asker is None else busy.who(asker)
    found: list[int] = []
    after = 0
    secret = set() if kept_from is None else secret_images(busy, kept_from)
    while page := browse(busy.db, match, after, limit, kept_from):
        found += [shown.image.id for shown in page]
        after = found[-1]
        for shown in page:
            told = shown.image.label, shown.answered_by, shown.suspect
            assert shown.image.id not in secret or told == (Label(), None, None)
    expected = [image.id for image in all_images(busy.db) if _matches(busy, image, wanted)]
    if wanted.keys() & {"state", "label", "person", "settled"}:
        expected = [image for image in expected if image not in secret]
    assert found == expected
    assert count_images(busy.db, match, kept_from) == len(expected)


@pytest.mark.parametrize(("asker", "secrets"), [("Ann", 1), ("Bob", 1), ("Dan", 10)])
def test_some_answers_are_kept_from_everybody_who_is_to_answer(busy: Scene, asker: str, secrets: int) -> None:
    assert len(secret_images(busy, busy.who(asker))) >= secrets


def _matches(scene: Scene, image: Any, wanted: dict[str, Any]) -> bool:
    blind = 51 <= image.id <= 60 and _asked(scene, image.id, left_only=True)
    guess = image.id % 3 if image.id <= 100 else None
    facts = {
        "state": image.label.state, "label": image.label.class_id, "predicted": None if blind else guess,
        "flagged": image.flagged, "skipped": image.skips > 0, "missing": not image.present, "split": image.split,
        "settled": _is_settled(scene, image.id),
    }  # fmt: skip
    for name, value in wanted.items():
        if name in facts and facts[name] != value:
            return False
        if name == "file" and value not in image.name:
            return False
        if name == "round" and value not in _asked(scene, image.id):
            return False
        if name == "person" and not _has_vote(scene, image.id, value):
            return False
    return True


def _asked(scene: Scene, image: int, *, left_only: bool = False) -> set[int]:
    rows = scene.db.execute("SELECT request, left FROM request_item WHERE image = ?", (image,))
    return {row["request"] for row in rows if row["left"] or not left_only}


def _has_vote(scene: Scene, image: int, person: int) -> bool:
    name = scene.db.execute("SELECT name FROM person WHERE id = ?", (person,)).fetchone()["name"]
    return any(past.person == name and past.kind in ("label", "reject") for past in history(scene.db, image))


def _is_settled(scene: Scene, image: int) -> bool:
    """Say whether several people's last answers differ, and one decided: nothing is undone in this project."""
    sql = "SELECT person, kind, class FROM label_event WHERE image = ? AND kind IN ('label', 'reject') ORDER BY id"
    last = {row["person"]: (row["kind"], row["class"]) for row in scene.db.execute(sql, (image,))}
    decided = scene.db.execute("SELECT 1 FROM label_event WHERE image = ? AND kind = 'confirm'", (image,)).fetchone()
    return decided is not None and len(set(last.values())) > 1


def test_what_was_disputed_is_found_once_it_is_settled(busy: Scene) -> None:
    settled = {shown.image.id for shown in browse(busy.db, Filter(settled=True), 0, 200)}
    decided = {row[0] for row in busy.db.execute("SELECT image FROM label_event WHERE kind = 'confirm'")}
    assert 2 < len(settled) < len(decided), "not what was corrected with nobody at odds"
    assert not settled & {shown.image.id for shown in browse(busy.db, Filter(state="disputed"), 0, 200)}


def test_a_hidden_guess_is_not_shown(busy: Scene) -> None:
    shown = {item.image.id: item.guess for item in browse(busy.db, Filter(), 0, 200)}
    asked = {image for image in busy.images if image in range(51, 61) and _asked(busy, image, left_only=True)}
    assert asked
    assert all(shown[image] is None for image in asked)
    assert shown[1] is not None
