"""Manifests: what a run learns from and is judged by, as the project knew it at one label event."""

import shutil
from pathlib import Path

from barlowmatch.data.tables import read_table
from labeling.dataset.indexing import init_project
from labeling.project import reading, writing
from labeling.runs.manifests import read_facts, write_manifest
from storage.database import transaction


def test_a_manifest_keeps_validation_images_and_their_copies_out_of_training(dataset: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(dataset, images)
    shutil.copy(images / "val/cat/0.png", images / "unlabeled/copy.png")
    init_project(tmp_path / "p", dataset_folder=images)
    with reading(tmp_path / "p") as db:
        manifest = write_manifest(db, tmp_path)
        event = db.execute("SELECT max(id) FROM label_event").fetchone()[0]
    table = read_table(tmp_path / "manifest.csv")
    splits = dict(zip(table.columns["file"], table.columns["split"], strict=True))

    assert "dataset/unlabeled/copy.png" not in splits
    assert splits["dataset/val/cat/0.png"] == "val"
    assert splits["dataset/train/dog/1.png"] == "train"
    assert (tmp_path / "dataset/train/dog/1.png").is_file()
    assert manifest == read_facts(tmp_path)
    assert (manifest.event, manifest.images, manifest.labels) == (event, 40, {"train": 6, "val": 4})


def test_a_manifest_names_groups_where_the_stage_holds_out_beside_a_test_split(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "val/cat", tmp_path / "images/test/cat/plate 1")
    shutil.copytree(dataset / "unlabeled", tmp_path / "images/unlabeled/plate 2")
    init_project(tmp_path / "p", dataset_folder=tmp_path / "images", group_by="folder", control=0)
    with reading(tmp_path / "p") as db:
        write_manifest(db, tmp_path)
    columns = read_table(tmp_path / "manifest.csv").columns
    assert set(zip(columns["split"], columns["group"], strict=True)) == {("test", "plate 1"), ("unlabeled", "plate 2")}


def test_a_group_on_both_sides_is_not_named_and_the_others_are(dataset: Path, tmp_path: Path) -> None:
    init_project(tmp_path / "p", dataset_folder=dataset)
    with writing(tmp_path / "p") as db, transaction(db):
        db.execute("UPDATE image SET \"group\" = 'plate 1' WHERE split = 'unlabeled'")
        db.execute("UPDATE image SET \"group\" = 'plate 2' WHERE split <> 'unlabeled'")
    with reading(tmp_path / "p") as db:
        write_manifest(db, tmp_path)
    columns = read_table(tmp_path / "manifest.csv").columns
    found = set(zip(columns["split"], columns["group"], strict=True))
    assert found == {("unlabeled", "plate 1"), ("train", ""), ("val", "")}
