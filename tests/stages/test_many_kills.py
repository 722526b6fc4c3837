"""Runs killed again and again end with the weights of a run that was not; what was being written is whole."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from barlowmatch.checkpoints import load_checkpoint, save_checkpoint
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
from barlowmatch.embeddings import read_embeddings
from barlowmatch.errors import InputError
from tests.conftest import Command
from tests.stages.test_training import STAGES, kill_after_steps, tensors, words

pytestmark = pytest.mark.faults
KILLS = 20


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    expected, found = tensors(one), tensors(other)
    assert expected.keys() == found.keys()
    return [name for name in expected if not torch.equal(expected[name], found[name])]


@pytest.mark.parametrize("stage", STAGES)
def test_twenty_kills_change_nothing(stage: str, tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    longer = ("--num-epochs", {"pretrain": "12", "train-classifier": "60", "fixmatch": "20"}[stage])
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    started = time.monotonic()
    done = barlowmatch(*words(stage, seed_layout, whole, *longer))
    assert done.returncode == 0, done.stderr
    usual = time.monotonic() - started
    moments = random.Random(stage)
    command = [sys.executable, "-m", "barlowmatch", *words(stage, seed_layout, killed, *longer), "--resume", "auto"]
    kills = 0
    while kills < KILLS:
        process = subprocess.Popen([*command, "--checkpoint-minutes", "0.0001"], stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=moments.uniform(0.5, 1.0) * usual / 3 + 2)
            break  # it came to its end between two kills
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    done = barlowmatch(*command[3:])
    assert done.returncode == 0, done.stderr
    assert kills >= 3
    assert differing(load_checkpoint(whole), load_checkpoint(killed)) == []


def test_a_lost_position_would_be_seen(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    """The comparison goes red when the step, from which sampler and randomness derive, is off by one."""
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    assert barlowmatch(*words("fixmatch", seed_layout, whole)).returncode == 0
    kill_after_steps(seed_layout, killed, "fixmatch", 5, signal.SIGTERM)
    checkpoint = load_checkpoint(killed)
    checkpoint["step"] -= 1
    save_checkpoint(killed, checkpoint)
    assert barlowmatch(*words("fixmatch", seed_layout, killed, "--resume", "auto")).returncode == 0
    assert differing(load_checkpoint(whole), load_checkpoint(killed)) != []


WRITERS: dict[str, str] = {
    "checkpoint": """
from pathlib import Path
import itertools, torch
from barlowmatch.checkpoints import save_checkpoint
for number in itertools.count():
    save_checkpoint(Path("c.pt"), {"backbone": {"w": torch.full((400_000,), float(number))}})
""",
    "embeddings": """
from pathlib import Path
import itertools, numpy as np
from barlowmatch.embeddings import EmbeddedFiles, EmbeddingsWriter
names = [f"{n}.png" for n in range(2000)]
for number in itertools.count():
    table = EmbeddedFiles(names, ["unlabeled"] * 2000, [""] * 2000, [""] * 2000)
    facts = {"dimension": 64, "classes": [], "checkpoint": "", "with_probabilities": False}
    with EmbeddingsWriter(Path("e"), table, **facts) as writer:
        writer.write(np.arange(2000), np.full((2000, 64), number % 1000))
""",
    "cache": """
import itertools, shutil
from pathlib import Path
from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import load_pixels
for number in itertools.count():
    size = 16 + number % 8
    options = ImageOptions(dataset_folder=Path("data"), cache_folder=Path("cache"), image_size=size, workers=1)
    load_pixels(read_dataset(options), options)
""",
    "dataset": """
import itertools
from pathlib import Path
from barlowmatch.cli import main
for number in itertools.count():
    line = f"create-dataset --dataset-folder data --request request.csv --labels labels.csv --out-path next/{number}"
    assert main(line.split()) == 0
""",
}  # fmt: skip


def whole_checkpoint(home: Path) -> None:
    if (home / "c.pt").exists():
        values = load_checkpoint(home / "c.pt")["backbone"]["w"]
        assert len(values) == 400_000
        assert bool((values == values[0]).all())


def whole_embeddings(home: Path) -> None:
    try:
        vectors = read_embeddings(home / "e").vectors.take(np.arange(2000))
    except InputError as error:
        if "no such folder" not in str(error):  # between the two renames of a replacement there is none
            raise
        return
    assert (vectors == vectors[0, 0]).all()


def whole_cache(home: Path) -> None:
    for size in range(16, 24):
        options = ImageOptions(dataset_folder=home / "data", cache_folder=home / "cache", image_size=size, workers=1)
        dataset = read_dataset(options)
        pixels = load_pixels(dataset, options)
        fresh = load_pixels(dataset, ImageOptions(
            dataset_folder=home / "data", cache_folder=home / "fresh", image_size=size, workers=1
        ))  # fmt: skip
        assert pixels.readable.all()
        assert np.array_equal(pixels.array, fresh.array)


def whole_datasets(home: Path) -> None:
    for folder in (home / "next").glob("[0-9]*"):
        options = ImageOptions(dataset_folder=folder)
        dataset = read_dataset(options)
        assert (len(dataset.train), len(dataset.val), len(dataset.unlabeled)) == (62, 40, 298)
        shutil.rmtree(folder)


CHECKS: dict[str, tuple[int, Callable[[Path], None]]] = {
    "checkpoint": (120, whole_checkpoint),
    "embeddings": (80, whole_embeddings),
    "cache": (50, whole_cache),
    "dataset": (50, whole_datasets),
}


WRITTEN: dict[str, Callable[[Path], bool]] = {
    "checkpoint": lambda home: (home / "c.pt").exists(),
    "embeddings": lambda home: (home / "e").exists() or any(home.glob(".partial-e-*")),
    "cache": lambda home: any((home / "cache" / "pixels").iterdir()),
    "dataset": lambda home: (home / "next").exists(),
}

IN_PLACE = """
from pathlib import Path
import itertools, torch
for number in itertools.count():
    torch.save({"schema": 1, "backbone": {"w": torch.full((400_000,), float(number))}}, Path("c.pt"))
"""


def kill_while_writing(text: str, home: Path, seconds: float) -> None:
    """Fork a warm writer, so that the kill falls into the writing and not into imports, and kill it after a while."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(home)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            torch.set_num_threads(1)  # a fork does not inherit the threads that torch would wait for
            exec(compile(text, "writer", "exec"), {"__name__": "writer"})
        finally:
            os._exit(1)
    time.sleep(seconds)  # the moment of the kill is what varies; nothing is waited for
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("what", WRITERS)
def test_what_is_there_is_whole(what: str, tmp_path: Path, seed_layout: Path) -> None:
    shutil.copytree(seed_layout, tmp_path / "data")
    (tmp_path / "request.csv").write_text("file\nunlabeled/3.png\nunlabeled/4.png\n")
    (tmp_path / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,2\n")
    kills, check = CHECKS[what]
    moments = random.Random(what)
    for _ in range(kills):
        kill_while_writing(WRITERS[what], tmp_path, moments.uniform(0.01, 0.4))
        if what != "cache":
            check(tmp_path)
    check(tmp_path)
    assert WRITTEN[what](tmp_path), "nothing was written between the kills"


def test_writing_in_place_would_be_seen(tmp_path: Path) -> None:
    moments = random.Random(1)

    def kill_again_and_again() -> None:
        for _ in range(CHECKS["checkpoint"][0]):
            kill_while_writing(IN_PLACE, tmp_path, moments.uniform(0.01, 0.4))
            whole_checkpoint(tmp_path)

    with pytest.raises((InputError, AssertionError)):
        kill_again_and_again()
