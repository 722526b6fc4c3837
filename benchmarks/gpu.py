"""Pretraining on one GPU: CIFAR-10 by ResNet-18 to its kNN accuracy, and Wide-ResNet-50-2 at 96 px in pairs a second.

`benchmarks/gpu.sh` runs it; with `--toy` the same is done at toy size, on the CPU as well.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Progress, read_events, silent
from barlowmatch.intervals import wilson_interval
from barlowmatch.machine.compute import Compute, choose_compute
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_pretraining_network
from barlowmatch.stages.pretrain import BarlowTwins, Pair
from barlowmatch.training.loop import Trainer
from benchmarks.datasets import write_cifar10, write_cifar10_flat
from benchmarks.measuring import barlowmatch, table
from benchmarks.sides import plain
from benchmarks.steps import run_of, watched

PAPER_IMAGES, PAPER_EPOCHS = 512_000, 400
PARTS = ("wide-resnet", "cifar10")


@dataclass(frozen=True)
class Size:
    """How large the two runs are."""

    train: int
    val: int
    batch: int
    backbone: str
    wide: str
    wide_images: int
    wide_batch: int
    warm_up: int
    steps: int
    turns: int
    matrix: int


FULL = Size(50_000, 10_000, 512, "resnet18", "wide_resnet50_2", 8192, 512, 10, 30, 3, 8192)
TOY = Size(400, 100, 32, "resnet18_quarter", "resnet18_quarter", 200, 16, 1, 3, 1, 512)


def cifar10(home: Path, size: Size, *length: str) -> dict[str, Any]:
    """Pretrain as long as the flags `length` say; return kNN accuracy, pairs a second, and minutes of the command."""
    write_cifar10(home / "cifar10", size.train, size.train, size.val)
    started = time.monotonic()
    barlowmatch(
        "pretrain", "--preset", "small-images", "--backbone", size.backbone, "--dataset-folder", str(home / "cifar10"),
        "--cache-folder", str(home / "cache"), "--run-dir", str(home / "run"), "--batch-size", str(size.batch),
        *length, quiet=False,
    )  # fmt: skip
    minutes = (time.monotonic() - started) / 60
    judged = json.loads(
        barlowmatch(
            "evaluate", "--dataset-folder", str(home / "cifar10"), "--cache-folder", str(home / "cache"),
            "--checkpoint-path", str(home / "run" / "last.pt"), "--json",
        ).splitlines()[-1]
    )  # fmt: skip
    events = [event for event in read_events(home / "run" / "events.jsonl") if isinstance(event, Progress)]
    last = [event for event in events if event.work == "pretrain"][-1]
    accuracy = float(judged["knn_accuracy"])
    low, high = wilson_interval(accuracy * judged["count"], judged["count"])
    return plain(
        knn_accuracy=100 * accuracy,
        knn_accuracy_low=100 * low,
        knn_accuracy_high=100 * high,
        pairs_per_second=last.samples_rate,
        epochs=last.done * size.batch / size.train,
        minutes=minutes,
        minutes_for_200_epochs=200 * size.train / last.samples_rate / 60,
    )


def wide_resnet(home: Path, size: Size) -> dict[str, Any]:
    """Return pairs a second at 96 px from real data and from a batch at hand, and what that is of the chip."""
    write_cifar10_flat(home / "wide", size.wide_images, 96)
    config = PretrainConfig(
        dataset_folder=home / "wide", cache_folder=home / "cache", backbone=size.wide, val_share=0.0,
        batch_size=size.wide_batch, projector_width=8192 if size is FULL else 64, num_epochs=PAPER_EPOCHS,
    )  # fmt: skip
    compute = choose_compute(config)
    images = load_images(read_dataset(config), config, compute, silent)
    task = BarlowTwins(build_pretraining_network(config, Origin(), images), images, config, compute)
    trainer = Trainer(task, config, run_of(home / "wide-run"), compute, {})
    trainer.state.total_steps = PAPER_IMAGES * PAPER_EPOCHS // size.wide_batch  # as long a run as the paper's
    held = task.batch(0)
    real, synthetic = [], []
    for _ in range(size.turns):
        real.append(_pairs_per_second(trainer, size))
        task.batch = lambda step: held  # type: ignore[method-assign]
        synthetic.append(_pairs_per_second(trainer, size))
        del task.batch
    pairs = statistics.median(real)
    rate = _matrix_rate(compute, size.matrix)
    return plain(
        pairs_per_second=pairs,
        real_of_synthetic=statistics.median(map(truediv, real, synthetic)),
        share_of_matrix_rate=pairs * _work_of_a_pair(task, held, compute) / rate,
        matrix_tflops=rate / 1e12,
        paper_hours=PAPER_IMAGES * PAPER_EPOCHS / pairs / 3600,
    )


class _Measured(Exception):  # noqa: N818 - nothing went wrong
    """Enough steps were timed."""


def _pairs_per_second(trainer: Trainer, size: Size) -> float:
    """Go on training for some steps and return how many pairs a second it learned from, the first steps left out."""
    times: list[float] = []
    first = trainer.state.step + size.warm_up

    def look(step: int) -> None:
        if step in (first, first + size.steps):
            times.append(now(trainer.compute))
        if len(times) == 2:
            raise _Measured

    with suppress(_Measured), watched(trainer.task, look):
        trainer.train()
    return trainer.task.samples_per_step * size.steps / (times[1] - times[0])


def now(compute: Compute) -> float:
    """Return the time once the device has done what it was given."""
    if compute.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _work_of_a_pair(task: BarlowTwins, batch: Pair, compute: Compute) -> float:
    """Return the floating-point operations of a step, forward and back, by pair."""
    with FlopCounterMode(display=False) as counter, compute.context():
        task(batch)["loss"].backward()
    task.zero_grad()
    return float(counter.get_total_flops()) / len(batch.first)


def _matrix_rate(compute: Compute, side: int) -> float:
    """Return the operations a second of square bf16 matrix products."""
    one, other = (torch.randn(side, side, device=compute.device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        started = now(compute)
        one @ other
        best = min(best, now(compute) - started)
    return 2 * side**3 / best


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the figures of both runs."""
    parser = argparse.ArgumentParser(prog="benchmarks gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=200, help="of ResNet-18 on CIFAR-10")
    parser.add_argument("--minutes", type=float, help="for ResNet-18, in place of epochs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--home", type=Path, help="keep data and runs in this folder")
    parser.add_argument("--toy", action="store_true", help="toy size, for a machine without a GPU")
    options = parser.parse_args(argv)
    if not options.toy and not torch.cuda.is_available():
        raise SystemExit("no GPU here; --toy runs the same commands at toy size on the CPU")
    size = TOY if options.toy else FULL
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary)
        length = ("--minutes", options.minutes) if options.minutes else ("--num-epochs", options.epochs)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "wide-resnet": lambda: wide_resnet(home, size),
            "cifar10": lambda: cifar10(home, size, *map(str, length)),
        }
        found = {}
        for name in options.parts:
            found[name] = parts[name]()
            print(json.dumps({name: found[name]}), flush=True)
    rows = [[part, name, str(value)] for part, values in found.items() for name, value in values.items()]
    print(table(("run", "figure", "value"), rows))
    return found
