"""What a model thinks is taken up for the right images, and similar ones lie side by side."""

import json
import tracemalloc
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass, class_id
from barlowmatch.embeddings.folder import EmbeddedFiles, Embeddings, read_embeddings
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from labeling.embeddings.importing import _guess, _nearest, import_embeddings
from labeling.project import reading, writing
from labeling.runs.launching import learned_at
from storage.classes import add_class, rename_class
from storage.clock import instant
from storage.control import count_all
from storage.database import Database, transaction
from storage.events import record
from storage.images import all_images
from storage.people import find_or_add_person
from storage.predictions import NewPrediction, add_run, guesses_of, put_predictions
from storage.records import Guess, Sent
from storage.requests import latest_event, why_asked

MANY = 20_000


def write(
    folder: Path, project: Path, classes: Sequence[ImageClass], *, by_name: bool = False
) -> dict[int, np.ndarray]:
    """Write embeddings of all images of a project, as `embed` would, and return the vector of each image."""
    draw = np.random.default_rng(1)
    with reading(project) as db:
        images = list(all_images(db))
    vectors = draw.normal(size=(len(images), 8)).astype(np.float32)
    probabilities = draw.dirichlet(np.ones(len(classes)), len(images)).astype(np.float32)
    hashes = ["" if by_name else image.sha256 for image in images]
    table = EmbeddedFiles(
        [image.name if by_name else f"elsewhere/{image.id}.png" for image in images],
        ["unlabeled"] * len(images), [""] * len(images), hashes,
    )  # fmt: skip
    with EmbeddingsWriter(
        folder, table, dimension=8, classes=classes,
        checkpoint="0" * 64, with_probabilities=True, number_format="float32",
    ) as writer:  # fmt: skip
        writer.write(np.arange(len(images)), vectors, probabilities)
    return dict(zip([image.id for image in images], zip(vectors, probabilities, strict=True), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("by_name", [False, True])
def test_guesses_and_neighbours_are_those_of_the_embeddings(folder: Path, tmp_path: Path, by_name: bool) -> None:
    known = write(tmp_path / "e", folder, [ImageClass(0, "dog"), ImageClass(1, "cat")], by_name=by_name)
    taken = import_embeddings(folder, tmp_path / "e")
    assert (taken.predictions, taken.neighbours) == (40, 20)
    with reading(folder) as db:
        ids = {row["name"]: row["id"] for row in db.execute("SELECT id, name FROM class")}
        labeled = [image.id for image in all_images(db) if image.label.state == "labeled"]
        for image, (vector, probability) in known.items():  # type: ignore[misc]
            guesses = guesses_of(db, image)
            best = ("dog", "cat")[int(np.argmax(probability))]
            assert guesses[0].class_id == ids[best]
            assert guesses[0].probability == pytest.approx(float(probability.max()))
            why = why_asked(db, image)
            if why is not None:
                cosines = {
                    near: float(vector @ known[near][0] / np.linalg.norm(vector) / np.linalg.norm(known[near][0]))
                    for near in labeled
                }
                expected = sorted(labeled, key=lambda near: -cosines[near])[:3]
                assert [near.image for near in why.neighbours] == expected
                assert [near.similarity for near in why.neighbours] == pytest.approx(
                    [cosines[near] for near in expected], abs=1e-3
                )


def test_an_unknown_class_is_named_and_nothing_is_stored(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "e", folder, [ImageClass(0, "dog"), ImageClass(1, "unicorn")])
    with pytest.raises(InputError, match='predicts the class "unicorn"'):
        import_embeddings(folder, tmp_path / "e")
    with reading(folder) as db:
        assert db.execute("SELECT count(*) FROM prediction").fetchone()[0] == 0


def test_a_class_is_that_of_its_id_whatever_has_its_name_by_now(folder: Path, tmp_path: Path) -> None:
    cat, dog, seven = class_id("cat"), class_id("dog"), 7
    with writing(folder) as db, transaction(db):
        add_class(db, seven, "7", None, None)
        for number, name in ((cat, "puma"), (dog, "wolf"), (seven, "seven")):
            rename_class(db, number, name)
        for name in ("cat", "7"):
            add_class(db, class_id(f"{name} (2)"), name, None, None)
    known = write(tmp_path / "e", folder, [ImageClass(cat, "cat"), ImageClass(9, "wolf"), ImageClass(seven, "7")])
    import_embeddings(folder, tmp_path / "e")
    with reading(folder) as db:
        for image, (_, probability) in known.items():  # type: ignore[misc]
            assert guesses_of(db, image)[0].class_id == (cat, dog, seven)[int(np.argmax(probability))]


def test_a_folder_that_is_none_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished embeddings"):
        import_embeddings(folder, tmp_path)


def test_what_the_model_does_not_know_yet_is_counted_from_when_it_was_trained(folder: Path) -> None:
    """Not from when its predictions were taken up, nor from what is learned beside: people label all the while."""
    runs = folder / "runs"
    (runs / "fixmatch-1").mkdir(parents=True)
    write(runs / "embed-1" / "embeddings", folder, [ImageClass(0, "dog"), ImageClass(1, "cat")])
    with writing(folder) as db:
        images = [image.id for image in all_images(db) if image.split == "unlabeled"]
        for place, image in enumerate(images[:5]):
            if place == 2:
                (runs / "fixmatch-1" / "manifest.json").write_text(
                    json.dumps({"event": latest_event(db), "images": 40, "labels": {}})
                )
            label(db, image)
        (runs / "embed-1" / "launch.json").write_text(json.dumps({"about": {"starts_from": "fixmatch-1"}}))
        assert not count_all(db).predicted
    embeddings = runs / "embed-1" / "embeddings"
    import_embeddings(folder, embeddings, learned_at(embeddings))
    with writing(folder) as db:
        with transaction(db):
            guess = Guess(db.execute("SELECT id FROM class").fetchone()["id"], 0.9)
            put_predictions(
                db, add_run(db, b"probe", "probe", latest_event(db)), [NewPrediction(images[0], (guess,), 0)]
            )
        assert (count_all(db).predicted, count_all(db).new_labels) == (True, 3)


def label(db: Database, image: int) -> None:
    """Store what somebody says of an image."""
    with transaction(db):
        person = find_or_add_person(db, "Ann").id
        known = db.execute("SELECT id FROM class").fetchone()["id"]
        sent = Sent(str(uuid.uuid4()), b"body", "label", person, image=image, class_id=known)
        assert record(db, sent, instant(), 60.0).status in ("acknowledged", "late")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    """Return embeddings of 20,000 images that differ, each value of a few, so that many are equally near."""
    folder, draw = tmp_path_factory.mktemp("many") / "e", np.random.default_rng(3)
    names = [f"{number}.png" for number in range(MANY)]
    table = EmbeddedFiles(names, ["unlabeled"] * MANY, [""] * MANY, [""] * MANY)
    with EmbeddingsWriter(
        folder, table, dimension=64, classes=[ImageClass(number, str(number)) for number in range(64)],
        checkpoint="0" * 64, with_probabilities=True,
    ) as writer:  # fmt: skip
        vectors = draw.choice([-1.0, 1.0], (MANY, 64)).astype(np.float32)
        writer.write(np.arange(MANY), vectors, draw.dirichlet(np.ones(64), MANY).astype(np.float32))
    return read_embeddings(folder)


def test_of_many_images_neither_vectors_nor_probabilities_are_all_held(many: Embeddings) -> None:
    every = np.arange(MANY)
    tracemalloc.start()
    try:
        guessed = _guess(many, every, every)
        assert guessed is not None
        first = next(guessed.predictions(list(range(64))))
        nearest = _nearest(many, every[:50], every)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (first.image, len(first.guesses), len(nearest[0])) == (0, 3, 50)
    assert peak < MANY * 64 * 4, "not even one array of floats for all images"


def test_neighbours_are_those_of_a_comparison_with_all_labeled_images_at_once(many: Embeddings) -> None:
    known = np.random.default_rng(1).permutation(MANY)
    places, similar = _nearest(many, np.arange(20), known)
    cosines = many.unit_vectors(np.arange(20)) @ many.unit_vectors(known).T
    expected = np.argsort(-cosines, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(similar, np.take_along_axis(cosines, expected, 1))
    assert (np.diff(similar[:, 1:]) == 0).any(), "some are equally near"


def test_a_probability_that_is_no_number_is_named_and_nothing_is_stored(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "e", folder, [ImageClass(0, "dog"), ImageClass(1, "cat")])
    path = tmp_path / "e" / "probabilities.npy"
    values = np.load(path)
    values[7, 1] = np.nan
    np.save(path, values)
    with pytest.raises(InputError, match=r"the prediction of elsewhere/8.png holds NaN or infinity; embed again$"):
        import_embeddings(folder, tmp_path / "e")
    with reading(folder) as db:
        assert db.execute("SELECT count(*) FROM prediction").fetchone()[0] == 0
