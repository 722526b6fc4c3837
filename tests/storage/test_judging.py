"""What judges and what is learned from is counted alike everywhere: images whose file is gone count nowhere."""

from storage.classes import merge_class
from storage.control import count_all
from storage.database import transaction
from storage.images import mark_gone, set_split
from storage.judging import Cell, ControlCounts, confusion, control_labels, count_control, labels_ahead, origins
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from tests.storage.building import Scene


def test_images_whose_file_is_gone_judge_nothing(scene: Scene) -> None:
    kept = scene.images[:4]
    with transaction(scene.db):
        set_split(scene.db, kept, "val")
        run = add_run(scene.db, b"run", "embed")
        put_predictions(scene.db, run, [NewPrediction(image, (Guess(1, 0.9),), image) for image in kept])
    for image in kept:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    assert confusion(scene.db) == [Cell(0, 1, 4)]
    with transaction(scene.db):
        mark_gone(scene.db, kept[:1])
    assert count_control(scene.db).labeled == 3
    assert confusion(scene.db) == [Cell(0, 1, 3)]
    assert control_labels(scene.db) == {0: 3}
    assert [origin.images for origin in origins(scene.db)] == [3]
    assert count_all(scene.db).validation == 3


def test_images_whose_file_is_gone_teach_nothing(scene: Scene) -> None:
    answered, asked, tested = scene.images[:6], scene.images[6:13], scene.images[13:14]
    with transaction(scene.db):
        set_split(scene.db, tested, "test")
    for image in answered + tested:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.ask(asked)
    assert labels_ahead(scene.db) == 6 + 7
    with transaction(scene.db):
        mark_gone(scene.db, [*answered[:2], *asked[:3], *tested])
    assert labels_ahead(scene.db) == 4 + 4
    assert count_all(scene.db).new_labels == 4


def test_guesses_judge_nothing_while_an_image_is_still_asked_about_blindly(scene: Scene) -> None:
    done, half, waiting = scene.images[:3]
    scene.ask([done, half, waiting], overlap=2, purpose="control")
    with transaction(scene.db):
        older, newer = (add_run(scene.db, name, "embed") for name in (b"older", b"newer"))
        put_predictions(scene.db, older, [NewPrediction(image, (Guess(1, 0.9),), image) for image in (done, half)])
        put_predictions(scene.db, newer, [NewPrediction(waiting, (Guess(1, 0.9),), waiting)])
    for name, image in (("Ann", done), ("Bob", done), ("Ann", half)):
        scene.say(name, "label", image, class_id=0, source="browse")

    assert confusion(scene.db) == [Cell(0, 1, 1)]
    assert count_control(scene.db) == ControlCounts(images=3, labeled=2, asked=2)
    assert [(origin.folder, origin.images) for origin in origins(scene.db)] == [(b"older", 2), (b"newer", 1)]
    with transaction(scene.db):
        merge_class(scene.db, 1, 2)
    assert confusion(scene.db) == [Cell(0, 2, 1)], "a guess of a merged class is one of what it was merged into"
