"""Today's code reads what earlier code left on a disk, and works on with it.

`write.py` beside this file wrote each set when its formats were the newest.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.cli import main
from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.tables import read_table
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.events import Evaluated, RunFailed, RunFinished, RunStarted, read_events
from labeling.project import ProjectFolder
from labeling.runs.supervising import Runs

SETS = sorted(path for path in Path(__file__).parent.iterdir() if path.name.isdigit())


@pytest.fixture(params=SETS, ids=lambda path: path.name)
def written(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a set, which is the working folder."""
    shutil.copytree(request.param, tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set")
    return tmp_path / "set"


def flags(command: str) -> list[str]:
    found: list[str] = json.loads(Path("commands.json").read_text())[command]
    return found


def test_there_is_a_set() -> None:
    assert SETS


@pytest.mark.parametrize("stage", ["pretrain", "fixmatch"])
def test_a_run_that_was_stopped_goes_on_to_its_end(written: Path, stage: str) -> None:
    run = written / "runs" / stage
    before, told = load_checkpoint(run / "last.pt"), len(list(read_events(run / "events.jsonl")))
    assert 0 < before["step"] < before["total_steps"]

    assert main([stage, *flags(stage), "--resume", "auto"]) == 0

    after = load_checkpoint(run / "last.pt")
    assert after["step"] == after["total_steps"] == before["total_steps"]
    weights = {name for name, value in before["backbone"].items() if value.is_floating_point() and value.dim() == 4}
    assert weights
    assert not [name for name in weights if torch.equal(before["backbone"][name], after["backbone"][name])]
    events = list(read_events(run / "events.jsonl"))
    assert isinstance(events[told - 1], RunFailed)
    assert [event.step for event in events if isinstance(event, RunStarted)] == [0, before["step"]]
    assert isinstance(events[-1], RunFinished)


def test_a_model_is_as_good_as_it_was(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--device", "cpu", "--precision", "float32", "--json")
    assert main(["evaluate", *flags("embed")[:4], "--checkpoint-path", "runs/classifier/best.pt", *words]) == 0
    found = json.loads(capsys.readouterr().out)["classifier"]
    then = json.loads((written / "runs/classifier/result.json").read_text())["val"]
    assert [found[name] for name in ("count", "accuracy", "confusion")] == [
        then[name] for name in ("count", "accuracy", "confusion")
    ]


@pytest.mark.usefixtures("written")
def test_a_model_gives_the_embeddings_and_probabilities_that_it_gave() -> None:
    assert main(["embed", *flags("embed"), "--out-path", "again"]) == 0
    then, now = read_embeddings(Path("representations")), read_embeddings(Path("again"))
    for name in ("files", "splits", "labels", "sha256"):
        assert list(getattr(then.table, name)) == list(getattr(now.table, name))
    everything = np.arange(len(then))
    for before, after in ((then.vectors, now.vectors), (then.probabilities, now.probabilities)):
        assert before is not None
        assert after is not None
        np.testing.assert_allclose(before.take(everything), after.take(everything), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("strategy", ["kmeans", "badge"])
def test_images_are_chosen_by_embeddings(written: Path, strategy: str) -> None:
    words = ("--representations-path", "representations", "--dest-path", "asked", "--budget", "3")
    assert main(["select", "--strategy", strategy, *words]) == 0
    asked = read_table(written / "asked/request.csv").columns["file"]
    assert len(set(asked)) == 3
    assert all((written / "data" / file).is_file() and file.startswith("unlabeled/") for file in asked)


def test_the_app_lists_the_runs(written: Path, tmp_path: Path) -> None:
    paths = ProjectFolder(tmp_path / "project")
    paths.make()
    shutil.copytree(written / "runs", paths.runs, dirs_exist_ok=True)
    runs = {run.name: run for run in Runs(paths).newest()}
    assert {name: (run.stage, run.state) for name, run in runs.items()} == {
        "pretrain": ("pretrain", "stopped"),
        "classifier": ("train-classifier", "done"),
        "fixmatch": ("fixmatch", "stopped"),
    }
    result: dict[str, Any] = json.loads((written / "runs/classifier/result.json").read_text())
    assert runs["classifier"].figures["accuracy"] == result["val"]["accuracy"]
    last = [event for event in read_events(written / "runs/classifier/events.jsonl") if isinstance(event, Evaluated)]
    assert last[-1].metrics["accuracy"] == result["val"]["accuracy"]


@pytest.mark.usefixtures("written")
def test_a_manifest_is_the_dataset_that_it_was_written_of() -> None:
    by_manifest = read_dataset(DatasetOptions(manifest=Path("manifest.csv")))
    folders = read_dataset(DatasetOptions(dataset_folder=Path("data"), class_folders=1, group_by=r"/(\w+-\d+)-"))
    assert by_manifest.files == tuple(f"data/{file}" for file in folders.files)
    assert by_manifest.splits.tolist() == folders.splits.tolist()
    assert [by_manifest.classes[label].name if label >= 0 else "" for label in by_manifest.labels] == [
        folders.classes[label].name if label >= 0 else "" for label in folders.labels
    ]
    assert by_manifest.groups == folders.groups is not None
    assert by_manifest.sha256 is not None
