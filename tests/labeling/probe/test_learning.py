"""Learning while people label: a real process beside the API, on embeddings in which classes are clusters."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from labeling.dataset.indexing import init_project
from labeling.embeddings.importing import import_embeddings
from labeling.probe import process
from labeling.probe.process import Learner
from labeling.probe.starting import Probing
from labeling.project import Project, reading, writing
from labeling.server.application import build_app
from storage.classes import add_class
from storage.database import transaction
from storage.images import all_images
from storage.predictions import guesses_of
from storage.probing import newest_fit
from storage.records import NewItem
from storage.requests import add_request
from tests.clusters import DIMENSION, clusters
from tests.labeling.conftest import Tab
from tests.waiting import until


def embed(project: Path, folder: Path) -> dict[int, int]:
    """Write embeddings without a classifier and return the cluster of each image."""
    with reading(project) as db:
        images = list(all_images(db))
    vectors, owner = clusters(len(images))
    table = EmbeddedFiles(
        [image.name for image in images], ["unlabeled"] * len(images), [""] * len(images),
        [image.sha256 for image in images],
    )  # fmt: skip
    with EmbeddingsWriter(
        folder, table, dimension=DIMENSION, classes=[ImageClass(0, "cat"), ImageClass(1, "dog")], checkpoint="0" * 64,
        with_probabilities=False, number_format="float32",
    ) as writer:  # fmt: skip
        writer.write(np.arange(len(images)), vectors, None)
    return dict(zip([image.id for image in images], owner.tolist(), strict=True))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures") / "images"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(160):
        Image.fromarray(draw.integers(0, 255, (4, 4, 3), np.uint8)).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def scene(pictures: Path, tmp_path: Path) -> tuple[Path, dict[int, int]]:
    """Return a project with a control sample of 10, a request of 120, and embeddings in a run folder."""
    project = tmp_path / "project"
    init_project(project, dataset_folder=pictures, control=10)
    with writing(project) as db, transaction(db):
        rows = db.execute("SELECT id FROM image WHERE split = 'unlabeled' ORDER BY id LIMIT 120")
        add_request(db, [NewItem(row["id"]) for row in rows], purpose="train", strategy="random")
        for number, name in enumerate(("cat", "dog", "owl")):
            add_class(db, number, name, None, None)
    cluster = embed(project, project / "runs" / "embed-1")
    return project, cluster


def queue(project: Path) -> list[int]:
    with reading(project) as db:
        rows = db.execute(
            """SELECT image FROM request_item JOIN request ON request.id = request WHERE purpose = 'train' AND free > 0
               ORDER BY coalesce(turn, rank)"""
        )
        return [row["image"] for row in rows]


def label_clusters(ann: Tab, cluster: dict[int, int], items: list[dict[str, object]]) -> None:
    names = ("cat", "dog", "owl")
    for item in items:
        ann.label(item, names[cluster[int(str(item["image"]))]])


@pytest.fixture
def opened(scene: tuple[Path, dict[int, int]]) -> Iterator[tuple[Project, dict[int, int], Callable[[str], Tab]]]:
    from starlette.testclient import TestClient

    with Project(scene[0]) as project:
        app = build_app(project, pages=False)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield project, scene[1], lambda name: Tab(client, name)


def control_answered(ann: Tab, cluster: dict[int, int]) -> None:
    label_clusters(ann, cluster, ann.lease(10))


def fitted_by_saying(tab: Tab, image: int) -> Any:
    """Flag an image and return the time of the newest fit that the answer tells, None before the first."""
    flag = {"uuid": str(uuid.uuid4()), "kind": "flag", "image": image}
    return tab.post("/api/labels", {"client": tab.id, "events": [flag]})["fitted"]


def test_guesses_and_order_follow_twenty_labels(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    """The whole way: labels through the API start the process, which answers through the API."""
    project, cluster, open_tab = opened
    ann, bob = open_tab("Ann"), open_tab("Bob")
    control_answered(ann, cluster)
    held = bob.lease(5)
    before = queue(project.paths.folder)
    label_clusters(ann, cluster, ann.lease(25))
    until(lambda: fitted_by_saying(ann, held[0]["image"]) is not None, "the probe did not fit; probe.log says why")
    assert ann.get("/api/progress")["fitted"] is not None
    answer = bob.get("/api/guesses", image=[item["image"] for item in held])
    names = {number: name for name, number in ann.classes.items()}
    right = [names[of["guesses"][0]["class"]] == ("cat", "dog", "owl")[cluster[of["image"]]] for of in answer["images"]]
    assert len(right) == 5
    assert sum(right) >= 4
    assert bob.lease(5)[0]["image"] == held[0]["image"], "what is on hand stays"
    after = queue(project.paths.folder)
    assert set(after) < set(before)
    assert after != [image for image in before if image in after], "the rest has another order"
    assert ann.get("/api/guesses", image=[held[0]["image"]])["images"] == [], "only what I hold"


def refit(project: Path) -> process.Refit | None:
    with writing(project) as db:
        return Learner(db, project / "runs" / "embed-1").refit(db)


def test_the_control_sample_neither_teaches_nor_is_touched(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, cluster, open_tab = opened
    folder = project.paths.folder
    ann = open_tab("Ann")
    label_clusters(ann, cluster, ann.lease(5))
    assert refit(folder) is None, "blind answers are no labels to learn from"
    blind = ann.lease(5)
    for image in list(cluster)[:30]:
        if image not in {item["image"] for item in blind}:
            ann.say({"kind": "label", "image": image, "class": cluster[image], "source": "browse"})
    done = refit(folder)
    assert done is not None
    with reading(folder) as db:
        control = [row["image"] for row in db.execute("SELECT image FROM request_item WHERE request = 1")]
        assert all(guesses_of(db, image) == () for image in control)
        assert db.execute("SELECT count(*) FROM request_item WHERE request = 1 AND turn IS NOT NULL").fetchone()[0] == 0
        assert newest_fit(db) is not None
    assert ann.get("/api/guesses", image=[item["image"] for item in blind])["images"] == []


def test_every_fit_gives_turns_anew_and_is_named_in_events(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, cluster, open_tab = opened
    folder = project.paths.folder
    ann = open_tab("Ann")
    control_answered(ann, cluster)
    label_clusters(ann, cluster, ann.lease(20))
    first = refit(folder)
    assert first is not None
    assert first.turns == min(100, len(queue(folder)))
    leased = ann.lease(20)
    assert [item["image"] for item in leased] != []
    label_clusters(ann, cluster, leased)
    assert refit(folder) is not None
    with reading(folder) as db:
        stages = {
            row[0]
            for row in db.execute(
                "SELECT stage FROM label_event JOIN run ON run.id = label_event.run WHERE image = ?",
                (leased[0]["image"],),
            )
        }
        turned = db.execute("SELECT image FROM request_item WHERE turn IS NOT NULL AND free > 0").fetchall()
    assert stages == {"probe"}
    assert not {row["image"] for row in turned} & {item["image"] for item in leased}


def test_what_was_said_before_the_process_was_there_counts(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, cluster, open_tab = opened
    ann = open_tab("Ann")
    control_answered(ann, cluster)
    label_clusters(ann, cluster, ann.lease(20))
    project.write(lambda db: db.execute("DELETE FROM project WHERE key = 'probe'").rowcount)
    said: list[str] = []
    process.learn(project.paths.folder, 1.0, said.append)
    assert any("20 labels in" in line for line in said), said


def test_the_process_ends_when_nobody_labels(scene: tuple[Path, dict[int, int]]) -> None:
    said: list[str] = []
    started = time.monotonic()
    process.learn(scene[0], 0.3, said.append)
    assert time.monotonic() - started < 20
    assert said


def say_some_wrong(ann: Tab, cluster: dict[int, int]) -> set[int]:
    """Label 140 images by their clusters, five of them wrongly, and return those."""
    images = list(cluster)[-140:]
    wrong = images[5::30]
    for image in images:
        label = (cluster[image] + (image in wrong)) % 3
        ann.say({"kind": "label", "image": image, "class": label, "source": "browse"})
    return set(wrong)


def test_labels_are_judged_when_embeddings_are_taken_up(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, cluster, open_tab = opened
    ann = open_tab("Ann")
    wrong = say_some_wrong(ann, cluster)
    count = import_embeddings(project.paths.folder, project.paths.runs / "embed-1").suspects
    assert count >= 3
    shown = ann.get("/api/images", suspect=True)
    assert shown["total"] == len(shown["images"]) == count
    assert {row["image"] for row in shown["images"]} <= wrong
    assert all(row["suspect"]["class"] == cluster[row["image"]] for row in shown["images"])
    first = shown["images"][0]["image"]
    assert ann.get(f"/api/images/{first}")["suspect"]["probability"] > 0.5
    start = ann.get("/api/start")
    assert start["suspects"] == ann.get("/api/progress")["suspects"] == count
    assert f"{count} labels look wrong beside the others" in start["next"]["why"]
    for image in wrong:
        ann.say({"kind": "confirm", "image": image, "class": (cluster[image] + 1) % 3, "source": "review"})
    assert import_embeddings(project.paths.folder, project.paths.runs / "embed-1").suspects == 0, "review decided"


def test_labels_are_judged_when_people_rest(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "QUIET", 0.1)
    project, cluster, open_tab = opened
    ann = open_tab("Ann")
    wrong = say_some_wrong(ann, cluster)
    said: list[str] = []
    process.learn(project.paths.folder, 1.0, said.append)
    shown = {row["image"] for row in ann.get("/api/images", suspect=True)["images"]}
    assert shown
    assert shown <= wrong
    assert said.count(f"{len(shown)} suspect labels") == 1, "once, as nobody said anything more"


def test_it_starts_though_the_cache_was_deleted(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, _, _ = opened
    shutil.rmtree(project.paths.cache)
    probing = Probing(project)
    probing.start()
    assert probing._process is not None
    probing.stop()


def test_what_one_person_said_does_not_come_to_the_next_one_as_a_guess(
    opened: tuple[Project, dict[int, int], Callable[[str], Tab]],
) -> None:
    project, cluster, open_tab = opened
    folder = project.paths.folder
    ann, bob = open_tab("Ann"), open_tab("Bob")
    control_answered(ann, cluster)
    label_clusters(ann, cluster, ann.lease(20))
    with writing(folder) as db, transaction(db):
        (image,) = db.execute("SELECT id FROM image WHERE state = 'none' ORDER BY id DESC LIMIT 1").fetchone()
        add_request(db, [NewItem(image)], purpose="repeat", strategy="random", overlap=2)
    ann.post("/api/release", {"client": ann.id})
    assert image in {item["image"] for item in bob.lease(200)}
    assert refit(folder) is not None
    with reading(folder) as db:
        before = guesses_of(db, image)
    wrong = (cluster[image] + 1) % 3
    ann.say({"kind": "label", "image": image, "class": wrong, "source": "browse"})
    assert refit(folder) is not None
    with reading(folder) as db:
        assert guesses_of(db, image) == before != ()
