"""What it is worth that a pretrained network's norms know whole images: kNN accuracy before and after.

The same run's checkpoints as its steps left them and as it ends, all labels of the training part voting.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from barlowmatch.cli import parse_config
from barlowmatch.events import CheckpointSaved, Event
from barlowmatch.stages import pretrain
from benchmarks.datasets import PICTURES
from benchmarks.measuring import barlowmatch, table

NEIGHBOURS = (20, 200)


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return accuracies in percent."""
    parser = argparse.ArgumentParser(prog="benchmarks norm-statistics", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(PICTURES), default=list(PICTURES))
    parser.add_argument("--epochs", default="7", help="passes of pretraining")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args(arguments)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for data in options.data:
            PICTURES[data].write(home / data)
            for seed in range(options.seeds):
                for side, checkpoint in _pretrain(home, data, options.epochs, seed).items():
                    for neighbours in NEIGHBOURS:
                        accuracy = _judge(home, data, checkpoint, neighbours)
                        figures.setdefault(f"{data}_{side}_knn{neighbours}", []).append(accuracy)
    print(table(("figure", "mean", "each seed"), [(name, f"{mean(n):.2f}", str(n)) for name, n in figures.items()]))
    return dict(figures)


def _pretrain(home: Path, data: str, epochs: str, seed: int) -> dict[str, Path]:
    """Return the checkpoints of a run after its last step and after its end."""
    last, steps = home / f"{data}-{seed}" / "last.pt", home / f"{data}-{seed}.pt"
    flags = (
        "--preset", "quick", "--dataset-folder", str(home / data), "--cache-folder", str(home / "cache"),
        "--seed", str(seed), "--num-epochs", epochs, "--run-dir", str(last.parent), *PICTURES[data].flags,
    )  # fmt: skip
    total = 0

    def keep(event: Event) -> None:
        """Keep the first checkpoint of the last step: the run has yet to finish it."""
        nonlocal total
        if isinstance(event, CheckpointSaved) and event.step > total:
            total = event.step
            shutil.copyfile(event.path, steps)

    pretrain.run(parse_config("pretrain", flags), keep)
    return {"of_views": steps, "of_whole_images": last}


def _judge(home: Path, data: str, checkpoint: Path, neighbours: int) -> float:
    told = barlowmatch(
        "evaluate", "--dataset-folder", str(home / data), "--cache-folder", str(home / "cache"),
        "--checkpoint-path", str(checkpoint), "--knn", str(neighbours), "--json",
    )  # fmt: skip
    return round(100 * float(json.loads(told)["knn_accuracy"]), 2)
