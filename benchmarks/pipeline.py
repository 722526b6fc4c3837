"""The three stages on 10,000 images of CIFAR-10, 5 % labeled: what each adds, in minutes on two cores."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.configs.inference import EvaluateConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.evaluation import knn_accuracy
from barlowmatch.events import silent
from barlowmatch.inference import embed_rows
from barlowmatch.machine.compute import Compute, choose_compute
from barlowmatch.models.network import Architecture, Network, seeded_network
from barlowmatch.stages.images import Images, load_images
from barlowmatch.stages.networks import restore_network
from benchmarks.datasets import true_label, write_cifar10
from benchmarks.measuring import barlowmatch, read_result, table


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the pipeline and return accuracies in percent and the seconds it took."""
    parser = argparse.ArgumentParser(prog="benchmarks pipeline")
    parser.add_argument("--home", type=Path, default=None, help="keep everything in this folder")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--pretrain-minutes", type=float, default=9)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        return _run(options.home or Path(temporary), options.images, options.pretrain_minutes)


def _run(home: Path, count: int, minutes: float) -> dict[str, Any]:
    started = time.monotonic()
    data = home / "cifar10"
    write_cifar10(data, train=count, labeled=count // 20, val=2000)
    pretrained, classifier, fixmatch = (home / f"{name}.pt" for name in ("pretrained", "classifier", "fixmatch"))
    common = ("--preset", "quick", "--dataset-folder", str(data))
    barlowmatch(
        "pretrain", *common, "--checkpoint-path", str(pretrained), "--minutes", str(minutes), quiet=False
    )  # fmt: skip
    barlowmatch(
        "train-classifier", *common, "--transfer-path", str(pretrained), "--checkpoint-path", str(classifier),
        "--best-path", str(home / "classifier-best.pt"), quiet=False,
    )  # fmt: skip
    barlowmatch(
        "fixmatch", *common, "--transfer-path", str(home / "classifier-best.pt"), "--checkpoint-path", str(fixmatch),
        quiet=False,
    )  # fmt: skip
    figures = _knn(data, pretrained)
    figures |= {
        name: round(100 * read_result(home / f"{name}.run")["val"]["accuracy"], 2)
        for name in ("classifier", "fixmatch")
    }
    figures["seconds"] = round(time.monotonic() - started)
    print(table(("figure", "value"), [(name, str(value)) for name, value in figures.items()]))
    return figures


def _knn(data: Path, pretrained: Path) -> dict[str, float]:
    """Return kNN accuracies with all pool images voting by their true labels: pretrained, and the same untrained."""
    checkpoint = load_checkpoint(pretrained)
    architecture = Architecture.from_dict(checkpoint["architecture"])
    config = EvaluateConfig(dataset_folder=data)
    compute = choose_compute(config)
    images = load_images(read_dataset(config), config, compute, silent, architecture)
    networks = {
        "knn_untrained": seeded_network(architecture, 0, checkpoint["config"]["seed"]),
        "knn_pretrained": restore_network(checkpoint, pretrained),
    }
    figures = {name: round(100 * _accuracy(network, images, compute), 2) for name, network in networks.items()}
    return figures | {"knn_gain": round(figures["knn_pretrained"] - figures["knn_untrained"], 2)}


def _accuracy(network: Network, images: Images, compute: Compute) -> float:
    compute.prepare(network)
    names = images.dataset.class_names
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[true_label(file)] for file in images.dataset.files], np.int64)
    bank, queries = images.learnable, images.val
    return knn_accuracy(
        embed_rows(network, images.store, bank, compute),
        labels[bank],
        embed_rows(network, images.store, queries, compute),
        labels[queries],
        classes=len(names),
    )
