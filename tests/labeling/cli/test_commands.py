"""`python -m labeling`: what each command prints, and how it says no."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.cli.main import COMMANDS, main
from labeling.project import Project, reading, writing
from storage.checks import find_faults
from storage.classes import list_classes
from storage.database import open_reader, transaction
from storage.requests import list_requests
from storage.settings import get_setting

OWN = "0bb78e1a-6f0b-4b5e-9d0c-2f0f6f1c7a11"


def labeling(*words: object) -> "subprocess.CompletedProcess[str]":
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, "-m", "labeling", *map(str, words)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_how_to_call_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m labeling {name} ")
    assert "None" not in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["dance"], "no such command"),
        (["stats", "--project", "nowhere"], "no labeling project; make one with"),
        (["stats", "--project", "p" * 300], "cannot be used (File name too long); name another path"),
        (["init", "--project", "p"], "name the images by --dataset-folder or --manifest"),
        (["export", "--project", "nowhere"], "labeling: --format: is needed; --help shows the flags"),
        (["stats", "--projekt", "p"], "labeling: --projekt: no such flag; did you mean --project?"),
        (["stats", "--project", "p", "--jsn"], "labeling: --jsn: no such flag; did you mean --json?"),
        (["choose", "--project", "p", "--budget", "many"], "--budget"),
        (["import", "--project", "nowhere"], "name something by"),
        (["import", "--project", "nowhere", "--rescan"], "no labeling project"),
        (["export", "--project", "nowhere", "--format", "csv", "--name", "../x"], "must be a plain name"),
        (["store-labels", "--project", "p", "--source", "l.csv", "--by", "Ann", "--uuid", "abc"], "--uuid abc: must"),
        (["undo-labels", "--project", "p", "--uuid", OWN, "--undo", "abc"], "--undo abc: must be"),
        (["undo-labels", "--project", "p", "--uuid", OWN.upper(), "--undo", OWN], "--uuid 0BB78E1A"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_request_of_a_strategy_is_taken_up(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = tmp_path / "request.csv"
    request.write_text(
        "rank,file,score,strategy,reason\n2,unlabeled/026.png,0.5,margin,unsure\n1,unlabeled/025.png,0.9,margin,\n"
        "3,unlabeled/000.png,0.1,margin,asked before\n4,train/cat/0.png,0.1,margin,labeled\n"
    )
    assert main(["import", "--project", str(folder), "--request", str(request), "--overlap", "2"]) == 0
    assert "asks about 2 images, 1 already asked for, 1 already labeled" in capsys.readouterr().out
    with reading(folder) as db:
        asked = list_requests(db)[-1]
        assert (asked.items, asked.left, asked.overlap, asked.strategy) == (2, 4, 2, "margin")
        names = [row["name"] for row in db.execute(
            "SELECT name FROM request_item JOIN image ON image.id = image WHERE request = ? ORDER BY rank", (asked.id,)
        )]  # fmt: skip
    assert names == ["unlabeled/025.png", "unlabeled/026.png"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rank,file\n1,nothing.png\n", "line 2 names nothing.png, which is no image of the project"),
        ("rank,file\none,unlabeled/025.png\n", 'rank "one" is no number'),
        ("rank,file\n", "requests no image"),
        ("a,b\n1,2\n", 'no column "file"'),
    ],
)
def test_a_bad_request_changes_nothing(
    folder: Path, tmp_path: Path, text: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.csv").write_text(text)
    assert main(["import", "--project", str(folder), "--request", str(tmp_path / "r.csv")]) == 2
    assert line in capsys.readouterr().err
    with reading(folder) as db:
        assert len(list_requests(db)) == 1


def test_labels_are_imported_once_and_answer_requests(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nunlabeled/000.png,cat\nunlabeled/029.png,Dog\n")
    command = ["import", "--project", str(folder), "--labels", str(table), "--person", "Oracle"]
    assert main(command) == 0
    assert "2 labels stored, 0 known already" in capsys.readouterr().out
    assert main(command) == 0
    assert "0 labels stored, 2 known already" in capsys.readouterr().out
    with reading(folder) as db:
        assert list_requests(db)[0].left == 19
        assert find_faults(db) == []
    table.write_text("file,label\nunlabeled/001.png,cat\nunlabeled/002.png,cow\n")
    assert main(command) == 2
    assert 'line 3: no class "cow" (there are cat, dog); correct it' in capsys.readouterr().err
    with reading(folder) as db:
        assert list_requests(db)[0].left == 19, "nothing of a table with a mistake is stored"


def test_labels_of_new_classes_are_imported_where_that_is_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nunlabeled/000.png,cow\nunlabeled/001.png, Cow\nunlabeled/002.png,\n")
    command = ["import", "--project", str(folder), "--labels", str(table)]
    assert main(command) == 2
    assert "--add-classes" in capsys.readouterr().err
    assert main([*command, "--add-classes"]) == 0
    assert "2 labels stored, 0 known already, 1 without a label" in capsys.readouterr().out
    with reading(folder) as db:
        assert {item.name: item.count for item in list_classes(db)} == {"cat": 5, "dog": 5, "cow": 2}
    assert main(["import", "--project", str(folder), "--rescan", "--add-classes"]) == 2
    assert "goes with --labels" in capsys.readouterr().err


def test_an_import_is_taken_back_by_the_line_it_ends_with(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nunlabeled/000.png,cat\nunlabeled/001.png,dog\n")
    own = folder.rename(tmp_path / "my project's")
    assert main(["store-labels", "--project", str(own), "--source", str(table)]) == 0
    way_back = capsys.readouterr().out.splitlines()[-1].partition("python -m labeling ")[2]
    assert main(shlex.split(way_back)) == 0
    assert "2 labels taken back" in capsys.readouterr().out


def test_labels_are_named_on_the_command_line_as_in_the_app(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with reading(folder) as db:
        root = get_setting(db, "root")
    table = tmp_path / "labels.csv"
    table.write_text(f"file,label\n./unlabeled/000.png, cat\n{root}/unlabeled/001.png,dog \nunlabeled\\002.png,dog\n")
    assert main(["import", "--project", str(folder), "--labels", str(table)]) == 0
    assert "3 labels stored" in capsys.readouterr().out


def test_labels_that_are_left_out_are_named_with_the_reason(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    rows = ["000.png,cat", "000.png,dog", "001.png,Möwe", "002.png,möwe", "003.png,cat", "none.png,cat"]
    table.write_text("file,label\n" + "".join(f"unlabeled/{row}\n" for row in rows), encoding="utf-8")
    source = ["--project", str(folder), "--source", str(table)]
    assert main(["preview-labels", *source]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-3:] == [
        "no such file: unlabeled/none.png",
        "two different labels: unlabeled/000.png",
        "no class yet: Möwe (2)",
    ]
    assert main(["store-labels", *source]) == 0
    out, err = capsys.readouterr()
    assert "1 label stored" in out
    assert "1 of files that are not in the project (unlabeled/none.png)" in err
    assert "1 of files that are given two different labels (unlabeled/000.png)" in err
    assert "2 of classes that are not there (Möwe); --add-classes makes them" in err
    table.write_text("file,label\nunlabeled/003.png,dog\n", encoding="utf-8")
    assert main(["store-labels", *source]) == 0
    assert "1 of images that have another answer; --also-labeled stores them too" in capsys.readouterr().err


def test_verify_finds_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--project", str(folder), "--contents"]) == 0
    assert "0 faults, 0 files not as they were" in capsys.readouterr().out
    with writing(folder) as db, transaction(db):
        db.execute("UPDATE image SET state = 'rejected' WHERE id = 1")
        db.execute("UPDATE request_item SET left = 0 WHERE rank = 1")
        db.execute("UPDATE image SET sha256 = ? WHERE id = 2", ("0" * 64,))
    assert main(["verify", "--project", str(folder), "--contents"]) == 1
    said = capsys.readouterr().out
    assert "image 1 does not have the label that its events say" in said
    assert "does not have the answers that its leases say" in said
    assert "has other content than when it was indexed" in said


def test_a_backup_is_a_project_of_that_moment(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Project(folder):  # while a server has it open
        assert main(["backup", "--project", str(folder), "--to", str(tmp_path / "copy.db")]) == 0
    assert "checked" in capsys.readouterr().out
    copy = open_reader(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM image").fetchone()[0] == 40
    copy.close()
    assert main(["backup", "--project", str(folder), "--to", str(tmp_path / "copy.db")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_stats_and_export_as_people_call_them(folder: Path) -> None:
    stats = labeling("stats", "--project", folder, "--json")
    assert json.loads(stats.stdout)["labeled"] == 10
    exported = labeling("export", "--project", folder, "--format", "csv", "--name", "v1")
    assert exported.returncode == 0, exported.stderr
    assert "10 labeled, at event 10" in exported.stdout
    assert (folder / "exports" / "v1" / "manifest.csv").is_file()
    again = labeling("export", "--project", folder, "--format", "csv", "--name", "v1")
    assert (again.returncode, again.stderr.strip().splitlines()[-1].startswith("labeling: ")) == (2, True)


def test_a_request_of_images_that_need_no_answer_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.csv").write_text("file\nunlabeled/000.png\ntrain/cat/0.png\n")
    assert main(["import", "--project", str(folder), "--request", str(tmp_path / "r.csv")]) == 2
    said = capsys.readouterr().err
    assert "r.csv: none of its images needs an answer (1 already asked for, 1 already labeled)" in said
    with reading(folder) as db:
        assert len(list_requests(db)) == 1


def test_a_wrong_path_beside_a_right_one_is_found_before_anything_is_stored(folder: Path, tmp_path: Path) -> None:
    table, events = tmp_path / "labels.csv", tmp_path / "events.jsonl"
    table.write_text("file,label\nunlabeled/000.png,cat\n")
    words = ["import", "--project", str(folder), "--labels", str(table), "--embeddings", "gone"]
    assert main([*words, "--events", str(events)]) == 2
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert told[-1]["reason"].startswith("gone: no such folder; write them with")
    with reading(folder) as db:
        assert list_requests(db)[0].left == 20
