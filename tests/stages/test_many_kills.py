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
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.errors import InputError
from tests.conftest import Command
from tests.stages.running import STAGES, kill_after_steps, tensors, words

pytestmark = pytest.mark.faults
KILLS = 20


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    expected, found = tensors(one), tensors(other)
    assert expected.keys() == found.keys()
    return [name for name in expected if not torch.equal(expected[name], found[name])]


LONGER = {"pretrain": "8", "train-classifier": "40", "fixmatch": "12"}


@pytest.mark.parametrize(
    ("stage", "more"),
    [*((stage, ()) for stage in STAGES), ("fixmatch", ("--pseudo-label", "softmatch", "--ema-decay", "0.9"))],
)
def test_twenty_kills_change_nothing(
    stage: str, more: tuple[str, ...], tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """Kills fall anywhere in a process's life; a run that ends before the twentieth is begun anew."""
    flags = ("--num-epochs", LONGER[stage], *more)
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    started = time.monotonic()
    done = barlowmatch(*words(stage, seed_layout, whole, *flags))
    assert done.returncode == 0, done.stderr
    usual = time.monotonic() - started
    moments = random.Random(stage)
    command = [*words(stage, seed_layout, killed, *flags), "--resume", "auto", "--checkpoint-minutes", "0.0001"]
    kills = 0
    while kills < KILLS:
        started = time.monotonic()
        if survives(command, moments.uniform(0.2, 1.0) * usual):
            usual = min(usual, time.monotonic() - started)  # else a machine that is less busy by now kills hardly any
            assert differing(load_checkpoint(whole), load_checkpoint(killed)) == []
            killed.unlink()
            shutil.rmtree(killed.with_suffix(".run"))
        else:
            kills += 1
    done = barlowmatch(*command)
    assert done.returncode == 0, done.stderr
    assert differing(load_checkpoint(whole), load_checkpoint(killed)) == []


def survives(command: list[str], seconds: float) -> bool:
    """Return whether a run ended before it was killed after so many seconds."""
    process = subprocess.Popen([sys.executable, "-m", "barlowmatch", *command], stderr=subprocess.DEVNULL)
    try:
        assert process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def step_back(checkpoint: dict[str, Any]) -> None:
    """Lose the position from which sampler and randomness derive."""
    checkpoint["step"] -= 1


def forget_momentum(checkpoint: dict[str, Any]) -> None:
    checkpoint["optimizer"]["state"] = {}


def forget_average(checkpoint: dict[str, Any]) -> None:
    for value in tensors(checkpoint["ema"]).values():
        value.zero_()


def forget_weighting(checkpoint: dict[str, Any]) -> None:
    for value in checkpoint["task"].values():
        value.fill_(1 / max(1, value.numel()))


@pytest.mark.parametrize("lose", [step_back, forget_momentum, forget_average, forget_weighting])
def test_what_is_lost_would_be_seen(
    lose: Callable[[dict[str, Any]], None], tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """The comparison goes red when the position or one part of the state is not kept."""
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    flags = ("--pseudo-label", "softmatch", "--ema-decay", "0.9")
    assert barlowmatch(*words("fixmatch", seed_layout, whole, *flags)).returncode == 0
    kill_after_steps(seed_layout, killed, "fixmatch", 5, signal.SIGTERM, *flags)
    checkpoint = load_checkpoint(killed)
    lose(checkpoint)
    save_checkpoint(killed, checkpoint)
    assert barlowmatch(*words("fixmatch", seed_layout, killed, *flags, "--resume", "auto")).returncode == 0
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
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
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
