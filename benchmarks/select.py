"""Choosing at the paper's scale: k-means and k-center beside the plain ways, every strategy's time and memory."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles, read_embeddings
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.selection.catalog import CATALOG
from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.distances import nearest
from barlowmatch.selection.farthest_first import farthest_first
from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.spaces import Euclidean
from benchmarks.measuring import table

PAPER = {"size": 512_000, "dimension": 2048, "labeled": 25_600, "budget": 12_800, "classes": 800}
SMALL = {"size": 50_000, "dimension": 512, "labeled": 2_500, "budget": 1_000, "classes": 100}
PARTS = ("kmeans", "k-center", "strategies", "small", "growth")
SIXTYFOURTHS = (1, 2, 8, 64)
"""Sizes of the growth table, in sixty-fourths of the given size."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure and return ratios, seconds and megabytes."""
    parser = argparse.ArgumentParser(prog="benchmarks select")
    parser.add_argument("--home", type=Path, default=None, help="keep the synthetic embeddings in this folder")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", nargs="+", choices=list(CATALOG), default=list(CATALOG), metavar="STRATEGY")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each side of a comparison; the median counts")
    for name, value in PAPER.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--worker", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return measure_here(options.home, options.worker, options.budget)
    with tempfile.TemporaryDirectory() as temporary:
        return _run(options, options.home or Path(temporary))


