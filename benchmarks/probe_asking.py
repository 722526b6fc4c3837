"""Does the order that the probe gives the queue teach more than a random one? CIFAR-10, the same 200 labels' worth."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.guessing.guesser import learn
from barlowmatch.guessing.linear_probe import Space, fit
from barlowmatch.guessing.propagation import NODES, Graph
from benchmarks.datasets import write_cifar10
from benchmarks.measuring import LARS, barlowmatch, paired_interval, table
from labeling.probe.process import ANCHORS, CANDIDATES, EVERY, TURNS
from labeling.probe.ranking import covered, doubt, herd

LABELS = 200
ON_HAND = 12
"""Images a page holds that keep their order, as `learning.js` has it."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Pretrain and embed unless that is done, label twice from each request, and return the paired difference."""
    parser = argparse.ArgumentParser(prog="benchmarks probe-asking")
    parser.add_argument("--home", type=Path, default=Path("probe-asking-benchmark"), help="everything is kept here")
    parser.add_argument("--representations", type=Path, default=None, help="an embeddings folder with labels instead")
    parser.add_argument("--minutes", type=float, default=12, help="of pretraining")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--request", type=int, default=CANDIDATES, help="images asked about, drawn at random")
    options = parser.parse_args(arguments)
    folder = options.representations or _embed(options.home, options.minutes)
    world = World(folder)
    rows = []
    for seed in range(options.seeds):
        request = np.random.default_rng(seed).choice(world.train, options.request, replace=False)
        rows.append((world.judge(world.asked(request, seed)), world.judge(request[:LABELS])))
    asked, drawn = 100 * np.array(rows).T
    mean, half = paired_interval(asked - drawn)
    shown = [
        (str(seed), f"{a:.1f}", f"{r:.1f}", f"{a - r:+.1f}")
        for seed, (a, r) in enumerate(zip(asked, drawn, strict=True))
    ]
    print(table(("seed", "asked", "random", "difference"), shown))
    print(f"difference {mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]")
    return {
        "asked": round(float(asked.mean()), 2), "random": round(float(drawn.mean()), 2),
        "difference": [round(mean, 2), round(mean - half, 2), round(mean + half, 2)], "seeds": options.seeds,
    }  # fmt: skip


class World:
    """Embeddings whose labels are known, but shown only when they are asked for."""

    def __init__(self, folder: Path) -> None:
        source = read_embeddings(folder)
        self.truth = source.labels
        self.train, self.test = np.flatnonzero(source.splits == "train"), np.flatnonzero(source.splits == "val")
        self.space = Space.of(source.unit_vectors(np.arange(len(source))))
        self.graph = Graph.of(self.space, np.sort(np.random.default_rng(0).permutation(len(source))[:NODES]))

    def judge(self, labeled: Rows) -> float:
        """Return the accuracy on the test images of a probe that knows some labels."""
        probe = fit(self.space.features(labeled), self.truth[labeled])
        guessed = probe.classes[probe.probabilities(self.space.features(self.test)).argmax(1)]
        return float((guessed == self.truth[self.test]).mean())

    def asked(self, request: Rows, seed: int) -> Rows:
        """Return what is labeled of a request whose rest is put in order after each `EVERY` labels."""
        vectors = self.space.vectors
        anchors = np.random.default_rng(seed).choice(self.train, min(ANCHORS, len(self.train)), replace=False)
        done, queue = request[:0], request
        while len(done) < LABELS:
            done, queue = np.concatenate([done, queue[:EVERY]]), queue[EVERY:]
            weights = doubt(learn(self.graph, done, self.truth[done]).probabilities(anchors))
            on_hand, waiting = queue[:ON_HAND], np.sort(queue[ON_HAND:])
            known = covered(vectors(anchors), vectors, np.concatenate([done, on_hand]))
            turns = herd(vectors(waiting), vectors(anchors), weights, known, TURNS)
            queue = np.concatenate([on_hand, waiting[turns], np.delete(waiting, turns)])
        return done[:LABELS]


def _embed(home: Path, minutes: float) -> Path:
    """Return embeddings of CIFAR-10 by a short pretraining, made where they are not there yet."""
    data, checkpoint, folder = home / "cifar10", home / "pretrained.pt", home / "representations"
    if not data.is_dir():
        write_cifar10(data, train=10_000, labeled=10_000, val=2_000)
    if not checkpoint.is_file():
        barlowmatch(
            "pretrain", "--preset", "quick", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint),
            *LARS, "--minutes", str(minutes), quiet=False,
        )  # fmt: skip
    if not folder.is_dir():
        barlowmatch(
            "embed", "--dataset-folder", str(data), "--checkpoint-path", str(checkpoint), "--out-path", str(folder),
            quiet=False,
        )  # fmt: skip
    return folder
