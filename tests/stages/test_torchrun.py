"""torchrun: two and three processes compute what one computes, and go on after one is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.embeddings.folder import read_embeddings
from tests.commands import Started
from tests.conftest import Command
from tests.processes import free_port, rank_variables
from tests.stages.running import HALFWAY, saved_steps, tensors
from tests.waiting import until

Made = Callable[[str], Path]

EXACT = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float64", "--batch-size", "17")
STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": (*EXACT, "--projector-width", "32", "--num-epochs", "1"),
    "train-classifier": (*EXACT, "--classifier-width", "32", "--num-epochs", "2"),
    "fixmatch": (*EXACT, "--classifier-width", "32", "--num-epochs", "1", "--num-steps", "20", "--mu", "2", *HALFWAY),
}


def torchrun(count: int, *words: object, restarts: int = 0) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return [*launcher, f"--max-restarts={restarts}", "-m", "barlowmatch", *map(str, words)]


def run_torchrun(count: int, *words: object) -> None:
    done = subprocess.run(
        torchrun(count, *words), capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-3000:]


def run_ranks(count: int, *words: object) -> None:
    """Run the processes that torchrun would start; that it starts them so, `pretrain` and the long tests show."""
    port = free_port()
    ranks = [Started(list(map(str, words)), None, rank_variables(rank, count, port)) for rank in range(count)]
    for done in [rank.finish() for rank in ranks]:
        assert done.returncode == 0, done.stderr[-3000:]


def words(stage: str, data: Path, path: Path) -> list[object]:
    return [stage, "--dataset-folder", data, "--checkpoint-path", path, *STAGES[stage]]


def furthest(one: dict[str, Any], many: dict[str, Any]) -> float:
    """Return the largest relative difference between the tensors of two checkpoints."""
    expected, found = tensors(one), tensors(many)
    assert expected.keys() == found.keys()
    return max(
        float((found[name].double() - value.double()).abs().max() / value.double().abs().max().clamp_min(1e-30))
        for name, value in expected.items()
        if value.numel()
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path) -> Made:
    """Return by a stage's name the checkpoint that one process makes, when it is first asked for."""
    home = tmp_path_factory.mktemp("alone")

    @cache
    def made(stage: str) -> Path:
        done = barlowmatch(*words(stage, seed_layout, home / f"{stage}.pt"))
        assert done.returncode == 0, done.stderr
        return home / f"{stage}.pt"

    return made


@pytest.mark.parametrize(
    ("stage", "count"),
    [
        pytest.param("pretrain", 2, marks=pytest.mark.slow),
        ("train-classifier", 3),
        pytest.param("fixmatch", 2, marks=pytest.mark.slow),
    ],
)
def test_processes_equal_one(stage: str, count: int, tmp_path: Path, seed_layout: Path, alone: Made) -> None:
    """A batch of 17 divides by neither 2 nor 3."""
    run = run_torchrun if stage == "pretrain" else run_ranks
    run(count, *words(stage, seed_layout, tmp_path / "many.pt"))
    assert furthest(load_checkpoint(alone(stage)), load_checkpoint(tmp_path / "many.pt")) < 1e-9


@pytest.mark.faults
@pytest.mark.parametrize(("stage", "count"), [("pretrain", 3), ("train-classifier", 2), ("fixmatch", 3)])
def test_as_many_again_equal_one(stage: str, count: int, tmp_path: Path, seed_layout: Path, alone: Made) -> None:
    run_torchrun(count, *words(stage, seed_layout, tmp_path / "many.pt"))
    assert furthest(load_checkpoint(alone(stage)), load_checkpoint(tmp_path / "many.pt")) < 1e-9


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.faults)])
def test_embeddings_of_processes_equal_one(
    count: int, tmp_path: Path, barlowmatch: Command, seed_layout: Path, alone: Made
) -> None:
    exact = ["--precision", "float64", "--number-format", "float32"]
    line = [
        "embed",
        "--dataset-folder",
        seed_layout,
        "--checkpoint-path",
        alone("train-classifier"),
        *exact,
        "--out-path",
    ]
    done = barlowmatch(*line, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    run_ranks(count, *line, tmp_path / "many")
    one, many = read_embeddings(tmp_path / "one"), read_embeddings(tmp_path / "many")
    rows = np.arange(len(one))
    assert len(list((tmp_path / "many").glob("embeddings-*"))) == count
    assert list(one.table.files) == list(many.table.files)
    np.testing.assert_allclose(many.vectors.take(rows), one.vectors.take(rows), rtol=1e-6)
    assert one.probabilities is not None
    assert many.probabilities is not None
    np.testing.assert_allclose(many.probabilities.take(rows), one.probabilities.take(rows), rtol=1e-5)


@pytest.mark.faults
def test_a_killed_process_is_replaced_and_the_job_ends_right(tmp_path: Path, seed_layout: Path, alone: Made) -> None:
    path = tmp_path / "many.pt"
    command = torchrun(2, *words("fixmatch", seed_layout, path), "--checkpoint-minutes", "0.0001", restarts=2)
    job = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    events = path.with_suffix(".run") / "events.jsonl"
    until(lambda: saved_steps(events) >= 5, seconds=200, pause=0.01)
    workers = [child for child in psutil.Process(job.pid).children() if "barlowmatch" in child.cmdline()]
    workers[-1].send_signal(signal.SIGKILL)
    assert job.wait(timeout=300) == 0
    assert furthest(load_checkpoint(alone("fixmatch")), load_checkpoint(path)) < 1e-9
    assert torch.isfinite(load_checkpoint(path)["classifier"]["last.weight"]).all()
