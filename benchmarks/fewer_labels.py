"""How many labels BarlowMatch saves: beside it the same network, trained on random labels alone.

All are judged by the same images, of which none learns. The network on labels alone takes the best of several learning
rates at each number of labels; BarlowMatch takes its recipe as it is, its classifier and FixMatch after it.
"""

import argparse
import csv
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.datasets import PICTURES, Pictures, true_label
from benchmarks.measuring import barlowmatch, final_accuracy, table

BACKBONE = "resnet18_quarter"
"""The network of the recipe `quick`, for both sides."""
RATES = ("0.001", "0.003")
USUAL_BATCH = 64
Accuracies = dict[int, list[float]]
"""Accuracy in percent of each seed, by the number of labels."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return accuracies in percent and how many times fewer labels were needed."""
    parser = argparse.ArgumentParser(prog="benchmarks fewer-labels", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", choices=list(PICTURES), default="fashion-mnist")
    parser.add_argument("--epochs", default="7", help="passes of pretraining")
    parser.add_argument("--asked", type=int, nargs="+", default=[20, 40, 80], help="labels that BarlowMatch asks for")
    parser.add_argument("--alone", type=int, nargs="+", default=[50, 100, 200, 500], help="labels alone")
    parser.add_argument("--steps", type=int, default=400, help="least steps on labels alone")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=None, help="draw the curves into this PNG file")
    options = parser.parse_args(arguments)
    sides: dict[str, Accuracies] = {"fixmatch": {}, "classifier": {}, "labels_alone": {}}
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary), PICTURES[options.data])
        for seed in range(options.seeds):
            for side, count, accuracy in bench.learn(options.asked, options.epochs, options.alone, options.steps, seed):
                sides[side].setdefault(count, []).append(accuracy)
            print(table(("side", "labels", "median", "each seed", "times fewer"), list(rows(sides))), flush=True)
    if options.plot is not None:
        plot(options.plot, options.data, sides)
    saved = {
        count: times_fewer(count, median(found), sides["labels_alone"]) for count, found in sides["fixmatch"].items()
    }
    return {**{f"{side}_accuracy": accuracies for side, accuracies in sides.items()}, "times_fewer": saved}


