"""What speed costs: kNN accuracy after equal epochs, as the machine likes to compute against plain fp32, three seeds.

Both are `pretrain` with the preset `quick` on the same images of CIFAR-10, differing in `--precision` alone: `auto`
takes bfloat16 where that is faster, else Winograd's algorithm, which the network of `quick` is too thin for: this one
is wider. Views, layout and optimizer are the same code; their equality to the published ones is tested operation by
operation.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.datasets import write_cifar10
from benchmarks.measuring import LARS, barlowmatch, read_result, table

SIDES = {"fast": "auto", "plain": "float32"}


def knn(data: Path, home: Path, precision: str, seed: int, epochs: int, backbone: str) -> float:
    """Pretrain and return the kNN accuracy on the validation split in percent."""
    folder = home / f"{precision}-{seed}"
    barlowmatch(
        "pretrain", "--preset", "quick", "--dataset-folder", str(data), "--cache-folder", str(home / "cache"),
        *LARS, "--run-dir", str(folder), "--num-epochs", str(epochs), "--seed", str(seed),
        "--precision", precision, "--backbone", backbone,
    )  # fmt: skip
    return 100 * float(read_result(folder)["knn_accuracy"])


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the accuracies and their mean difference in points."""
    parser = argparse.ArgumentParser(prog="benchmarks speed-costs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="labeled images to learn from")
    parser.add_argument("--val", type=int, default=2_000, help="images to judge by")
    parser.add_argument("--epochs", type=int, default=10, help="passes of each run")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of runs")
    parser.add_argument("--backbone", default="resnet18_half", help="network")
    options = parser.parse_args(argv)
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_cifar10(home / "cifar10", options.images, options.images, options.val)
        for seed in range(options.seeds):
            for name, precision in SIDES.items():
                accuracy = knn(home / "cifar10", home, precision, seed, options.epochs, options.backbone)
                found[name].append(round(accuracy, 2))
                print(f"seed {seed}, {name}: {found[name][-1]} %", flush=True)
    pairs = list(zip(found["fast"], found["plain"], strict=True))
    print(table(("seed", *SIDES), [[str(seed), *map(str, pair)] for seed, pair in enumerate(pairs)]))
    return {**found, "difference": round(mean(fast - plain for fast, plain in pairs), 2)}
