"""Batch norm, what is added to it, the ReLU and the stem's max-pool, forward and back on the CPU: ours against torch's.

The maps are those of ResNet-18: of its stem for images of 96 px, and of its blocks for `--size`.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import geometric_mean, median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barlowmatch.fast.allocator import keep_freed_memory
from barlowmatch.fast.loops import norms, pooled_norms
from barlowmatch.fast.norms import norm_relu
from benchmarks.measuring import table
from benchmarks.operations import forward_and_back

STEM = (64, 48)


def relu(norm: nn.BatchNorm2d, values: Tensor) -> Tensor:
    """Return what torch makes of a block's first norm."""
    return F.relu(norm(values), inplace=True)


def add_and_relu(norm: nn.BatchNorm2d, values: Tensor, added: Tensor) -> Tensor:
    """Return what torch makes of a block's second norm."""
    return F.relu(norm(values) + added, inplace=True)


def relu_and_pool(norm: nn.BatchNorm2d, values: Tensor) -> Tensor:
    """Return what torch makes of a stem's norm."""
    return F.max_pool2d(relu(norm, values), 3, 2, 1)


Operation = Callable[..., Tensor]
BY_TORCH: dict[str, Operation] = {
    "norm, ReLU": relu, "norm, addition, ReLU": add_and_relu, "norm, ReLU, pool": relu_and_pool
}  # fmt: skip
OURS: dict[str, Operation] = {
    "norm, ReLU": partial(norm_relu, norms), "norm, addition, ReLU": partial(norm_relu, norms),
    "norm, ReLU, pool": pooled_norms.norm_relu_pool,
}  # fmt: skip


def compare(what: str, channels: int, size: int, batch: int, turns: int) -> tuple[float, float]:
    """Return the milliseconds of torch's operations and of ours, forward and back, the median of turns."""
    norm = nn.BatchNorm2d(channels)
    theirs, ours = partial(BY_TORCH[what], norm), partial(OURS[what], norm)
    inputs = tuple(
        torch.randn(batch, channels, size, size).contiguous(memory_format=torch.channels_last)
        for _ in range(1 + ("addition" in what))
    )
    behind = torch.randn_like(theirs(*inputs).detach())
    found = [[sum(forward_and_back(side, inputs, behind)) for side in (theirs, ours)] for _ in range(turns + 1)]
    one, other = (median(column) for column in zip(*found[1:], strict=True))
    return one, other


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratios over all maps."""
    parser = argparse.ArgumentParser(prog="benchmarks norms", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="side of the blocks' first maps in px")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch")
    parser.add_argument("--turns", type=int, default=7, help="turns of each side; the median counts")
    options = parser.parse_args(argv)
    keep_freed_memory()
    maps = [(64 * 2**stage, -(-options.size // 2**stage)) for stage in range(4)]
    cases = [(what, *one) for what in ("norm, ReLU", "norm, addition, ReLU") for one in maps]
    cases.append(("norm, ReLU, pool", *STEM))
    times = [compare(*case, options.batch, options.turns) for case in cases]
    rows = [
        [what, str(channels), f"{side} px", f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.2f}"]
        for (what, channels, side), (theirs, ours) in zip(cases, times, strict=True)
    ]
    print(table(("what", "channels", "map", "torch ms", "ours", "ratio"), rows))
    return {
        "ratio_vs_torch": round(geometric_mean(theirs / ours for theirs, ours in times[:-1]), 2),
        "ratio_of_the_stem": round(times[-1][0] / times[-1][1], 2),
    }
