"""Counts without the images that somebody is still to answer, against a count in plain Python over all images."""

import re
from collections import Counter

import pytest

from storage.classes import get_class, list_classes, list_merged, merge_class
from storage.control import count_all
from storage.images import all_images
from storage.judging import control_labels, count_control
from storage.pace import agreements
from storage.records import Image
from storage.rights import kept_labels
from storage.stats import progress
from storage.suspects import NewSuspect, count_suspects, labels_to_judge, put_suspects
from tests.storage.building import Scene, secret_images
from tests.storage.test_many_images import explaining, rolled_back

ASKERS = pytest.mark.parametrize("asker", [None, "Ann", "Bob", "Dan"])


def told_images(scene: Scene, asker: str | None) -> list[Image]:
    """Return the images whose answers are told."""
    secret = set() if asker is None else secret_images(scene, scene.who(asker))
    return [image for image in all_images(scene.db) if image.id not in secret]


@ASKERS
def test_labels_are_counted_where_they_are_told(busy: Scene, asker: str | None) -> None:
    who, told = None if asker is None else busy.who(asker), told_images(busy, asker)
    assert (len(told) < len(busy.images)) is (asker is not None)
    whole = progress(busy.db, who)
    states = Counter(image.label.state for image in told)
    counts = Counter(image.label.class_id for image in told if image.label.class_id is not None)
    assert (whole.labeled, whole.rejected, whole.disputed) == (
        states["labeled"], states["rejected"], states["disputed"],
    )  # fmt: skip
    assert (whole.images, dict(whole.classes)) == (len(busy.images), counts)
    assert {item.id: item.count for item in list_classes(busy.db, asker=who)} == {n: counts[n] for n in range(3)}
    assert [get_class(busy.db, number, who).count for number in range(3)] == [counts[number] for number in range(3)]
    there = [image for image in told if image.present]
    judged = [image for image in there if image.split == "val" and image.label.state == "labeled"]
    assert count_all(busy.db, who).disputed == sum(image.label.state == "disputed" for image in there)
    assert control_labels(busy.db, who) == Counter(image.label.class_id for image in judged)
    assert count_control(busy.db, who).labeled == len(judged)


@ASKERS
def test_suspects_agreements_and_answers_of_merged_classes_are_counted_where_they_are_told(
    busy: Scene, asker: str | None
) -> None:
    who, told = None if asker is None else busy.who(asker), {image.id for image in told_images(busy, asker)}
    judged = labels_to_judge(busy.db)
    said = list(busy.db.execute("SELECT image, person, class FROM label_event WHERE kind IN ('label', 'confirm')"))
    several = {
        row[0] for row in busy.db.execute("SELECT image FROM vote WHERE NOT decides GROUP BY 1 HAVING count(*) > 1")
    }
    with rolled_back(busy.db):
        merge_class(busy.db, 0, 1)
        put_suspects(busy.db, [NewSuspect(label.image, label.event, 2, 0.9) for label in judged])
        doubted = {row[0] for row in busy.db.execute("SELECT image FROM suspected")}
        assert count_suspects(busy.db, who) == len(doubted & told) > 0
        assert agreements(busy.db, who)[1] == len(several & told) > 0
        (merged,) = list_merged(busy.db, who)
    assert merged.answers == sum(row["class"] == 0 and row["image"] in told for row in said) > 0


@pytest.mark.parametrize("planned", [False, True], ids=["no statistics", "with statistics"])
def test_what_is_kept_is_counted_in_an_index_and_by_what_is_asked(busy: Scene, planned: bool) -> None:
    plan: list[str] = []
    with rolled_back(busy.db):
        if planned:
            busy.db.execute("ANALYZE")
        with explaining(busy.db, plan):
            kept_labels(busy.db, busy.who("Dan"))
    read = {line for line in plan if re.match(r"(SCAN|SEARCH) (image|asked|given)\b", line)}
    assert read == {
        "SEARCH image USING COVERING INDEX image_state (state=?)",
        "SEARCH asked USING PRIMARY KEY (request=?)", "SEARCH given USING INDEX lease_person (person=? AND image=?)",
    }  # fmt: skip
