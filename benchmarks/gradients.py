"""Loss and gradients of pretraining on a GPU: batch norms by our kernels, by torch's operations, and compiled by it."""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import silent
from barlowmatch.fast.residual import fuse_norms
from barlowmatch.machine.compute import Compute, choose_compute
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_pretraining_network
from barlowmatch.stages.pretrain import BarlowTwins
from barlowmatch.training.gradients import Gradients, ReplayedGradients
from benchmarks.datasets import write_cifar10_flat
from benchmarks.gpu import now
from benchmarks.measuring import table
from benchmarks.sides import plain

NETWORKS = {"resnet18": (32, 2048), "wide_resnet50_2": (96, 8192)}
"""Of each network, the side of the images in px and the width of the projector."""
STEPS = 10


def prepare(backbone: str, home: Path, toy: bool) -> tuple[Compute, dict[str, Callable[[], object]]]:
    """Return on what the network runs and, by side, what computes the gradients of one batch."""
    side, width = NETWORKS[backbone]
    batch, backbone, width = (8, "resnet18_quarter", 64) if toy else (512, backbone, width)
    write_cifar10_flat(home / "images", 2 * batch, side)
    config = PretrainConfig(
        dataset_folder=home / "images", cache_folder=home / "cache", backbone=backbone, val_share=0.0,
        batch_size=batch, projector_width=width,
    )  # fmt: skip
    compute = choose_compute(config)
    images = load_images(read_dataset(config), config, compute, silent)
    sides: dict[str, Callable[[], object]] = {}
    for name, steps in (("ours", 1), ("torch", 1), ("compiled", 10**9)):  # that long a run is worth compiling for
        network = build_pretraining_network(config, Origin(), images)
        network.to(device=compute.device).to(memory_format=torch.channels_last)
        task = BarlowTwins(network, images, config, compute).train()
        held = task.batch(0)
        if name == "ours":
            fuse_norms(network)
        if toy:
            gradients = Gradients(task, compute)
        else:
            gradients = ReplayedGradients(task, compute, held, steps=steps, minutes=None, emit=silent)
        sides[name] = lambda gradients=gradients, held=held: gradients(held)  # type: ignore[misc]
    return compute, sides


def milliseconds(gradients: Callable[[], object], compute: Compute) -> float:
    """Return what a pass takes, of some in a row."""
    started = now(compute)
    for _ in range(STEPS):
        gradients()
    return 1000 * (now(compute) - started) / STEPS


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return milliseconds and ratios by network."""
    parser = argparse.ArgumentParser(prog="benchmarks gradients", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="toy size, for a machine without a GPU")
    options = parser.parse_args(argv)
    if not options.toy and not torch.cuda.is_available():
        raise SystemExit("no GPU here; --toy runs the same at toy size on the CPU")
    found = {}
    for backbone in options.networks:
        with tempfile.TemporaryDirectory() as home:
            compute, sides = prepare(backbone, Path(home), options.toy)
            for side in sides.values():
                side()
            times = [{name: milliseconds(side, compute) for name, side in sides.items()} for _ in range(options.rounds)]
        found[backbone] = plain(
            **{f"{name}_ms": statistics.median(turn[name] for turn in times) for name in sides},
            **{
                f"ratio_vs_{name}": statistics.median(turn[name] / turn["ours"] for turn in times)
                for name in ("torch", "compiled")
            },
        )
        print(json.dumps({backbone: found[backbone]}), flush=True)
    rows = [[backbone, name, str(value)] for backbone, values in found.items() for name, value in values.items()]
    print(table(("network", "figure", "value"), rows))
    return found
