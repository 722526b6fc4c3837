"""Importing labels: looked at first, stored once, taken back whole; people's answers stay."""

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from labeling.dataset.importing import Choice, register, store
from labeling.project import reading, writing
from storage.checks import find_faults
from storage.database import transaction
from storage.settings import get_setting, put_setting
from tests.labeling.api.test_dataset import finished, fresh
from tests.labeling.conftest import Tab

TABLE = """file,label
unlabeled/000.png,cat
./unlabeled/001.png,DOG
unlabeled/002.png,heron
unlabeled/003.png,cat
unlabeled/003.png,dog
unlabeled/004.png,
nowhere.png,cat
train/cat/0.png,cat
train/cat/1.png,dog
val/cat/0.png,cat
"""


def look(tab: Tab, table: str, parts: int = 3) -> str:
    """Upload a table in parts and have it looked at; return the UUID of the preview."""
    own, content = fresh(), table.encode("utf-8", "surrogateescape")
    size = -(-len(content) // parts)
    for at in range(0, len(content), size):
        answer = tab.http.put(f"/api/uploads/{own}?name=new labels.csv&at={at}", content=content[at : at + size])
        assert answer.status_code == 200, answer.text
    wish = {"uuid": fresh(), "upload": own, "name": "new labels.csv"}
    tab.post("/api/imports/preview", wish, 202)
    return wish["uuid"]


def faultless(folder: Path) -> None:
    with reading(folder) as db:
        assert find_faults(db) == []


def test_a_preview_says_what_would_be_stored_and_stores_nothing(ann: Tab) -> None:
    before = ann.get("/api/progress")["event"]
    own = look(ann, TABLE)
    found = finished(ann, "/api/imports", "chore")["preview"]

    assert (found["uuid"], found["source"]) == (own, "new labels.csv")
    assert (found["rows"], found["fresh"], found["same"], found["differ"]) == (10, 3, 2, 1)
    assert found["first_unknown_files"] == ["nowhere.png"]
    assert found["first_twice"] == ["unlabeled/003.png"]
    assert found["empty"] == 1
    assert found["unknown_classes"] == [{"name": "heron", "rows": 1}]
    assert found["differing"][0]["file"] == "train/cat/1.png"
    assert (found["differing"][0]["present"], found["differing"][0]["label"]) == ("cat", "dog")
    assert ann.get("/api/progress")["event"] == before


def test_a_preview_can_be_stopped(ann: Tab) -> None:
    own = look(ann, TABLE)
    assert ann.post("/api/imports/stop", {"uuid": own})["chore"]["state"] == "stopped"
    look(ann, TABLE)
    assert finished(ann, "/api/imports", "chore")["preview"]["fresh"] == 3


def test_the_class_0_is_a_class_like_any_other(ann: Tab) -> None:
    cat, nought = ann.classes["cat"], ann.post("/api/classes", {"uuid": fresh(), "name": "0"})["id"]
    image = ann.get("/api/images", file="unlabeled/000")["images"][0]["image"]
    said = {"uuid": fresh(), "kind": "label", "image": image, "class": nought, "source": "browse"}
    ann.post("/api/labels", {"client": "tab", "events": [said]})

    look(ann, "file,label\nunlabeled/000.png,cat\n")
    (sample,) = finished(ann, "/api/imports", "chore")["preview"]["differing"]
    assert (nought, sample["present"], sample["label"]) == (0, "0", "cat")
    assert ann.post(f"/api/classes/{cat}/merge", {"uuid": fresh(), "into": nought})["id"] == nought


def test_names_that_are_no_utf8_are_shown_escaped(ann: Tab, folder: Path, tmp_path: Path) -> None:
    look(ann, "file,label\ncaf\udce9.png,cat\n")
    assert finished(ann, "/api/imports", "chore")["preview"]["first_unknown_files"] == ["caf\\xe9.png"]

    table = tmp_path / "caf\udce9.csv"
    table.write_text("file,label\nunlabeled/000.png,cat\n")
    store(folder, table, fresh(), Choice(add_classes=False, also_labeled=False), "Ann", lambda event: None)
    assert [entry["source"] for entry in ann.get("/api/imports")["imports"]] == ["caf\\xe9.csv"]


def test_the_last_import_comes_first_also_where_the_clock_was_set_back_before_it(folder: Path, tmp_path: Path) -> None:
    def bring(name: str) -> None:
        table = tmp_path / name
        table.write_text("file,label\nunlabeled/000.png,cat\n")
        store(folder, table, fresh(), Choice(add_classes=False, also_labeled=False), "Ann", lambda event: None)

    bring("first.csv")
    with writing(folder) as db, transaction(db):
        put_setting(
            db, "imports", [entry | {"time": "2999-01-01T00:00:00.000Z"} for entry in get_setting(db, "imports")]
        )
    bring("second.csv")
    with reading(folder) as db:
        assert [entry["source"] for entry in register(db)] == ["second.csv", "first.csv"]


def test_an_import_is_stored_once_and_taken_back_whole(ann: Tab, folder: Path) -> None:
    seen = look(ann, TABLE)
    finished(ann, "/api/imports", "chore")
    before = ann.get("/api/progress")["labeled"]
    own = {"uuid": fresh(), "preview": seen, "add_classes": True}
    ann.post("/api/imports", own, 202)
    ann.post("/api/imports", own, 202)
    done = finished(ann, "/api/imports", "chore")

    assert [(entry["source"], entry["by"], entry["stored"]) for entry in done["imports"]] == [
        ("new labels.csv", "Ann", 3)
    ]
    assert ann.get("/api/progress")["labeled"] == before + 3
    assert "heron" in {item["name"] for item in ann.get("/api/classes")["classes"]}
    faultless(folder)
    ann.post("/api/imports", {"uuid": fresh(), "preview": seen}, 409)

    ann.post("/api/imports/undo", {"uuid": fresh(), "id": own["uuid"]}, 202)
    undone = finished(ann, "/api/imports", "chore")
    assert undone["imports"][0]["undone"]
    assert ann.get("/api/progress")["labeled"] == before
    faultless(folder)

    again = look(ann, TABLE)
    assert finished(ann, "/api/imports", "chore")["preview"]["fresh"] == 3
    ann.post("/api/imports", {"uuid": fresh(), "preview": again}, 202)
    finished(ann, "/api/imports", "chore")
    assert ann.get("/api/progress")["labeled"] == before + 3, "taken back, it can be imported again"


def test_an_upload_is_kept_until_it_is_stored_or_another_takes_its_place(ann: Tab, folder: Path) -> None:
    def kept() -> list[str]:
        return sorted(path.read_text() for path in (folder / "cache" / "uploads").glob("*/*"))

    look(ann, "name,what\na,b\n")
    finished(ann, "/api/imports", "chore")
    assert len(kept()) == 1
    seen = look(ann, TABLE)
    finished(ann, "/api/imports", "chore")
    assert kept() == [TABLE]

    ann.post("/api/imports", {"uuid": fresh(), "preview": seen}, 202)
    assert finished(ann, "/api/imports", "chore")["chore"]["state"] == "done"
    assert kept() == []


def test_an_upload_that_was_broken_off_goes_when_another_begins_a_week_later(ann: Tab, folder: Path) -> None:
    uploads = folder / "cache" / "uploads"
    fresh_one, old_one = fresh(), fresh()
    for own in (fresh_one, old_one):
        assert ann.http.put(f"/api/uploads/{own}?name=l.csv&at=0", content=b"file,label\n").status_code == 200
    week_ago = time.time() - 7 * 24 * 3600 - 60
    for path in (uploads / old_one / "l.csv", uploads / old_one):
        os.utime(path, (week_ago, week_ago))
    seen = look(ann, TABLE)
    assert {path.name for path in uploads.iterdir()} >= {fresh_one}
    assert old_one not in {path.name for path in uploads.iterdir()}
    finished(ann, "/api/imports", "chore")
    assert ann.get("/api/imports")["preview"]["uuid"] == seen


def test_a_table_of_the_users_own_is_never_removed(ann: Tab, folder: Path, tmp_path: Path) -> None:
    tables = [tmp_path / "a.csv", folder / "cache" / "b.csv"]
    for table in tables:
        table.write_text(TABLE)
        seen = {"uuid": fresh(), "path": str(table)}
        ann.post("/api/imports/preview", seen, 202)
        finished(ann, "/api/imports", "chore")
    (folder / "cache" / "uploads").mkdir()
    crooked = {"uuid": fresh(), "path": str(folder / "cache" / "uploads" / ".." / "b.csv")}
    ann.post("/api/imports/preview", crooked, 202)
    finished(ann, "/api/imports", "chore")
    ann.post("/api/imports", {"uuid": fresh(), "preview": crooked["uuid"]}, 202)
    assert finished(ann, "/api/imports", "chore")["imports"][0]["stored"] == 2
    assert all(table.is_file() for table in tables)


def test_what_people_said_is_left_alone_unless_told_otherwise(ann: Tab, folder: Path) -> None:
    item = ann.lease(1)[0]
    ann.label(item, "cat")
    table = f"file,label\n{item['file']},dog\ntrain/cat/1.png,dog\n"
    for also, states in ((False, ["labeled", "cat"]), (True, ["disputed", "dog"])):
        seen = look(ann, table)
        finished(ann, "/api/imports", "chore")
        ann.post("/api/imports", {"uuid": fresh(), "preview": seen, "also_labeled": also}, 202)
        finished(ann, "/api/imports", "chore")
        asked = ann.get(f"/api/images/{item['image']}")["label"]["state"]
        own = ann.get("/api/images", file="train/cat/1.png")["images"][0]["label"]["class"]
        assert [asked, "cat" if own == ann.classes["cat"] else "dog"] == states
    faultless(folder)


def test_an_import_that_was_cut_off_is_finished_by_running_it_again(folder: Path, tmp_path: Path) -> None:
    table, own = tmp_path / "all.csv", str(uuid.uuid4())
    rows = [f"unlabeled/{number:03d}.png,cat" for number in range(30)]
    whole = "\n".join(["file,label", *rows])

    class CutError(Exception):
        pass

    def cut(event: object) -> None:
        raise CutError

    table.write_text("\n".join(["file,label", *rows[:12]]))
    with suppress(CutError):
        store(folder, table, own, Choice(add_classes=False, also_labeled=False), "Ann", cut)
    table.write_text(whole)
    done = store(folder, table, own, Choice(add_classes=False, also_labeled=False), "Ann", lambda event: None)
    assert done["stored"] == 30
    faultless(folder)


def test_sorted_copies_are_found_by_their_content(ann: Tab, dataset: Path, tmp_path: Path) -> None:
    for label, number in (("cat", 0), ("cat", 1), ("gull", 2)):
        copy = tmp_path / "sorted" / label / f"renamed {number}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((dataset / "unlabeled" / f"{number:03d}.png").read_bytes())
    (tmp_path / "sorted" / "cat" / "strange.png").write_bytes(b"unknown")
    ann.post("/api/imports/preview", {"uuid": fresh(), "path": str(tmp_path / "sorted")}, 202)
    found = finished(ann, "/api/imports", "chore")["preview"]
    assert (found["fresh"], found["first_unknown_files"]) == (3, ["cat/strange.png"])
    assert found["by_class"] == [{"name": "cat", "rows": 2}, {"name": "gull", "rows": 1}]


def test_what_cannot_be_read_is_said(ann: Tab, tmp_path: Path) -> None:
    ann.post("/api/imports/preview", {"uuid": fresh(), "path": str(tmp_path / "none.csv")}, 404)
    for path in ("labels.csv", "~nobody-of-this-name/labels.csv"):
        ann.post("/api/imports/preview", {"uuid": fresh(), "path": path}, 422)
    ann.post("/api/imports/preview", {"uuid": fresh()}, 422)
    ann.post("/api/imports/undo", {"uuid": fresh(), "id": fresh()}, 404)
    look(ann, "name,what\na,b\n", parts=1)
    failed = finished(ann, "/api/imports", "chore")["chore"]
    assert failed["state"] == "failed"
    assert failed["message"].startswith('new labels.csv: line 1 has no column "file"')
    assert ann.http.put(f"/api/uploads/{fresh()}?name=x.csv&at=5", content=b"late").status_code == 409
