"""How often the guesses shown while people label are right: the linear probe alone, and with label propagation."""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.guessing.guesser import learn
from barlowmatch.guessing.linear_probe import fit
from benchmarks.datasets import PICTURES
from benchmarks.measuring import barlowmatch, paired_interval, table
from benchmarks.probe_asking import World

LABELS = (10, 20, 40, 80, 160, 320)


def run(arguments: list[str]) -> dict[str, Any]:
    """Pretrain and embed, learn from labels drawn at random, and return accuracies in percent on what has none."""
    parser = argparse.ArgumentParser(prog="benchmarks guesses", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", choices=list(PICTURES), nargs="+", default=["digits", "fashion-mnist"])
    parser.add_argument("--steps", type=int, default=500, help="of pretraining, each")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for name in options.data:
        with tempfile.TemporaryDirectory() as temporary:
            figures[name] = _measure(World(_embed(Path(temporary), name, options.steps)), options.seeds)
        shown = [
            (
                labels,
                f"{row['probe']:.1f}",
                f"{row['both']:.1f}",
                "{:+.1f} [{:+.1f}, {:+.1f}]".format(*row["difference"]),
            )
            for labels, row in figures[name]["labels"].items()
        ]
        print(table((f"{name}, labels", "probe", "with propagation", "difference"), shown), flush=True)
    return figures


def _measure(world: World, seeds: int) -> dict[str, Any]:
    """Return, for each number of labels, the mean accuracies and their paired difference; and seconds of a fit."""
    found: dict[str, Any] = {}
    seconds: list[float] = []
    for count in LABELS:
        rows = []
        for seed in range(seeds):
            known = np.random.default_rng(seed).permutation(world.train)[:count]
            started = time.perf_counter()
            guesser = learn(world.graph, known, world.truth[known])
            seconds.append(time.perf_counter() - started)
            right = guesser.classes[guesser.probabilities(world.test).argmax(1)] == world.truth[world.test]
            rows.append((_alone(world, known), float(right.mean())))
        alone, both = 100 * np.array(rows).T
        mean, half = paired_interval(both - alone)
        found[str(count)] = {
            "probe": round(float(alone.mean()), 2), "both": round(float(both.mean()), 2),
            "difference": [round(mean, 2), round(mean - half, 2), round(mean + half, 2)],
        }  # fmt: skip
    return {"labels": found, "fit_s": round(median(seconds), 3), "fit_max_s": round(max(seconds), 3)}


def _alone(world: World, known: Rows) -> float:
    probe = fit(world.space.features(known), world.truth[known])
    guessed = probe.classes[probe.probabilities(world.space.features(world.test)).argmax(1)]
    return float((guessed == world.truth[world.test]).mean())


def _embed(home: Path, name: str, steps: int) -> Path:
    pictures, data, checkpoint = PICTURES[name], home / "images", home / "pretrained.pt"
    pictures.write(data)
    barlowmatch(
        "pretrain", "--preset", "quick", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint),
        *pictures.flags, "--num-epochs", "1", "--least-steps", str(steps), "--cache-folder", str(home / "cache"),
    )  # fmt: skip
    barlowmatch(
        "embed", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint),
        "--out-path", str(home / "representations"), "--cache-folder", str(home / "cache"),
    )  # fmt: skip
    return home / "representations"
