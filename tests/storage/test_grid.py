"""The grid: which unlabeled images a page of it shows, and what it offers."""

from statistics import fmean

import pytest

from storage import grid, leases
from storage.checks import find_faults
from storage.classes import merge_class
from storage.database import transaction
from storage.images import mark_gone, set_split
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from tests.storage.building import TERM, Scene, take


def test_a_page_of_the_grid_mixes_merged_classes_by_likeness(scene: Scene) -> None:
    ann = scene.who("Ann")
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(
            scene.db, run, (NewPrediction(image, (Guess(image % 3, 0.9),), 1000 - image) for image in scene.images)
        )
        merge_class(scene.db, 2, 0)
        page = grid.lease_predicted(scene.db, 0, ann, "Ann", 9, scene.at, TERM)
    alike = [image for image in reversed(scene.images) if image % 3 != 1]
    assert [lease.image for lease in page] == alike[:9]
    assert grid.count_predicted(scene.db, 0) == len(alike)


def test_the_grid_shows_one_class_without_blind_or_leased_images(scene: Scene) -> None:
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(
            scene.db, run,
            (NewPrediction(image, (Guess(image % 2, 0.9),), 1000 - image) for image in scene.images),
        )  # fmt: skip
    alike = [image for image in scene.images if image % 2 == 0]
    held, labeled, tested, unlabeled, *blind = alike[:6]
    scene.ask([held])
    assert [lease.image for lease in take(scene, "Bob", 1)] == [held]
    scene.ask(blind, purpose="control")
    scene.say("Bob", "label", labeled, class_id=0, source="browse")
    ann = scene.who("Ann")
    with transaction(scene.db):
        set_split(scene.db, blind, "unlabeled")
        set_split(scene.db, [tested], "test")
        set_split(scene.db, [unlabeled], "train")
        page = grid.lease_predicted(scene.db, 0, ann, "Ann", 48, scene.at, TERM)
    expected = [image for image in reversed(alike) if image not in {held, labeled, tested, *blind}]
    assert unlabeled in expected
    assert [lease.image for lease in page] == expected
    assert find_faults(scene.db) == []


@pytest.mark.parametrize("at_once", [1, 7, 10**6])
def test_the_grid_offers_each_class_with_its_images_and_how_sure_the_model_is_of_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(grid, "_AT_ONCE", at_once)
    guesses = {image: Guess(number % 3, 0.5 + number / 100) for number, image in enumerate(scene.images)}
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(scene.db, run, [NewPrediction(image, (guess,), image) for image, guess in guesses.items()])
        merge_class(scene.db, 1, 0)
    scene.say("Ann", "label", scene.images[0], class_id=2, source="browse")
    scene.say("Ann", "label", scene.images[-1], class_id=2, source="browse")
    with transaction(scene.db):
        mark_gone(scene.db, scene.images[-2:-1])
        set_split(scene.db, scene.images[-3:-2], "val")

    sure: dict[int, list[float]] = {0: [], 2: []}
    for guess in list(guesses.values())[1:-3]:
        sure[0 if guess.class_id == 1 else guess.class_id].append(guess.probability)
    expected = [(number, len(found), pytest.approx(fmean(found))) for number, found in sure.items()]
    assert grid.unlabeled_predicted(scene.db) == expected


def test_what_a_tab_holds_for_its_queue_comes_to_its_grid_under_the_same_leases(scene: Scene) -> None:
    """Else the end of a class is in the queue of whoever looks for it on the grid."""
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(scene.db, run, (NewPrediction(image, (Guess(0, 0.9),), image) for image in scene.images))
    scene.ask(scene.images[:8])
    mine = take(scene, "Ann", 4)
    theirs = take(scene, "Bob", 4)
    scene.later(TERM / 2)
    with transaction(scene.db):
        other_tab = grid.lease_predicted(scene.db, 0, scene.who("Ann"), "other", 2, scene.at, TERM)
        page = grid.lease_predicted(scene.db, 0, scene.who("Ann"), "Ann", 48, scene.at, TERM)
    away = {lease.image for lease in (*theirs, *other_tab)}
    assert [lease.image for lease in page] == [image for image in scene.images if image not in away]
    assert [lease.token for lease in page[:4]] == [lease.token for lease in mine]
    assert {lease.expires for lease in page} == {scene.at.seconds + TERM}, "they are renewed"
    assert find_faults(scene.db) == []


def test_who_holds_as_many_as_one_may_still_finds_those_on_the_grid(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MOST_HELD", 4)
    with transaction(scene.db):
        run = add_run(scene.db, b"run", "embed")
        put_predictions(scene.db, run, (NewPrediction(image, (Guess(0, 0.9),), image) for image in scene.images))
    scene.ask(scene.images[5:9])
    mine = take(scene, "Ann", 9)
    with transaction(scene.db):
        page = grid.lease_predicted(scene.db, 0, scene.who("Ann"), "Ann", 48, scene.at, TERM)
    assert [lease.token for lease in page] == [lease.token for lease in mine]
