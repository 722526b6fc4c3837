"""What a strategy may choose from is what needs an answer now, and what it chose is asked for as it was shown."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass
from barlowmatch.data.tables import read_table
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.events import silent
from barlowmatch.selection.catalog import CATALOG
from labeling.configs import ChooseConfig
from labeling.embeddings.newest import newest_embeddings
from labeling.project import Project, ProjectFolder, reading
from labeling.requests.choosing import choose as choose_on_the_command_line
from labeling.requests.pool import ASKED, write_pool
from storage.database import Database
from storage.images import all_images
from storage.requests import draw_unlabeled
from storage.splits import count_drawable
from tests.labeling.conftest import Tab, new
from tests.labeling.embeddings.test_importing import write as write_embeddings
from tests.waiting import until

CLASSES = (ImageClass(0, "cat"), ImageClass(1, "dog"))
FREE = 10
"""Unlabeled images of the project that no request asks about."""


@pytest.fixture
def embedded(folder: Path) -> Path:
    """Return a project with embeddings among its runs."""
    write_embeddings(folder / "runs" / "embed-20260101T000000Z-0a0a0a" / "embeddings", folder, CLASSES)
    return folder


def free_images(db: Database) -> set[int]:
    """Return the images that may be asked for, found the slow way."""
    asked = {row["image"] for row in db.execute("SELECT image FROM request_item WHERE left > 0")}
    return {
        image.id
        for image in all_images(db)
        if image.label.state == "none" and image.split in ("train", "unlabeled") and image.id not in asked
    }


def choose(tab: Tab, strategy: str, budget: int, **parameters: Any) -> dict[str, Any]:
    """Let a strategy choose and wait for it."""
    wish = {"uuid": str(uuid.uuid4()), "strategy": strategy, "budget": budget, "parameters": parameters}
    tab.post("/api/choice", wish, 202)
    choice: dict[str, Any] = until(lambda: (now := tab.get("/api/choice"))["chore"]["state"] != "running" and now)
    assert choice["uuid"] == wish["uuid"]
    return choice


def test_a_pool_is_what_the_project_knows_now(embedded: Path, project: Project, ann: Tab, tmp_path: Path) -> None:
    before = read_embeddings(embedded / "runs" / "embed-20260101T000000Z-0a0a0a" / "embeddings")
    labeled, rejected = ann.lease(2)
    ann.label(labeled, "cat")
    ann.say({"kind": "reject", "image": rejected["image"], "lease": rejected["lease"]})
    (tmp_path / "pool").mkdir()
    with reading(embedded) as db:
        found = newest_embeddings(ProjectFolder(embedded), db)
        assert found is not None
        assert (found.name, found.rows, found.classifies) == ("embed-20260101T000000Z-0a0a0a", 40, True)
        pool = write_pool(db, found.folder, tmp_path / "pool")
        assert {image.id for image in pool.images.values()} == free_images(db)
        kept = {image.id for image in all_images(db) if image.split == "val"}
        asked = {row["image"] for row in db.execute("SELECT image FROM request_item WHERE left > 0")} - kept
    after = read_embeddings(tmp_path / "pool")
    assert pool.labeled == 7
    np.testing.assert_array_equal(after.vectors.take(np.arange(40)), before.vectors.take(np.arange(40)))
    row = before.table.files.index(f"elsewhere/{labeled['image']}.png")
    assert (after.table.splits[row], after.table.labels[row]) == ("train", "cat")
    splits = {int(Path(file).stem): split for file, split in zip(after.table.files, after.table.splits, strict=True)}
    assert splits[rejected["image"]] == "test"
    waiting = {int(Path(file).stem) for file in read_table(tmp_path / "pool" / ASKED).columns["file"]}
    assert waiting == asked > set()
    assert {splits[image] for image in waiting} == {"unlabeled"}
    assert {splits[image] for image in kept} == {"val"}
    assert after.probabilities is not None


def test_probabilities_of_other_classes_are_not_used(
    embedded: Path, project: Project, ann: Tab, tmp_path: Path
) -> None:
    ann.post("/api/classes", {"uuid": str(uuid.uuid4()), "name": "fox"})
    ann.classes["fox"] = next(c["id"] for c in ann.get("/api/classes")["classes"] if c["name"] == "fox")
    (tmp_path / "pool").mkdir()
    (tmp_path / "later").mkdir()
    with reading(embedded) as db:
        found = newest_embeddings(ProjectFolder(embedded), db)
        assert found is not None
        write_pool(db, found.folder, tmp_path / "pool")
    ann.label(ann.lease(1)[0], "fox")
    with reading(embedded) as db:
        write_pool(db, found.folder, tmp_path / "later")
    assert read_embeddings(tmp_path / "pool").probabilities is not None, "nobody gave the new class yet"
    later = read_embeddings(tmp_path / "later")
    assert later.probabilities is None
    assert {item.name for item in later.classes} == {"cat", "dog", "fox"}


def test_what_was_chosen_is_asked_for_without_what_was_dropped(embedded: Path, project: Project, ann: Tab) -> None:
    with reading(embedded) as db:
        free = free_images(db)
    choice = choose(ann, "typiclust", 6, neighbours=3)
    assert (choice["chore"]["state"], choice["count"], choice["free"]) == ("done", 6, FREE)
    assert choice["parameters"] == {"neighbours": 3}
    page = ann.get(f"/api/choice/{choice['uuid']}/images", limit=4)
    rest = ann.get(f"/api/choice/{choice['uuid']}/images", after=4)
    shown = page["images"] + rest["images"]
    assert [item["rank"] for item in shown] == [1, 2, 3, 4, 5, 6]
    assert {item["image"] for item in shown} <= free
    assert all(item["reason"].startswith("typical of a cluster") for item in shown)
    wish = {"uuid": str(uuid.uuid4()), "choice": choice["uuid"], "drop": [shown[1]["image"]], "overlap": 2}
    made = ann.post("/api/choice/request", wish, 201)
    assert made["items"] == 5
    assert ann.post("/api/choice/request", wish, 201) == made, "sent again it is the same request"
    with project.reading() as db:
        rows = db.execute("SELECT * FROM request_item WHERE request = ? ORDER BY rank", (made["id"],)).fetchall()
        request = db.execute("SELECT * FROM request WHERE id = ?", (made["id"],)).fetchone()
    kept = [item for item in shown if item is not shown[1]]
    assert [(row["image"], row["score"], row["reason"]) for row in rows] == [
        (item["image"], item["score"], item["reason"]) for item in kept
    ]
    assert (request["purpose"], request["strategy"], request["overlap"]) == ("train", "typiclust", 2)


def test_random_needs_no_embeddings_and_is_uniform_over_what_is_free(folder: Path, project: Project, ann: Tab) -> None:
    choice = choose(ann, "random", 1000)
    assert (choice["count"], choice["free"]) == (FREE, FREE)
    with project.reading() as db:
        assert count_drawable(db) == len(draw_unlabeled(db, 1000)) == len(free_images(db)) == FREE
    made = ann.post("/api/choice/request", {"uuid": str(uuid.uuid4()), "choice": choice["uuid"]}, 201)
    assert made["items"] == FREE
    failed = choose(ann, "random", 5)
    assert failed["chore"]["state"] == "failed"
    assert "no image is left to ask for" in failed["chore"]["message"]


def test_the_list_is_the_catalogue_and_says_what_is_missing(folder: Path, project: Project, ann: Tab) -> None:
    listed = ann.get("/api/strategies")
    assert [item["name"] for item in listed["strategies"]] == list(CATALOG)
    assert listed["embeddings"] is None
    assert {item["name"] for item in listed["strategies"] if item["lacks"] is None} == {"random"}
    write_embeddings(folder / "runs" / "x", folder, CLASSES)
    listed = ann.get("/api/strategies")
    assert listed["embeddings"]["rows"] == 40
    assert all(item["lacks"] is None for item in listed["strategies"])
    assert (listed["free"], listed["labeled"], listed["images"]) == (FREE, 10, 40)


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"strategy": "typiclust", "parameters": {"neighbours": 0}}, 422, "neighbours"),
        ({"strategy": "typiclust", "parameters": {"colour": "red"}}, 422, "colour"),
        ({"strategy": "best"}, 404, "strategy"),
        ({"strategy": "random", "budget": 0}, 422, "budget"),
    ],
)
def test_a_bad_wish_starts_nothing(ann: Tab, wish: dict[str, Any], status: int, field: str) -> None:
    answer = ann.post("/api/choice", {"uuid": str(uuid.uuid4()), "budget": 5, **wish}, status)
    assert answer["field"] == field
    assert ann.get("/api/choice")["chore"]["state"] == "never"


def test_a_choice_is_requested_only_while_it_is_the_one_shown(folder: Path, ann: Tab) -> None:
    first = choose(ann, "random", 3)
    choose(ann, "random", 4)
    body = {"uuid": str(uuid.uuid4()), "choice": first["uuid"]}
    assert "another choice" in ann.post("/api/choice/request", body, 409)["error"]


def test_a_request_sent_again_is_answered_as_before_though_another_choice_was_made(folder: Path, ann: Tab) -> None:
    body = {"uuid": str(uuid.uuid4()), "choice": choose(ann, "random", 3)["uuid"]}
    made = ann.post("/api/choice/request", body, 201)
    choose(ann, "random", 4)
    assert ann.post("/api/choice/request", body, 201) == made


def test_a_choice_is_written_where_there_is_no_folder_yet(embedded: Path, tmp_path: Path) -> None:
    to = tmp_path / "requests" / "first" / "random.csv"
    shutil.rmtree(embedded / "cache")  # as anybody may
    choose_on_the_command_line(ChooseConfig(project=embedded, strategy="k-center", budget=2, to=to), silent)
    assert len(read_table(to)) == 2
    assert not list(embedded.glob("**/pool-*"))


def test_a_choice_can_be_stopped(embedded: Path, ann: Tab) -> None:
    wish = {"uuid": str(uuid.uuid4()), "strategy": "auto", "budget": 5}
    assert ann.post("/api/choice", wish, 202)["chore"]["state"] == "running"
    assert ann.post("/api/choice/stop", {"uuid": wish["uuid"]})["chore"]["state"] == "stopped"
    assert choose(ann, "random", 2)["count"] == 2


def test_a_simulation_of_the_project_is_shown(folder: Path, ann: Tab) -> None:
    assert ann.get("/api/simulation") == {"name": None, "curves": {}}
    run = folder / "runs" / "simulate-20260101T000000Z-0b0b0b"
    run.mkdir(parents=True)
    lines = ["strategy,budget,accuracy,accuracy_low,accuracy_high", "auto,10,0.5,0.4,0.6", "auto,20,0.7,0.6,0.8"]
    lines.append("random,10,0.4,,")  # of one repetition
    (run / "curves.csv").write_text("\n".join(lines))
    found = ann.get("/api/simulation")
    assert found["name"] == run.name
    assert found["curves"]["auto"][1] == {"labels": 20, "accuracy": 0.7, "low": 0.6, "high": 0.8}
    assert found["curves"]["random"] == [{"labels": 10, "accuracy": 0.4, "low": None, "high": None}]


def test_pictures_that_people_answered_are_asked_again_so_that_agreement_is_known(
    ann: Tab, open_tab: Callable[[str], Tab]
) -> None:
    """Neither those that came with their label nor those that judge."""
    wish = {"uuid": new(), "again": 10, "overlap": 2}
    refused = ann.post("/api/requests", wish, 409)
    assert (refused["error"], refused["field"]) == ("there is no picture to ask about again", "again")
    answered = [item["image"] for item in ann.lease(3) if ann.label(item, "cat")]
    assert ann.post("/api/requests", wish) == {"id": 2, "items": 3, "left_out": {}}
    assert ann.post("/api/requests", wish)["id"] == 2
    ann.post("/api/requests", wish | {"uuid": new()}, 409)
    assert ann.get("/api/requests")["requests"][-1]["purpose"] == "repeat"

    bob = open_tab("Bob")
    ann.post("/api/release", {"client": ann.id})
    again = [item for item in bob.lease(20) if item["purpose"] == "repeat"]
    assert sorted(item["image"] for item in again) == sorted(answered)
    for item, name in zip(again, ("cat", "cat", "dog"), strict=True):
        bob.label(item, name)
    (pair,) = bob.get("/api/pace")["pairs"]
    assert (pair["same"]["count"], pair["same"]["share"]) == (3, pytest.approx(2 / 3))
