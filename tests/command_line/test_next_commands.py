"""What each command ends with: the next line to run, word for word, for people only."""

import csv
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from barlowmatch.cli import parse_config
from barlowmatch.command_line.next_commands import carried_by, carried_in, next_lines
from barlowmatch.machine.launcher import FOR_A_PROGRAM
from barlowmatch.stages.earlier_labels import make_way_for_note, note_for_request
from tests.commands import Finished, Started
from tests.stages.small_datasets import pictures

ODD = ("photos", "Ann's photos", 'the "best" of $HOME', "-rf", "--seed", " ", "a;b", "caf\udce9")
RUN = {"checkpoint": "a b/p.pt", "best": "a b/p.run/best.pt"}


def ends(name: str, line: str, result: dict[str, Any] | None = None) -> list[str]:
    return next_lines(name, parse_config(name, shlex.split(line)), result or {})


def words_of(line: str) -> list[str]:
    """Return command and flags of a line that names the next command."""
    python, *words = shlex.split(line.partition(": ")[2])
    assert (python, words[:2]) == ("python", ["-m", "barlowmatch"])
    return words[2:]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "line", "result", "told"),
    [
        (
            "inspect", "--dataset-folder photos", {},
            ["next: python -m barlowmatch pretrain --dataset-folder photos --preset quick --minutes 20 "
             "--checkpoint-path pretrained.pt"],
        ),
        (
            "pretrain", "--dataset-folder photos --preset quick --seed 3 --checkpoint-path 'a b/p.pt'", RUN,
            ["next: python -m barlowmatch embed --dataset-folder photos --checkpoint-path 'a b/p.pt'"],
        ),
        (
            "pretrain", "--manifest m.csv --class-folders 0 --cache-folder c --fit crop", RUN,
            ["next: python -m barlowmatch embed --manifest m.csv --class-folders 0 --fit crop --cache-folder c "
             "--checkpoint-path 'a b/p.pt'"],
        ),
        (
            "embed", "--dataset-folder photos --out-path r", {"askable": 900, "carried": {}},
            ["next: python -m barlowmatch select --representations-path r --strategy auto --budget 100"],
        ),
        (
            "embed", "--dataset-folder photos", {"askable": 31, "carried": {}},
            ["next: python -m barlowmatch select --strategy auto --budget 16"],
        ),
        (
            "embed", "--dataset-folder photos --checkpoint-path p.pt", {"askable": 0, "carried": {"preset": "quick"}},
            ["every image has a label: nothing is left to ask for",
             "next: python -m barlowmatch train-classifier --dataset-folder photos --preset quick "
             "--transfer-path p.pt --checkpoint-path classifier.pt"],
        ),
        (
            "select", "--dest-path 'my request'",
            {"file": "my request/request.csv", "carried": {"dataset_folder": Path("photos")}},
            ["now label the images in 'my request/request.csv': write 'my request/labels.csv' with the columns "
             "file,label, a line for each image, its file as the request names it",
             "then: python -m barlowmatch create-dataset --dataset-folder photos --label-request-path 'my request'"],
        ),
        (
            "create-dataset", "--dataset-folder photos", {"request": "request.csv", "out_path": "photos-round-1"},
            ["next, with the checkpoint that pretrain wrote for CHECKPOINT: python -m barlowmatch train-classifier "
             "--dataset-folder photos-round-1 --transfer-path CHECKPOINT --checkpoint-path classifier.pt"],
        ),
        (
            "train-classifier", "--dataset-folder photos-1 --preset quick --views digits", RUN,
            ["next: python -m barlowmatch fixmatch --dataset-folder photos-1 --preset quick --views digits "
             "--transfer-path 'a b/p.run/best.pt' --checkpoint-path fixmatch.pt"],
        ),
        (
            "fixmatch", "--dataset-folder photos-1 --preset quick", {**RUN, "val": {}},
            ["next: python -m barlowmatch evaluate --dataset-folder photos-1 --checkpoint-path 'a b/p.run/best.pt'",
             "next: python -m barlowmatch predict --dataset-folder photos-1 --checkpoint-path 'a b/p.run/best.pt'",
             "for another round: python -m barlowmatch embed --dataset-folder photos-1 "
             "--checkpoint-path 'a b/p.run/best.pt'"],
        ),
        ("inspect", "--dataset-folder photos --json", {}, []),
        ("evaluate", "--dataset-folder photos", {}, []),
    ],
)  # fmt: skip
def test_each_command_ends_with_the_next(name: str, line: str, result: dict[str, Any], told: list[str]) -> None:
    assert ends(name, line, result) == told


def test_without_images_that_judge_nothing_is_evaluated() -> None:
    assert [words_of(line)[0] for line in ends("fixmatch", "--dataset-folder d", RUN)] == ["predict", "embed"]


@pytest.mark.parametrize("folder", ODD)
def test_a_line_is_read_as_it_was_meant_whatever_a_folder_is_called(folder: str) -> None:
    config = parse_config("pretrain", [f"--dataset-folder={folder}"])
    (line,) = next_lines("pretrain", config, {"checkpoint": f"{folder}/p.pt"})
    command, *words = words_of(line)
    read = parse_config(command, words)
    assert (read.dataset_folder, read.checkpoint_path) == (Path(folder), Path(folder) / "p.pt")


