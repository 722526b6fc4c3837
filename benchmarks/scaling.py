"""One process against two under torchrun: pairs a second of pretraining with the same global batch, one thread each.

ResNet-18 (3×3 stem) on CIFAR-10. Efficiency is the rate of two processes over twice the rate of one.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from barlowmatch.events import Progress, read_events
from benchmarks.datasets import write_cifar10_flat
from benchmarks.measuring import table
from benchmarks.sides import plain


def pairs_per_second(processes: int, home: Path, batch: int, backbone: str) -> float:
    """Run a few steps of pretraining in so many processes and return the rate after the first ones."""
    folder = Path(tempfile.mkdtemp(dir=home)) / "run"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
        "-m", "barlowmatch", "pretrain", "--dataset-folder", str(home / "images"),
        "--cache-folder", str(home / "cache"), "--run-dir", str(folder), "--val-share", "0",
        "--threads", "1", "--num-epochs", "1", "--batch-size", str(batch), "--backbone", backbone,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    events = [event for event in read_events(folder / "events.jsonl") if isinstance(event, Progress)]
    steps = [event for event in events if event.work == "pretrain"]
    first = next(place for place, event in enumerate(steps) if event.done >= 2)
    return batch * (steps[-1].done - steps[first].done) / (steps[-1].time - steps[first].time)


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the rates and the efficiency."""
    parser = argparse.ArgumentParser(prog="benchmarks scaling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=128, help="pairs in a batch, over all processes")
    parser.add_argument("--steps", type=int, default=6, help="steps of a turn")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side; the median counts")
    parser.add_argument("--backbone", default="resnet18", help="network")
    options = parser.parse_args(argv)
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_cifar10_flat(home / "images", options.batch * options.steps, 32)
        for _ in range(options.turns):
            for processes, found in rates.items():
                found.append(pairs_per_second(processes, home, options.batch, options.backbone))
    efficiencies = [both / (2 * one) for one, both in zip(rates[1], rates[2], strict=True)]
    figures = plain(
        pairs_per_second_of_1=median(rates[1]),
        pairs_per_second_of_2=median(rates[2]),
        efficiency=median(efficiencies),
    )
    print(table(("figure", "value"), [(name.replace("_", " "), str(value)) for name, value in figures.items()]))
    return figures
