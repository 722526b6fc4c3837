"""What judges and what is learned from is counted alike everywhere: images whose file is gone count nowhere."""

from storage.control import count_all
from storage.database import transaction
from storage.images import mark_gone, set_split
from storage.judging import Cell, confusion, control_labels, count_control, labels_ahead, origins
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
    answered, asked, tested = scene.images[:3], scene.images[3:7], scene.images[7:8]
    with transaction(scene.db):
        set_split(scene.db, tested, "test")
    for image in answered + tested:
        scene.say("Ann", "label", image, class_id=0, source="browse")
    scene.ask(asked)
    assert labels_ahead(scene.db) == 7
    with transaction(scene.db):
        mark_gone(scene.db, [answered[0], asked[0], tested[0]])
    assert labels_ahead(scene.db) == 5
    assert (count_all(scene.db).labels, count_all(scene.db).new_labels) == (2, 2)