def test_recipe_and_checkpoint_are_carried_from_embeddings_by_the_request_to_the_classifier(here: Path) -> None:
    (here / "p.pt").touch()
    line = "--dataset-folder photos --group-by folder --train-split train --checkpoint-path p.pt"
    trained_by = {"preset": "laptop", "views": "microscope", "flip_x": 0, "recolor": None, "seed": 5}
    meta = json.dumps({"carried": carried_by(parse_config("embed", shlex.split(line)), trained_by)})
    (here / "request.json").write_text(note_for_request(None, 0, carried_in(json.loads(meta))))
    result = {"request": "request.csv", "out_path": str(here / "new")}
    (told,) = ends("create-dataset", "--dataset-folder photos", result)
    assert told == (
        "next: python -m barlowmatch train-classifier --dataset-folder new --group-by folder --preset laptop "
        "--views microscope --flip-x 0 --transfer-path p.pt --checkpoint-path classifier.pt"
    )


def test_what_somebody_else_keeps_beside_a_request_is_kept(here: Path) -> None:
    note = here / "request.json"
    for theirs in ('{"mine": 1}', "[]", "no JSON"):
        note.write_text(theirs)
        assert make_way_for_note(here / "request.csv") == note
        (kept,) = here.glob("request.json.bak*")
        assert kept.read_text() == theirs
        kept.unlink()
    note.write_text(note_for_request(Path("photos"), 4, {"checkpoint_path": Path("p.pt")}))
    make_way_for_note(here / "request.csv")
    assert carried_in(json.loads(note.read_text())) == {"checkpoint_path": Path("p.pt")}


@pytest.mark.parametrize("found", [None, [], {}, {"carried": 3}, {"carried": {"dataset_folder": ["a"]}}])
def test_what_cannot_be_read_carries_nothing(found: object) -> None:
    assert carried_in(found) == {}


def test_a_new_run_replaces_none_that_it_may_start_from(here: Path) -> None:
    (here / "fixmatch.pt").touch()
    (here / "fixmatch-2.run").mkdir()
    (line,) = ends("train-classifier", "--dataset-folder d", RUN)
    assert line.endswith("--checkpoint-path fixmatch-3.pt")


@pytest.mark.parametrize(
    ("more", "environment", "is_told"),
    [([], {}, True), (["--json"], {}, False), ([], {"RANK": "1"}, False), ([], {FOR_A_PROGRAM: "1"}, False)],
)
def test_people_are_told_and_nobody_else(
    more: list[str], environment: dict[str, str], is_told: bool, here: Path
) -> None:
    pictures(here / "photos", "a.png")
    line, events = ["inspect", "--dataset-folder", "photos", "--events", "e.jsonl", *more], here / "e.jsonl"
    done = Started(line, here, {FOR_A_PROGRAM: "", **environment}).finish()
    assert done.returncode == 0
    *before, last = ["", *done.stderr.splitlines()]
    assert last.startswith("next: ") == is_told
    assert "next: " not in "\n".join([*before, done.stdout])
    assert not events.exists() or "pretrain" not in events.read_text()


def test_what_the_app_starts_is_told_nothing(here: Path) -> None:
    pictures(here / "photos", "a.png")
    program = (
        "import subprocess, sys; from labeling.processes import prepare_children; prepare_children()\n"
        "subprocess.run([sys.executable, '-m', 'barlowmatch', 'inspect', '--dataset-folder', 'photos'], check=True)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    assert "photos: flat layout" in done.stdout
    assert "next" not in done.stderr


Run = Callable[..., Finished]


def next_of(done: Finished) -> list[list[str]]:
    """Return the commands that a command ended with."""
    assert done.returncode == 0, done.stderr
    heads = ("next: ", "then: ", "for another round: ")
    return [words_of(line) for line in done.stderr.splitlines() if line.startswith(heads)]


def answer(folder: Path) -> None:
    """Write the labels of a request: the first letter of each name."""
    with (folder / "request.csv").open(newline="") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *((name, name[0]) for name in files)])


@pytest.mark.slow
def test_the_printed_commands_lead_from_a_folder_into_the_second_round(
    barlowmatch: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOR_A_PROGRAM, "")
    folder = "Ann's photos"
    pictures(here / folder, *(f"{name}{n}.png" for name in "ab" for n in range(16)))
    line = ["pretrain", "--dataset-folder", folder, "--preset", "quick", "--checkpoint-path", "pretrained.pt"]
    ran: list[str] = []
    while len(ran) < 10:
        short = ["--num-epochs", "1"] if line[0] in ("pretrain", "train-classifier", "fixmatch") else []
        done = barlowmatch(*line, *short, cwd=here)
        ran.append(line[0])
        if line[0] == "select":
            answer(here / "label_request")
        if line[0] == "fixmatch":
            evaluate, predict, embed = next_of(done)
            assert barlowmatch(*evaluate, cwd=here).returncode == barlowmatch(*predict, cwd=here).returncode == 0
            line = embed
        else:
            (line,) = next_of(done)
    once = ["embed", "select", "create-dataset", "train-classifier", "fixmatch"]
    assert ran == ["pretrain", *once, *once[:4]]
    assert (here / "predictions.csv").is_file()
    assert (here / "classifier-2.run" / "best.pt").is_file()
    assert json.loads((here / "classifier-2.run" / "config.json").read_text())["config"]["preset"] == "quick"
