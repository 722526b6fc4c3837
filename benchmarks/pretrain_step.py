"""Pretraining, from image files to updated weights: this project against lightly's documented loop, fp32, 2 workers.

All train ResNet-18 (3×3 stem) with a projector of 2048 on the same files of CIFAR-10. The other side is lightly's
example for Barlow Twins: its dataset, transform, head and loss, a DataLoader with two workers, SGD. A third side is
that example with the two lines that people who know torch add: channels_last, and bfloat16 autocast.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.views import SMALL_IMAGE
from barlowmatch.events import silent
from barlowmatch.machine.compute import choose_compute
from barlowmatch.models.backbones import build_backbone, natural_stem
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_pretraining_network
from barlowmatch.stages.pretrain import BarlowTwins
from benchmarks.datasets import write_cifar10_flat
from benchmarks.measuring import table
from benchmarks.sides import Figures, Side, middle, plain, ratios, serve, take_turns
from benchmarks.steps import time_loop, time_trainer

THREADS = WORKERS = 2
WIDTH = 2048
IMAGES = 4096


def ours(folder: Path, size: int, batch: int, steps: int) -> Callable[[], Figures]:
    """Return our side: the stage's own task in the only training loop, its images decoded into the cache."""
    config = PretrainConfig(
        dataset_folder=folder, image_size=size, cache_folder=folder.with_name("cache"), threads=THREADS,
        val_share=0.0, batch_size=batch, projector_width=WIDTH,
    )  # fmt: skip
    compute = choose_compute(config)
    dataset = read_dataset(config)
    started = time.perf_counter()
    images = load_images(dataset, config, compute, silent)
    decoding = (time.perf_counter() - started) / len(dataset)
    network = build_pretraining_network(config, Origin(), images)
    task = BarlowTwins(network, images, config, compute)
    measure = time_trainer(task, config, compute, folder.with_name("run"), steps)
    return lambda: {**measure(), "decoding_seconds": decoding * batch}


def lightly(folder: Path, size: int, batch: int, steps: int) -> Callable[[], Figures]:
    """Return lightly's documented loop."""
    return _lightly(folder, size, batch, steps, torch.contiguous_format, torch.float32)


def tuned(folder: Path, size: int, batch: int, steps: int) -> Callable[[], Figures]:
    """Return the same with channels last, in bfloat16."""
    return _lightly(folder, size, batch, steps, torch.channels_last, torch.bfloat16)


def _lightly(
    folder: Path, size: int, batch: int, steps: int, layout: torch.memory_format, precision: torch.dtype
) -> Callable[[], Figures]:
    """Return lightly's loop; at 32 px its example, like the paper's recipe, leaves the blur out."""
    from lightly.data import LightlyDataset
    from lightly.loss import BarlowTwinsLoss
    from lightly.models.modules import BarlowTwinsProjectionHead
    from lightly.transforms.byol_transform import BYOLTransform, BYOLView1Transform, BYOLView2Transform

    torch.set_num_threads(THREADS)
    small = size <= SMALL_IMAGE
    transform = BYOLTransform(
        BYOLView1Transform(input_size=size, gaussian_blur=0.0 if small else 1.0),
        BYOLView2Transform(input_size=size, gaussian_blur=0.0 if small else 0.1),
    )
    dataset = LightlyDataset(str(folder), transform=transform)
    loader: Any = torch.utils.data.DataLoader(
        dataset, batch_size=batch, shuffle=True, drop_last=True, num_workers=WORKERS
    )
    backbone = build_backbone("resnet18", size, natural_stem(size))
    model = nn.Sequential(backbone, BarlowTwinsProjectionHead(512, WIDTH, WIDTH)).to(memory_format=layout)
    criterion, optimizer = BarlowTwinsLoss(), torch.optim.SGD(model.parameters(), lr=0.06)

    def step(found: tuple[list[Tensor], Tensor, list[str]]) -> None:
        first, second = (view.contiguous(memory_format=layout) for view in found[0])
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            projections = model(first), model(second)
        loss = criterion(*(projection.float() for projection in projections))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return time_loop(loader, step, steps)


SIDES = {"ours": ours, "lightly": lightly, "tuned": tuned}


def compare(size: int, batch: int, steps: int, turns: int, home: Path) -> dict[str, Any]:
    """Return the figures at one size."""
    folder = home / "images"
    write_cifar10_flat(folder, max(IMAGES, (steps + 2) * batch), size)
    words = (str(folder), str(size), str(batch), str(steps))
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Side("pretrain_step", name, *words)) for name in SIDES}
        found = take_turns(sides, turns)
    mine_found, theirs_found = found["ours"], found["lightly"]
    decoding = middle(mine_found, "decoding_seconds")
    first_pass = [{"seconds": turn["seconds"] + decoding} for turn in mine_found]
    return plain(
        ratio_vs_lightly=ratios(theirs_found, mine_found, "seconds"),
        ratio_of_processor_time=ratios(theirs_found, mine_found, "processor_seconds"),
        ratio_of_the_first_pass=ratios(theirs_found, first_pass, "seconds"),
        ratio_vs_tuned_lightly=ratios(found["tuned"], mine_found, "seconds"),
        stall_share=middle(mine_found, "stall_share"),
        pairs_per_second=batch / middle(mine_found, "seconds"),
        lightly_pairs_per_second=batch / middle(theirs_found, "seconds"),
        lightly_stall_share=middle(theirs_found, "stall_share"),
    )


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratios and the share of stalls by size."""
    parser = argparse.ArgumentParser(prog="benchmarks pretrain-step", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 96], help="sides of the images in px")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch")
    parser.add_argument("--steps", type=int, default=2, help="steps timed in a turn, after one that is not")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side; the median counts")
    options = parser.parse_args(argv)
    found: dict[str, Any] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as home:
            found[f"{size}px"] = compare(size, options.batch, options.steps, options.turns, Path(home))
    header = ("size", *(name.replace("_", " ") for name in next(iter(found.values()))))
    print(table(header, [[size, *map(str, values.values())] for size, values in found.items()]))
    return found


if __name__ == "__main__":
    name, folder, *numbers = sys.argv[1:]
    serve(SIDES[name](Path(folder), *map(int, numbers)))
