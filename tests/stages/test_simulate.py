"""`simulate` as a user runs it: table, files, resumption and shards."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barlowmatch.checkpoints import content_hash
from barlowmatch.configs.simulate import SimulateConfig
from barlowmatch.data.classes import classes_of
from barlowmatch.data.tables import write_table
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.simulate import run
from tests.conftest import Command
from tests.simulation.test_world import embedded

NAMES = "typiclust,kmeans,balanced-oracle,inverted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home") / "e"
    embedded(path)
    return path


def config(folder: Path, dest: Path, **options: object) -> SimulateConfig:
    """Return what to simulate in this process, as one thread has it; the command takes as many as there are cores."""
    values = {"strategies": NAMES, "budgets": "5,10,20", "repeats": 3, "threads": 1, **options}
    return SimulateConfig(representations_path=folder, dest_path=dest, **values)  # type: ignore[arg-type]


def test_from_embeddings_to_table_and_plot(barlowmatch: Command, folder: Path, tmp_path: Path) -> None:
    done = barlowmatch(
        "simulate", "--representations-path", folder, "--dest-path", tmp_path, "--strategies", NAMES,
        "--budgets", "5,10,20", "--repeats", 3, "--junk", "3%", "--label-noise", "5%", "--imbalance", 10,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [name for name in ("random", *NAMES.split(",")) if name not in done.stdout] == []
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "picks.csv").open(newline="") as file:
        picks = list(csv.DictReader(file))
    assert len(picks) == 5 * 3 * 20
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {row["strategy"] for row in summary["rows"]} == {"random", *NAMES.split(",")}
    assert next(row for row in summary["rows"] if row["strategy"] == "random")["area_difference"]["mean"] == 0
    assert {row["repeats"] for row in summary["rows"]} == {3}
    assert [line.split()[1] for line in done.stdout.splitlines()[:6]] == ["n"] + ["3"] * 5


def test_finished_trials_are_not_run_again(folder: Path, tmp_path: Path) -> None:
    run(config(folder, tmp_path))
    trials = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    assert len(trials) == 15
    first = (tmp_path / "curves.csv").read_text()
    victim = sorted(trials)[0]
    victim.unlink()
    run(config(folder, tmp_path))
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    assert {path for path in after if after[path] != trials[path]} == {victim}
    assert (tmp_path / "curves.csv").read_text() == first
    run(config(folder, tmp_path, budgets="5,10,25"))
    assert len(list((tmp_path / "trials").iterdir())) == 30


def test_of_a_single_repetition_no_interval_is_claimed(folder: Path, tmp_path: Path) -> None:
    run(config(folder, tmp_path, repeats=1))
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves[["accuracy_low", "accuracy_high", "difference_low", "difference_high"]].isna().all(axis=None)
    assert curves["accuracy"].notna().all()
    assert (tmp_path / "curves.png").is_file()
    (row, *_) = json.loads((tmp_path / "summary.json").read_text())["rows"]
    assert row["area_difference"]["low"] is None


def test_shards_make_one_table(folder: Path, tmp_path: Path) -> None:
    run(config(folder, tmp_path / "whole"))
    assert not run(config(folder, tmp_path / "parts", shard="1/2"))["complete"]
    assert not (tmp_path / "parts" / "curves.csv").exists()
    assert run(config(folder, tmp_path / "parts", shard="2/2"))["complete"]
    assert (tmp_path / "parts" / "curves.csv").read_text() == (tmp_path / "whole" / "curves.csv").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budgets": "10,10"}, "--budgets 10,10: must be ascending numbers"),
        ({"budgets": "5000"}, "--budgets 5000: a repetition sees 960 images; name smaller"),
        ({"strategies": "best"}, "--strategy best: no such strategy"),
        ({"junk": "300%"}, "--junk 300%: must be a share"),
        ({"shard": "3/2"}, "--shard 3/2: must be i/n"),
        ({"learner": "classifier"}, "--learner classifier: trains on images; give --dataset-folder"),
        ({"imbalance": 0.5}, "--imbalance 0.5: must be a number 1 to 10,000"),
    ],
)
def test_mistakes_are_answered_in_one_line(folder: Path, tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as complaint:
        run(config(folder, tmp_path / "out", **options))
    assert "\n" not in str(complaint.value)


def two_classes(folder: Path, names: list[str], splits: list[str]) -> tuple[list[str], list[int]]:
    """Embed sixty images, the classes in turn but all of val of the first; return their files and classes."""
    truth = [0 if split == "val" else row % 2 for row, split in enumerate(splits)]
    files = [f"{row}.png" for row in range(60)]
    table = EmbeddedFiles(files, splits, [names[c] for c in truth], [""] * 60)
    settings = {"dimension": 2, "classes": classes_of(names), "checkpoint": "", "with_probabilities": False}
    with EmbeddingsWriter(folder, table, **settings) as writer:  # type: ignore[arg-type]
        writer.write(np.arange(60), np.eye(2)[truth] + 0.1)
    return files, truth


def test_where_one_class_judges_a_warning_says_so(tmp_path: Path) -> None:
    two_classes(tmp_path / "e", ["cat", "dog"], ["train"] * 50 + ["val"] * 10)
    events: list[Event] = []
    run(config(tmp_path / "e", tmp_path / "out", strategies="random", budgets="5", repeats=1), events.append)
    warned = [event.message for event in events if isinstance(event, Said) and event.level == "warning"]
    assert any("all images to judge by are of one class (cat)" in message for message in warned)


def test_the_labels_of_a_dataset_are_known_however_their_accents_are_spelled(tmp_path: Path) -> None:
    files, truth = two_classes(tmp_path / "e", ["\u00e9", "\u00fc"], ["train"] * 60)
    taken_apart = [("e\u0301", "u\u0308")[c] for c in truth]
    write_table(tmp_path / "M.csv", ("file", "label"), zip(files, taken_apart, strict=True))
    run(config(tmp_path / "e", tmp_path / "out", manifest=tmp_path / "M.csv", val_share=0, budgets="5", repeats=1))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["images"] + summary["settings"]["test_images"] == 60


def pretrained(barlowmatch: Command, path: Path, data: Path, seed: int = 0) -> Path:
    """Pretrain for an epoch and return the checkpoint."""
    done = barlowmatch(
        "pretrain", "--dataset-folder", data, "--checkpoint-path", path, "--num-epochs", 1, "--seed", seed,
        "--batch-size", 64, "--backbone", "resnet18_quarter", "--projector-width", 32,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.slow
def test_embeddings_are_made_and_a_classifier_learns(barlowmatch: Command, tmp_path: Path, seed_layout: Path) -> None:
    """The whole way from images: the dataset's labels play the human, and training is the stage's own."""
    checkpoint = pretrained(barlowmatch, tmp_path / "pretrained.pt", seed_layout)
    result = run(
        SimulateConfig(
            dataset_folder=seed_layout,
            checkpoint_path=checkpoint,
            dest_path=tmp_path / "out",
            strategies="typiclust",
            budgets="20",
            repeats=1,
            learner="fixmatch",
            learner_epochs=1,
            views="digits",
            batch_size=16,
        )
    )
    assert result["complete"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["test_images"] == 40
    assert np.isfinite([item["mean"] for row in summary["rows"] for item in row["accuracy"]]).all()


@pytest.mark.slow
def test_embeddings_of_another_checkpoint_or_dataset_are_made_anew(
    barlowmatch: Command, tmp_path: Path, seed_layout: Path
) -> None:
    first, second = (pretrained(barlowmatch, tmp_path / f"{n}.pt", seed_layout, n) for n in range(2))
    data = shutil.copytree(seed_layout, tmp_path / "data")
    made = tmp_path / "out" / "representations" / "meta.json"

    def simulated(checkpoint: Path) -> int:
        run(
            SimulateConfig(
                dataset_folder=data, checkpoint_path=checkpoint, dest_path=tmp_path / "out", strategies="random",
                budgets="5", repeats=1,
            )
        )  # fmt: skip
        return made.stat().st_mtime_ns

    before = simulated(first)
    assert simulated(first) == before, "they are reused"
    after = simulated(second)
    assert after != before
    assert json.loads(made.read_text())["checkpoint"] == content_hash(second)
    shutil.copy(data / "unlabeled" / "0.png", data / "unlabeled" / "300.png")
    assert simulated(second) != after
    assert json.loads(made.read_text())["rows"] == 401
    grown = made.stat().st_mtime_ns
    shutil.copy(data / "unlabeled" / "1.png", data / "unlabeled" / "300.png")
    assert simulated(second) != grown, "another picture has the name"
