"""Embedding a folder of images: this project against the way of the original script, on the first pass and later ones.

The original script puts Pillow images through a DataLoader, the network in fp32, and joins the batches by torch.cat.
Both sides embed the same files of CIFAR-10 by the same ResNet-18 (3×3 stem), and write the result.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from barlowmatch.checkpoints import load_checkpoint, save_checkpoint
from barlowmatch.configs.inference import EmbedConfig
from barlowmatch.models.network import Architecture, seeded_network
from barlowmatch.stages.embed import run as embed
from barlowmatch.stages.networks import restore_network
from benchmarks.datasets import write_cifar10_flat
from benchmarks.measuring import table
from benchmarks.sides import Figures, Side, middle, plain, ratios, serve, take_turns

THREADS = WORKERS = 2
BATCH = 256
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def write_checkpoint(path: Path) -> None:
    """Write a checkpoint of an untrained network; what it has learned takes no time."""
    architecture = Architecture(
        backbone="resnet18", stem="small", image_size=32, fit="squash", mean=MEAN, std=STD, projector_width=512
    )
    network = seeded_network(architecture, 0, 0)
    assert network.projector is not None
    save_checkpoint(
        path,
        {
            "stage": "pretrain",
            "config": {},
            "classes": [],
            "architecture": architecture.to_dict(),
            "dataset": "",
            "step": 0,
            "total_steps": 0,
            "metrics": {},
            "backbone": network.backbone.state_dict(),
            "projector": network.projector.state_dict(),
        },
    )


def ours(home: Path) -> Callable[[], Figures]:
    """Return our side: the command itself, with an empty cache and then from it."""
    cache = home / "cache"
    config = EmbedConfig(
        dataset_folder=home / "images", checkpoint_path=home / "checkpoint.pt", out_path=home / "embeddings",
        cache_folder=cache, threads=THREADS, workers=WORKERS,
    )  # fmt: skip

    def timed() -> float:
        started = time.perf_counter()
        embed(config)
        return time.perf_counter() - started

    def measure() -> Figures:
        shutil.rmtree(cache, ignore_errors=True)
        return {"first_pass": timed(), "cached": timed()}

    return measure


def original(home: Path) -> Callable[[], Figures]:
    """Return the original script's way."""
    torch.set_num_threads(THREADS)
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    loader: DataLoader[Any] = DataLoader(
        ImageFolder(str(home / "images"), prepare), batch_size=BATCH, num_workers=WORKERS
    )
    network = restore_network(load_checkpoint(home / "checkpoint.pt"), home / "checkpoint.pt").backbone.eval()

    @torch.no_grad()
    def measure() -> Figures:
        started = time.perf_counter()
        embeddings = torch.zeros(0)
        for images, _ in loader:
            found: Tensor = network(images)
            embeddings = torch.cat([embeddings, found])
        torch.save(embeddings, home / "original.pt")
        return {"seconds": time.perf_counter() - started}

    return measure


SIDES = {"ours": ours, "original": original}


def compare(count: int, turns: int, home: Path) -> dict[str, Any]:
    """Return the figures of the first pass and of the later ones."""
    write_cifar10_flat(home / "images", count, 32)
    write_checkpoint(home / "checkpoint.pt")
    with Side("embed", "ours", str(home)) as mine, Side("embed", "original", str(home)) as theirs:
        found = take_turns({"ours": mine, "original": theirs}, turns)
    result: dict[str, Any] = {}
    for name in ("first_pass", "cached"):
        ours_found = [{"seconds": turn[name]} for turn in found["ours"]]
        result[name] = plain(
            ratio_vs_original=ratios(found["original"], ours_found, "seconds"),
            images_per_second=count / middle(ours_found, "seconds"),
            original_images_per_second=count / middle(found["original"], "seconds"),
        )
    return result


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratios."""
    parser = argparse.ArgumentParser(prog="benchmarks embed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=5000, help="images to embed")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side; the median counts")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        found = compare(options.images, options.turns, Path(home))
    header = ("pass", *(name.replace("_", " ") for name in found["cached"]))
    print(table(header, [[name.replace("_", " "), *map(str, values.values())] for name, values in found.items()]))
    return found


if __name__ == "__main__":
    serve(SIDES[sys.argv[1]](Path(sys.argv[2])))
