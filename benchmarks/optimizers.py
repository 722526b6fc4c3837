"""LARS against Muon in pretraining: what was learned after equal epochs, by itself and with a classifier on top.

CIFAR-10, 5 % labeled; what was pretrained is judged by its kNN accuracy among the labeled images and by a classifier
trained with the preset's own recipe on top of it. Seeds are interleaved.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.datasets import write_cifar10
from benchmarks.measuring import LARS, barlowmatch, read_result, table

SIDES = {
    "lars": LARS,
    "muon": ("--optimizer", "muon", "--trust", "0.01"),
}


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return accuracies in percent and Muon's share of LARS' seconds."""
    parser = argparse.ArgumentParser(prog="benchmarks optimizers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="quick", help="recipe of both stages")
    parser.add_argument("--images", type=int, default=10_000, help="images to learn from")
    parser.add_argument("--val", type=int, default=4_000, help="images to judge by")
    parser.add_argument("--epochs", type=int, default=10, help="passes of pretraining")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of runs")
    options = parser.parse_args(arguments)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_cifar10(home / "cifar10", options.images, options.images // 20, options.val)
        for seed in range(options.seeds):
            for side in SIDES:
                for name, figure in _learn(home, side, seed, options.preset, options.epochs).items():
                    figures.setdefault(f"{side}_{name}", []).append(figure)
                    print(f"seed {seed}, {side}: {name} {figure}", flush=True)
    print(table(("figure", "median", "each seed"), [(name, str(median(n)), str(n)) for name, n in figures.items()]))
    pairs = zip(figures["muon_seconds"], figures["lars_seconds"], strict=True)
    return {**figures, "seconds_ratio": round(median(muon / lars for muon, lars in pairs), 2)}


def _learn(home: Path, side: str, seed: int, preset: str, epochs: int) -> dict[str, float]:
    """Pretrain and train a classifier; return the accuracies of both and the seconds that pretraining took."""
    common = (
        "--preset", preset, "--dataset-folder", str(home / "cifar10"), "--cache-folder", str(home / "cache"),
        "--seed", str(seed),
    )  # fmt: skip
    pretrained, classifier = home / f"{side}-{seed}", home / f"{side}-{seed}-classifier"
    started = time.monotonic()
    barlowmatch("pretrain", *common, *SIDES[side], "--num-epochs", str(epochs), "--run-dir", str(pretrained))
    seconds = time.monotonic() - started
    barlowmatch(
        "train-classifier", *common, "--transfer-path", str(pretrained / "last.pt"), "--run-dir", str(classifier)
    )
    return {
        "knn": round(100 * float(read_result(pretrained)["knn_accuracy"]), 2),
        "classifier": round(100 * float(read_result(classifier)["val"]["accuracy"]), 2),
        "seconds": round(seconds, 1),
    }