def _run(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    scale = {name: getattr(options, name) for name in PAPER}
    strategies: dict[str, dict[str, Any]] = {name: {} for name in options.only}
    figures: dict[str, Any] = {"strategies": strategies}
    if "small" in options.parts:
        folder = synthetic(home / "small", SMALL)
        for name in options.only:
            measured = measure_apart(folder, name, SMALL["budget"])
            strategies[name] |= {"seconds_50k": measured["seconds"], "peak_mb_50k": measured["peak_mb"]}
    if "strategies" in options.parts:
        for name in options.only:
            strategies[name] |= measure_at(home, name, scale)
    if "growth" in options.parts:
        for name in options.only:
            strategies[name]["growth"] = growth(home, name, scale, strategies[name].get("seconds"))
    for part, compare in (("kmeans", compare_kmeans), ("k-center", compare_k_center)):
        if part in options.parts:
            pool = Pool.from_embeddings(read_embeddings(synthetic(home / f"size-{scale['size']}", scale)))
            figures[part.replace("-", "_")] = compare(pool, options.rounds)
    print_strategies(strategies)
    return figures


def synthetic(folder: Path, scale: dict[str, int]) -> Path:
    """Write clustered unit vectors with class probabilities as an embeddings folder, and return it."""
    if (folder / "meta.json").is_file():
        return folder
    started = time.monotonic()
    dice = torch.Generator().manual_seed(0)
    rows, labeled, classes = scale["size"] + scale["labeled"], scale["labeled"], scale["classes"]
    centres = torch.nn.functional.normalize(torch.randn(classes, scale["dimension"], generator=dice))
    truth = torch.randint(classes, (rows,), generator=dice)
    files = [f"{'train' if row < labeled else 'unlabeled'}/{row:07d}.png" for row in range(rows)]
    splits = ["train" if row < labeled else "unlabeled" for row in range(rows)]
    labels = [f"class {truth[row]}" if row < labeled else "" for row in range(rows)]
    with EmbeddingsWriter(
        folder, EmbeddedFiles(files, splits, labels, [""] * rows), dimension=scale["dimension"],
        classes=[ImageClass(place, f"class {place}") for place in range(classes)], checkpoint="synthetic",
        with_probabilities=True,
    ) as writer:  # fmt: skip
        for part in torch.split(torch.arange(rows), 8192):
            noise = torch.randn(len(part), scale["dimension"], generator=dice) / scale["dimension"] ** 0.5
            points = torch.nn.functional.normalize(centres[truth[part]] + noise)
            shares = (12 * points @ centres.T).softmax(1)
            writer.write(part.numpy(), points.numpy(), shares.numpy())
    print(f"{rows} × {scale['dimension']} synthetic embeddings in {time.monotonic() - started:.0f} s", flush=True)
    return folder


def measure_apart(folder: Path, name: str, budget: int) -> dict[str, Any]:
    """Run one strategy in a process of its own and return its seconds and peak megabytes."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks", "select",
         "--worker", name, "--home", str(folder), "--budget", str(budget)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    print(f"{name}: {budget} picks of {folder.name}, {result['seconds']:.1f} s, {result['peak_mb']} MB", flush=True)
    return result


def measure_here(folder: Path, name: str, budget: int) -> dict[str, Any]:
    """Choose as `select` does, from the folder on the disk to the picks."""
    started = time.monotonic()
    pool = Pool.from_embeddings(read_embeddings(folder))
    create_strategy(name).select(pool, budget)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": round(time.monotonic() - started, 1), "peak_mb": peak}


def measure_at(home: Path, name: str, scale: dict[str, int]) -> dict[str, Any]:
    """Run one strategy on synthetic embeddings of some size."""
    return measure_apart(synthetic(home / f"size-{scale['size']}", scale), name, scale["budget"])


def growth(home: Path, name: str, scale: dict[str, int], at_full_size: float | None) -> float:
    """Return the slope of log seconds over log size, labeled images and budget growing alike."""
    seconds = []
    for part in SIXTYFOURTHS:
        smaller = {
            key: value if key in ("dimension", "classes") else value * part // 64 for key, value in scale.items()
        }
        known = at_full_size if smaller == scale else None
        seconds.append(measure_at(home, name, smaller)["seconds"] if known is None else known)
    return round(float(np.polyfit(np.log(SIXTYFOURTHS), np.log(np.maximum(seconds, 0.1)), 1)[0]), 2)


def compare_kmeans(pool: Pool, rounds: int) -> dict[str, float]:
    """Cluster the labeled vectors and measure all others, beside scikit-learn, both from memory."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin_min

    clusters = len(pool.class_names)
    labeled = pool.labeled.whole().numpy()
    unlabeled = pool.unlabeled.whole().numpy()
    ours, theirs, inertias = [], [], []
    for seed in range(rounds):
        started = time.monotonic()
        clustering = kmeans(pool.labeled, clusters, np.random.default_rng(seed))
        between = time.monotonic()
        nearest(pool.unlabeled, clustering.centres)
        ours.append(time.monotonic() - started)
        inertia = clustering.inertia(pool.labeled)
        print(f"kmeans, ours: {between - started:.1f} s + {ours[-1] - between + started:.1f} s, "
              f"{clustering.passes} passes, inertia {inertia:.1f}", flush=True)  # fmt: skip
        started = time.monotonic()
        peer = KMeans(clusters, n_init=1, random_state=seed).fit(labeled)
        between = time.monotonic()
        pairwise_distances_argmin_min(unlabeled, peer.cluster_centers_)
        theirs.append(time.monotonic() - started)
        print(f"kmeans, scikit-learn: {between - started:.1f} s + {theirs[-1] - between + started:.1f} s, "
              f"{peer.n_iter_} passes, inertia {peer.inertia_:.1f}", flush=True)  # fmt: skip
        inertias.append(inertia / peer.inertia_)
    return {
        "ratio_vs_sklearn": round(median(theirs) / median(ours), 2), "inertia_ratio": round(median(inertias), 4),
        "seconds": round(median(ours), 1), "seconds_sklearn": round(median(theirs), 1),
    }  # fmt: skip


def compare_k_center(pool: Pool, rounds: int, picks: int = 1200, dense_picks: int = 60) -> dict[str, float]:
    """Choose farthest first, beside one dense pass a pick over the same vectors in memory.

    Both go on from the same distances: to some of the labeled vectors, as those to all take minutes and tell nothing.
    """
    vectors = pool.unlabeled.whole()
    start, _ = nearest(pool.unlabeled, pool.labeled.whole()[::16])
    ours, theirs = [], []
    for _ in range(rounds):
        started = time.monotonic()
        lazy, _ = farthest_first(Euclidean(pool.unlabeled), start.clone(), picks)
        ours.append((time.monotonic() - started) / picks)
        started = time.monotonic()
        dense = dense_farthest_first(vectors, start.clone(), dense_picks)
        theirs.append((time.monotonic() - started) / dense_picks)
    same = int((lazy[:dense_picks] == dense).sum())
    print(f"k-center: {1e3 * median(ours):.1f} ms a pick, dense {1e3 * median(theirs):.1f} ms, "
          f"{same} of the first {dense_picks} picks the same", flush=True)  # fmt: skip
    return {
        "ratio_vs_dense": round(median(theirs) / median(ours), 1), "ms_a_pick": round(1e3 * median(ours), 2),
        "ms_a_pick_dense": round(1e3 * median(theirs), 2), "same_picks": round(same / dense_picks, 4),
    }  # fmt: skip


def dense_farthest_first(vectors: Tensor, minima: Tensor, count: int) -> Tensor:
    """Choose farthest first the plain way: one pass over all unit vectors a pick."""
    places = []
    for _ in range(count):
        place = int(minima.argmax())
        places.append(place)
        torch.minimum(minima, 2 - 2 * (vectors @ vectors[place]), out=minima)
        minima[place] = -1
    return torch.tensor(places)


def print_strategies(strategies: dict[str, dict[str, Any]]) -> None:
    """Print a row a strategy."""
    columns = ("seconds", "peak_mb", "seconds_50k", "peak_mb_50k", "growth")
    rows = [(name, *(str(figures.get(column, "")) for column in columns)) for name, figures in strategies.items()]
    print(table(("strategy", *columns), rows), flush=True)
