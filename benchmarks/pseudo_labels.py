"""How guesses become labels in FixMatch: what few steps add to a classifier by each rule and rate.

One pretraining and one classifier a seed and data, on top of which each side fine-tunes: CIFAR-10, 5 % labeled,
handwritten digits, 50 of them labeled, and Fashion-MNIST, 40 labeled by chance.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.datasets import PICTURES
from benchmarks.measuring import FIXED, barlowmatch, final_accuracy, table

_FASTER = ("--learning-rate", "0.03", "--start-share")
SIDES = {
    "fixed_0.003": FIXED,
    "fixed_0.03": ("--pseudo-label", "fixed", *_FASTER, "0"),
    "softmatch_0.03": ("--pseudo-label", "softmatch", *_FASTER, "0"),
    "softmatch_0.03_quarter_of_the_start": ("--pseudo-label", "softmatch", *_FASTER, "0.25"),
    "freematch_0.03": ("--pseudo-label", "freematch", *_FASTER, "0"),
    "freematch_0.03_quarter_of_the_start": ("--pseudo-label", "freematch", *_FASTER, "0.25"),
}
"""By rule, rate, and share of the classifier in what is kept."""
LABELED = {"cifar10": 500, "digits": 50, "fashion-mnist": 40}
EPOCHS = {"cifar10": "3", "digits": "6", "fashion-mnist": "3"}


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return accuracies in percent."""
    parser = argparse.ArgumentParser(prog="benchmarks pseudo-labels", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(LABELED), default=list(LABELED))
    parser.add_argument("--preset", default="quick", help="recipe of all stages")
    parser.add_argument("--epochs", type=int, default=7, help="passes of pretraining")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each side")
    options = parser.parse_args(arguments)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for data in options.data:
            PICTURES[data].write(home / data, labeled=LABELED[data])
        for seed in range(options.seeds):
            for data in options.data:
                for side, accuracy in _learn(home, data, seed, options.preset, options.epochs).items():
                    figures.setdefault(f"{data}_{side}", []).append(accuracy)
                    print(f"seed {seed}, {data}, {side}: {accuracy} %", flush=True)
    print(table(("figure", "median", "each seed"), [(name, str(median(n)), str(n)) for name, n in figures.items()]))
    return dict(figures)


def _learn(home: Path, data: str, seed: int, preset: str, epochs: int) -> dict[str, float]:
    """Pretrain, train a classifier, and fine-tune it by each side; return the accuracies of all but the first."""
    common = (
        "--preset", preset, "--dataset-folder", str(home / data), "--cache-folder", str(home / "cache"),
        "--seed", str(seed), *PICTURES[data].flags,
    )  # fmt: skip
    pretrained, classifier = home / f"{data}-{seed}", home / f"{data}-{seed}-classifier"
    barlowmatch("pretrain", *common, "--num-epochs", str(epochs), "--run-dir", str(pretrained))
    barlowmatch(
        "train-classifier", *common, "--transfer-path", str(pretrained / "last.pt"), "--run-dir", str(classifier)
    )
    accuracies = {"classifier": final_accuracy(classifier)}
    for side, flags in SIDES.items():
        folder = home / f"{data}-{seed}-{side}"
        barlowmatch(
            "fixmatch", *common, *flags, "--num-epochs", EPOCHS[data],
            "--transfer-path", str(classifier / "best.pt"), "--run-dir", str(folder),
        )  # fmt: skip
        accuracies[side] = final_accuracy(folder)
    return accuracies