class Bench:
    """Runs the product's commands in one folder, on one set of pictures."""

    def __init__(self, home: Path, pictures: Pictures) -> None:
        self.home = home
        self.folder = home / "dataset"
        pictures.write(self.folder / "images")
        files = sorted((self.folder / "images").rglob("*.*"))
        self.files = [path.relative_to(self.folder).as_posix() for path in files]
        self.pool = [file for file in self.files if not file.startswith("images/val/")]
        self.common = ("--preset", "quick", "--cache-folder", str(home / "cache"), *pictures.flags)

    def learn(
        self, asked: Sequence[int], epochs: str, alone: Sequence[int], steps: int, seed: int
    ) -> Iterator[tuple[str, int, float]]:
        """Yield side, number of labels and accuracy."""
        for count, classifier, fixmatch in self._ask(asked, epochs, seed):
            yield "classifier", count, classifier
            yield "fixmatch", count, fixmatch
        for count in alone:
            yield "labels_alone", count, self._learn_alone(count, steps, seed)

    def _ask(self, counts: Sequence[int], epochs: str, seed: int) -> Iterator[tuple[int, float, float]]:
        """Pretrain, then ask for labels up to each of the counts in turn; yield what was learned from so many."""
        pretrained = self.home / f"pretrained-{seed}"
        self._run("pretrain", self._manifest([]), seed, pretrained, "--num-epochs", epochs)
        answered: list[str] = []
        for count in counts:
            answered += self._asked_for(count - len(answered), answered, pretrained / "last.pt", seed)
            manifest = self._manifest(answered)
            classifier, fixmatch = self.home / f"classifier-{seed}-{count}", self.home / f"fixmatch-{seed}-{count}"
            self._run("train-classifier", manifest, seed, classifier, "--transfer-path", str(pretrained / "last.pt"))
            self._run("fixmatch", manifest, seed, fixmatch, "--transfer-path", str(classifier / "best.pt"))
            yield count, final_accuracy(classifier), final_accuracy(fixmatch)

    def _learn_alone(self, count: int, steps: int, seed: int) -> float:
        """Return the accuracy of a network that learned from `count` random labels and nothing else."""
        order = np.random.default_rng(seed).permutation(len(self.pool))
        manifest = self._manifest([self.pool[place] for place in order[:count]])
        epochs = str(math.ceil(steps / max(1, round(count / USUAL_BATCH))))
        accuracies = []
        for rate in RATES:
            folder = self.home / f"alone-{seed}-{count}-{rate}"
            self._run(
                "train-classifier", manifest, seed, folder, "--backbone", BACKBONE, "--num-epochs", epochs,
                "--learning-rate-barlow", rate, "--learning-rate-classifier", rate,
            )  # fmt: skip
            accuracies.append(final_accuracy(folder))
        return max(accuracies)

    def _asked_for(self, count: int, answered: Sequence[str], checkpoint: Path, seed: int) -> list[str]:
        """Return the pictures that BarlowMatch asks for next."""
        embeddings, request = self.home / "embeddings", self.home / f"request-{seed}-{len(answered)}"
        barlowmatch(
            "embed", "--manifest", str(self._manifest(answered)), "--cache-folder", str(self.home / "cache"),
            "--checkpoint-path", str(checkpoint), "--out-path", str(embeddings),
        )  # fmt: skip
        barlowmatch(
            "select", "--representations-path", str(embeddings), "--dest-path", str(request), "--strategy", "auto",
            "--budget", str(count), "--seed", str(seed),
        )  # fmt: skip
        with (request / "request.csv").open(encoding="utf-8", newline="") as file:
            return [row["file"] for row in csv.DictReader(file)]

    def _manifest(self, labeled: Iterable[str]) -> Path:
        """Write which pictures have a label to learn from, and return where."""
        known, path = set(labeled), self.folder / "manifest.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("file", "split", "label"))
            for file in self.files:
                split = "val" if file.startswith("images/val/") else "train" if file in known else "unlabeled"
                writer.writerow((file, split, "" if split == "unlabeled" else true_label(file)))
        return path

    def _run(self, stage: str, manifest: Path, seed: int, folder: Path, *flags: str) -> None:
        """Run a stage; where it is judged, its last average is kept: the judges pick nothing."""
        kept = () if stage == "pretrain" else ("--select-best-from", str(10**9))
        barlowmatch(
            stage, *self.common, "--manifest", str(manifest), "--seed", str(seed), "--run-dir", str(folder), *kept,
            *flags,
        )  # fmt: skip


def times_fewer(count: int, accuracy: float, alone: Accuracies) -> float | None:
    """Return how many times `count` labels alone need to be as good, None where that is not among those measured.

    Between two numbers of labels the accuracy is taken to grow with their logarithm.
    """
    counts = sorted(alone)
    heights = np.maximum.accumulate([median(alone[number]) for number in counts])
    if not heights[0] <= accuracy <= heights[-1]:
        return None
    needed = math.exp(float(np.interp(accuracy, heights, np.log(counts))))
    return round(needed / count, 1)


def rows(sides: dict[str, Accuracies]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield what each side reached: medians, what they are of, and how many times fewer labels it took."""
    for side, accuracies in sides.items():
        for count, found in accuracies.items():
            times = None if side == "labels_alone" else times_fewer(count, median(found), sides["labels_alone"])
            saved = "" if side == "labels_alone" else str(times or "not measured")
            yield side, str(count), f"{median(found):.1f} %", ", ".join(f"{value:.1f}" for value in found), saved


def plot(path: Path, name: str, sides: dict[str, Accuracies]) -> None:
    """Draw accuracy over the number of labels, the medians as a line and each seed as a point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for side, label, color in (
        ("fixmatch", "BarlowMatch, labels it asked for", "#0f6e63"),
        ("labels_alone", "the same network, random labels alone", "#8a8a85"),
    ):
        counts = list(sides[side])
        axes.plot(counts, [median(sides[side][count]) for count in counts], color=color, marker="o", label=label)
        for count in counts:
            axes.plot([count] * len(sides[side][count]), sides[side][count], ".", color=color, alpha=0.4)
    ticks = sorted({*sides["fixmatch"], *sides["labels_alone"]})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("labels")
    axes.set_ylabel("accuracy, %")
    axes.set_title(name)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, format="png", dpi=130)
