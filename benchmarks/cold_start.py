"""No label at all: how many of the ten digits the first ten requests touch, and whether `--minutes` ends in time."""

import argparse
import csv
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.datasets import true_label, write_digits
from benchmarks.measuring import barlowmatch, table

BUDGET, SEEDS = 10, 10
STRATEGIES = ("auto", "random")


def run(arguments: list[str]) -> dict[str, Any]:
    """Return the mean number of classes touched by each strategy, and the minutes that pretraining took."""
    parser = argparse.ArgumentParser(prog="benchmarks cold-start")
    parser.add_argument("--minutes", type=float, default=3.0, help="time for pretraining")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_digits(home / "digits", labeled=0, val=0)
        checkpoint, representations = str(home / "pretrained.pt"), str(home / "representations")
        started = time.monotonic()
        barlowmatch(
            "pretrain", "--preset", "quick", "--dataset-folder", str(home / "digits"),
            "--views", "digits", "--image-size", "16", "--batch-size", "128", "--minutes", str(options.minutes),
            "--checkpoint-path", checkpoint,
        )  # fmt: skip
        took = (time.monotonic() - started) / 60
        barlowmatch(
            "embed", "--dataset-folder", str(home / "digits"), "--checkpoint-path", checkpoint,
            "--out-path", representations,
        )  # fmt: skip
        touched = {name: [_touched(home, name, seed) for seed in range(SEEDS)] for name in STRATEGIES}
    print(table(("strategy", "mean", "each seed"), [(name, f"{mean(n):.1f}", str(n)) for name, n in touched.items()]))
    return {
        **{f"classes_{name}": round(mean(counts), 2) for name, counts in touched.items()},
        "minutes_asked": options.minutes,
        "minutes_taken": round(took, 3),
    }


def _touched(home: Path, strategy: str, seed: int) -> int:
    """Return how many different digits a request of ten holds."""
    request = home / f"{strategy}-{seed}"
    barlowmatch(
        "select", "--representations-path", str(home / "representations"), "--dest-path", str(request),
        "--strategy", strategy, "--budget", str(BUDGET), "--seed", str(seed),
    )  # fmt: skip
    with (request / "request.csv").open(encoding="utf-8", newline="") as file:
        return len({true_label(row["file"]) for row in csv.DictReader(file)})
