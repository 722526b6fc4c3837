"""3×3 convolutions, forward and backward on the CPU: Winograd's algorithm against torch's own, fp32, channels_last.

The layers are those of ResNet-18 with the 3×3 stem; `--size` is the side of the images.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import geometric_mean, median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.compute import keep_freed_memory
from barlowmatch.models.winograd import convolve
from benchmarks.measuring import table

WIDTHS = (64, 128, 256, 512)
Convolution = Callable[[Tensor, Tensor], Tensor]


def milliseconds(function: Convolution, images: Tensor, weight: Tensor, behind: Tensor) -> tuple[float, float]:
    """Return the milliseconds of one pass forward and one backward."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    started = time.perf_counter()
    outputs = function(images, weight)
    between = time.perf_counter()
    outputs.backward(behind)  # type: ignore[no-untyped-call]
    return 1e3 * (between - started), 1e3 * (time.perf_counter() - between)


def compare(width: int, side: int, batch: int, turns: int) -> tuple[float, float, float, float]:
    """Return the library's milliseconds forward and backward and then ours, the median of turns."""
    shape = (batch, width, side, side)
    images, behind = (torch.randn(shape).contiguous(memory_format=torch.channels_last) for _ in range(2))
    weight = torch.randn(width, width, 3, 3).contiguous(memory_format=torch.channels_last)
    plain = partial(F.conv2d, padding=1)
    found = [
        (*milliseconds(plain, images, weight, behind), *milliseconds(convolve, images, weight, behind))
        for _ in range(turns + 1)
    ]
    theirs_forward, theirs_backward, forward, backward = (median(column) for column in zip(*found[1:], strict=True))
    return theirs_forward, theirs_backward, forward, backward


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratios over all layers."""
    parser = argparse.ArgumentParser(prog="benchmarks convolution", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="side of the images in px")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch")
    parser.add_argument("--turns", type=int, default=5, help="turns of each side; the median counts")
    options = parser.parse_args(argv)
    keep_freed_memory()
    sides = [-(-options.size // 2**stage) for stage in range(len(WIDTHS))]
    times = [compare(*layer, options.batch, options.turns) for layer in zip(WIDTHS, sides, strict=True)]
    header = ("channels", "map", "forward, torch ms", "ours", "backward, torch ms", "ours", "ratio")
    rows = [
        [str(width), f"{side} px", f"{tf:.0f}", f"{f:.0f}", f"{tb:.0f}", f"{b:.0f}", f"{(tf + tb) / (f + b):.2f}"]
        for width, side, (tf, tb, f, b) in zip(WIDTHS, sides, times, strict=True)
    ]
    print(table(header, rows))
    return {
        "ratio_forward": round(geometric_mean(theirs / ours for theirs, _, ours, _ in times), 2),
        "ratio_backward": round(geometric_mean(theirs / ours for _, theirs, _, ours in times), 2),
        "ratio_vs_torch": round(geometric_mean((tf + tb) / (f + b) for tf, tb, f, b in times), 2),
    }
