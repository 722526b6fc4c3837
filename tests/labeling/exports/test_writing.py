"""Exports hold what people said, of one moment, and nothing they did not say."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from barlowmatch.data.classes import LARGEST_LABEL, ImageClass
from barlowmatch.errors import InputError
from barlowmatch.events import Progress, Said, silent
from benchmarks.labeling_server import write_project
from labeling.exports.writing import _numbers, export
from labeling.project import reading, writing
from storage.classes import add_class
from storage.clock import instant
from storage.database import transaction
from storage.events import record
from storage.images import all_images, find_images
from storage.people import find_or_add_person
from storage.records import Sent

Command = Callable[..., Any]


@pytest.fixture
def labeled(folder: Path) -> Path:
    """Return a project with a class that no folder can be called by, and every state an image may be in."""
    with writing(folder) as db, transaction(db):
        add_class(db, 7, "../a:b?", None, None)
        cat = db.execute("SELECT id FROM class WHERE name = 'cat'").fetchone()["id"]
        people = [find_or_add_person(db, name).id for name in ("Ann", "Bob")]
        said: list[tuple[int, str, Any]] = [
            (0, "000", cat),
            (0, "001", 7),
            (0, "002", 7),
            (1, "002", cat),
            (0, "003", None),
        ]
        for place, (who, name, class_id) in enumerate(said):
            (image,) = find_images(db, [f"unlabeled/{name}.png"])
            kind: Any = "reject" if class_id is None else "label"
            sent = Sent(f"{place:08d}-0000-4000-8000-000000000000", b"", kind, people[who], image=image,
                        class_id=class_id, source="browse")  # fmt: skip
            record(db, sent, instant(), 60)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth(folder: Path) -> dict[str, str]:
    """Return label by content, as the project says."""
    with reading(folder) as db:
        names = {row["id"]: row["name"] for row in db.execute("SELECT id, name FROM class")}
        return {
            image.sha256: names[image.label.class_id] for image in all_images(db) if image.label.class_id is not None
        }


@pytest.mark.parametrize("kind", ["folders", "seed", "csv"])
def test_an_export_says_what_people_said(labeled: Path, kind: Any) -> None:
    events: list[Any] = []
    summary = export(labeled, kind, "out", events.append)
    folder = labeled / "exports" / "out"
    manifest = rows(folder / "manifest.csv")
    assert {row["sha256"]: row["label"] for row in manifest if row["label"]} == truth(labeled)
    for row in manifest:
        content = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert summary["left_out"] == {"disputed": 1, "none of the classes": 1}
    assert (summary["labeled"], summary["images"]) == (12, 12 if kind == "folders" else 38)
    assert json.loads((folder / "export.json").read_text())["event"] == summary["event"] == 15
    labels = rows(folder / "labels.csv")
    assert {row["file"]: row["label"] for row in labels} == {
        row["file"]: row["label"] for row in manifest if row["label"]
    }
    if kind == "seed":
        check_label_tensors(folder, manifest)
    if kind != "csv":
        assert [event.done for event in events if isinstance(event, Progress)][-1] == summary["images"]


def check_label_tensors(folder: Path, manifest: list[dict[str, str]]) -> None:
    """The numbers of the images lead to their labels, by the ids of the classes."""
    ids = {row["name"]: int(row["id"]) for row in rows(folder / "classes.csv")}
    for split in ("train", "val"):
        known = {int(Path(row["file"]).stem): ids[row["label"]] for row in manifest if row["split"] == split}
        tensor = torch.load(folder / f"{split}_label_tensor.pt", weights_only=True)
        assert tensor.tolist() == [known[number] for number in range(len(known))]


def test_ids_too_large_for_a_label_tensor_become_places() -> None:
    fitting = (ImageClass(3, "a"), ImageClass(LARGEST_LABEL, "b"))
    assert _numbers(fitting) == fitting
    assert _numbers((*fitting, ImageClass(LARGEST_LABEL + 1, "c"))) == tuple(map(ImageClass, range(3), "abc"))


@pytest.mark.parametrize("kind", [pytest.param("seed", marks=pytest.mark.slow), "csv"])
def test_training_reads_an_export_as_it_was_meant(labeled: Path, barlowmatch: Command, kind: Any) -> None:
    """`inspect` sees the same labels by the manifest or, in the seed's layout, by its tensors."""
    export(labeled, kind, "out", silent)
    folder = labeled / "exports" / "out"
    source = ("--dataset-folder", folder) if kind == "seed" else ("--manifest", folder / "manifest.csv")
    done = barlowmatch("inspect", *source, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    counts = {item["name"]: sum(item["labels"].values()) for item in report["classes"]}
    assert counts == {"cat": 6, "dog": 5, "../a:b?": 1}
    assert report["splits"]["train"]["labeled"] == 8
    assert report["splits"]["val"]["labeled"] == 4


def test_a_classifier_trains_on_an_export(labeled: Path, barlowmatch: Command, tmp_path: Path) -> None:
    export(labeled, "folders", "out", silent)
    done = barlowmatch(
        "train-classifier", "--preset", "quick", "--manifest", labeled / "exports" / "out" / "manifest.csv",
        "--backbone", "resnet18_quarter", "--image-size", "16", "--num-epochs", "1", "--batch-size", "4",
        "--train-from-start", "1", "--checkpoint-path", tmp_path / "c.pt", "--best-path", tmp_path / "b.pt",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.pt").is_file()


def test_a_replaced_file_never_gets_the_label_of_another(labeled: Path) -> None:
    root = labeled / "dataset"
    copy = labeled.parent / "images"
    import shutil

    shutil.copytree(root, copy)
    with writing(labeled) as db, transaction(db):
        db.execute("UPDATE project SET value = json_quote(?) WHERE key = 'root'", (str(copy),))
    (copy / "unlabeled" / "000.png").write_bytes((copy / "unlabeled" / "009.png").read_bytes())
    (copy / "train" / "cat" / "0.png").unlink()
    summary = export(labeled, "seed", "out", silent)
    assert summary["left_out"] == {
        "disputed": 1, "none of the classes": 1, "its file is gone": 1,
        "its file has other content than when it was indexed": 1,
    }  # fmt: skip
    manifest = rows(labeled / "exports" / "out" / "manifest.csv")
    known = truth(labeled)
    assert all(known[row["sha256"]] == row["label"] for row in manifest if row["label"])
    numbers = sorted(int(Path(row["file"]).stem) for row in manifest if row["split"] == "train")
    assert numbers == list(range(len(numbers))), "numbers have no gaps"


def test_an_export_is_not_overwritten_and_leaves_nothing_when_it_fails(labeled: Path) -> None:
    export(labeled, "csv", "out", silent)
    with pytest.raises(InputError, match="exists already"):
        export(labeled, "csv", "out", silent)
    (labeled / "exports" / "stuck").write_text("in the way")
    with pytest.raises(InputError, match="exists already"):
        export(labeled, "csv", "stuck", silent)
    assert sorted(path.name for path in (labeled / "exports").iterdir()) == ["out", "stuck"]


@pytest.mark.parametrize("kind", ["folders", "seed", "csv"])
def test_nothing_that_networks_are_judged_by_is_learned_from(labeled: Path, kind: Any) -> None:
    """As in the app: no copy of a picture kept for val is trained on."""
    with writing(labeled) as db, transaction(db):
        (judged,) = db.execute("SELECT sha256 FROM image WHERE split = 'val' AND class IS NOT NULL LIMIT 1").fetchone()
        (copy,) = find_images(db, ["unlabeled/000.png"])
        db.execute("UPDATE image SET sha256 = ? WHERE id = ?", (judged, copy))
    summary = export(labeled, kind, "out", silent)
    written = rows(labeled / "exports" / "out" / "manifest.csv")
    assert [row["split"] for row in written if row["sha256"] == judged] == ["val"]
    assert summary["left_out"]["the same picture as one kept for val or test"] == 1
    assert summary["warning"] is None


@pytest.mark.parametrize("kind", ["folders", "seed", "csv"])
def test_a_group_that_is_learned_from_and_judged_by_is_no_group_and_that_is_said(labeled: Path, kind: Any) -> None:
    """The other groups are written."""
    with writing(labeled) as db, transaction(db):
        for group, where in (
            ("plate 1", "split = 'val'"), ("plate 2", "split = 'train'"), ("plate 3", "split = 'unlabeled'"),
            ("plate 4", "id IN (SELECT min(id) FROM image WHERE class IS NOT NULL GROUP BY split)"),
        ):  # fmt: skip
            db.execute(f'UPDATE image SET "group" = ? WHERE {where}', (group,))
        across = {row[0] for row in db.execute("SELECT sha256 FROM image WHERE \"group\" = 'plate 4'")}
    said: list[Any] = []
    summary = export(labeled, kind, "out", said.append)
    written = rows(labeled / "exports" / "out" / "manifest.csv")
    plates = {"val": "plate 1", "train": "plate 2", "unlabeled": "plate 3"}
    with reading(labeled) as db:
        splits = {image.sha256: image.split for image in all_images(db)}
    assert [row["group"] for row in written] == [
        "" if row["sha256"] in across else plates[splits[row["sha256"]]] for row in written
    ]
    count = sum(row["sha256"] in across for row in written)
    assert count == 3
    expected = (
        "1 group is both learned from and judged by (plate 4): the manifest names no group for 3 images, and figures "
        "on them may flatter"
    )
    assert summary["warning"] == expected
    assert [event.message for event in said if isinstance(event, Said)] == [expected]


def test_nothing_labeled_is_said(tmp_path: Path) -> None:
    write_project(tmp_path / "p", images=5)
    with pytest.raises(InputError, match="nothing is labeled yet"):
        export(tmp_path / "p", "folders", "out", silent)


@pytest.mark.parametrize("kind", ["folders", "seed", "csv"])
def test_images_that_are_away_are_no_empty_export(labeled: Path, tmp_path: Path, kind: Any) -> None:
    """Their folder is not there; or it is, as that of a disk which is not connected, and has nothing in it."""
    root = tmp_path / "disk"
    with writing(labeled) as db, transaction(db):
        db.execute("UPDATE project SET value = json_quote(?) WHERE key = 'root'", (str(root),))
    with pytest.raises(InputError, match="disk: the folder of the images is not there; connect"):
        export(labeled, kind, "out", silent)
    root.mkdir()
    if kind != "csv":
        with pytest.raises(InputError, match="disk: no labeled image in it is as it was indexed; connect"):
            export(labeled, kind, "out", silent)
        assert list((labeled / "exports").iterdir()) == []


@pytest.mark.parametrize(("kind", "copied"), [("folders", 12), ("seed", 38), ("csv", 0)])
def test_a_disk_too_small_for_the_copies_is_said_before_it_is_full(labeled: Path, kind: Any, copied: int) -> None:
    with writing(labeled) as db, transaction(db):
        db.execute("UPDATE image SET bytes = ?", (10**15,))
    if not copied:
        assert export(labeled, kind, "out", silent)["labeled"] == 12
        return
    with pytest.raises(InputError, match=f"copying {copied} images needs {copied},000,000.2 GB free, and .* GB are;"):
        export(labeled, kind, "out", silent)
    assert list((labeled / "exports").iterdir()) == []
