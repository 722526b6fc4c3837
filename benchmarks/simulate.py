"""Which strategy serves at few labels: pretrain without labels, embed, and let the known labels play the human."""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.datasets import write_cifar10, write_fashion_mnist
from benchmarks.measuring import LARS, barlowmatch

STRATEGIES = (
    "auto,kmeans,k-center,typiclust,probcover,maxherding,uherding,margin,badge,dropquery,balanced-oracle,inverted"
)
LOW_BUDGET = ("typiclust", "probcover", "maxherding")
"""Published to beat a random draw at 10 to 80 labels."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run pretraining where there is no checkpoint, and the simulation; return each strategy's gain on random."""
    parser = argparse.ArgumentParser(prog="benchmarks simulate")
    parser.add_argument("--data", choices=("cifar10", "fashion-mnist"), default="cifar10")
    parser.add_argument("--home", type=Path, default=Path("simulation-benchmark"), help="everything is kept here")
    parser.add_argument("--checkpoint", type=Path, default=None, help="pretrained weights instead of pretraining")
    parser.add_argument("--minutes", type=float, default=20, help="of pretraining")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--test-images", type=int, default=2_000)
    parser.add_argument("--budgets", default="10,20,40,80,160")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--strategies", default=STRATEGIES)
    parser.add_argument("--imbalance", type=float, default=1)
    options = parser.parse_args(arguments)
    data, dest = options.home / options.data, options.home / f"{options.data}-imbalance-{options.imbalance:g}"
    if not data.is_dir():
        if options.data == "cifar10":
            write_cifar10(data, train=options.images, labeled=options.images, val=options.test_images)
        else:
            write_fashion_mnist(data, train=options.images, labeled=options.images, val=options.test_images)
    checkpoint = options.checkpoint or options.home / f"{options.data}.pt"
    if not checkpoint.is_file():
        barlowmatch(
            "pretrain", "--preset", "quick", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint),
            *LARS, "--minutes", str(options.minutes), quiet=False,
        )  # fmt: skip
    representations = options.home / f"{options.data}-{checkpoint.stem}-representations"
    if not representations.is_dir():
        barlowmatch("embed", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint),
                    "--out-path", str(representations), quiet=False)  # fmt: skip
    shown = barlowmatch(
        "simulate", "--representations-path", str(representations), "--dest-path", str(dest),
        "--strategies", options.strategies, "--budgets", options.budgets, "--repeats", str(options.repeats),
        "--imbalance", str(options.imbalance), quiet=False,
    )  # fmt: skip
    print(shown)
    return figures(json.loads((dest / "summary.json").read_text(encoding="utf-8")))


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Return areas and gains on random in percent, and whether the published order shows at 10 to 80 labels."""
    rows = {row["strategy"]: row for row in summary["rows"]}
    low = [place for place, budget in enumerate(summary["budgets"]) if budget <= 80]
    return {
        "area": {name: round(100 * row["area"], 2) for name, row in rows.items()},
        "gain": {name: [round(100 * row["area_difference"][key], 2) for key in ("mean", "low", "high")]
                 for name, row in rows.items()},
        "above_random_at": {
            name: [summary["budgets"][place] for place in low if rows[name]["difference"][place]["low"] > 0]
            for name in LOW_BUDGET if name in rows
        },
    }  # fmt: skip
